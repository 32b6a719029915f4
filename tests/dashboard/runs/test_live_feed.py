"""Following a growing run directory."""

from pathlib import Path

import pytest

from core.runs.directory.run_dir import RunDir
from dashboard.runs.live_feed import RunFeed, progress_of


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    return RunDir(tmp_path)


def _train(run_dir: RunDir, *steps: int) -> None:
    for step in steps:
        run_dir.append_metrics({"step": step, "epoch": step / 10, "time_s": step * 2.0, "train/loss": 1.0})


def test_each_look_adds_only_what_is_new(run_dir: RunDir) -> None:
    feed = RunFeed(run_dir)
    _train(run_dir, 1, 2)
    assert len(feed.refresh()[0]) == 2
    _train(run_dir, 3)
    assert [row["step"] for row in feed.refresh()[0]] == [1, 2, 3]


def test_a_line_that_is_half_written_waits_for_the_next_look(run_dir: RunDir) -> None:
    feed = RunFeed(run_dir)
    run_dir.metrics_file.write_text('{"step": 1, "train/loss"', encoding="utf-8")
    assert feed.refresh()[0] == []
    with run_dir.metrics_file.open("a", encoding="utf-8") as file:
        file.write(": 2.0}\n")
    assert feed.refresh()[0] == [{"step": 1, "train/loss": 2.0}]


def test_a_resumed_run_drops_the_steps_it_went_back_over(run_dir: RunDir) -> None:
    feed = RunFeed(run_dir)
    _train(run_dir, 10)
    run_dir.append_metrics({"step": 10, "epoch": 1.0, "time_s": 21.0, "validation/loss": 0.9})
    _train(run_dir, 11, 12)
    _train(run_dir, 11)
    rows = feed.refresh()[0]
    assert [row["step"] for row in rows] == [10, 10, 11]
    assert any("validation/loss" in row for row in rows)


def test_training_and_validation_of_the_same_step_both_stay(run_dir: RunDir) -> None:
    feed = RunFeed(run_dir)
    run_dir.append_metrics({"step": 5, "time_s": 1.0, "validation/loss": 0.9})
    run_dir.append_metrics({"step": 5, "time_s": 1.0, "train/loss": 0.9})
    assert len(feed.refresh()[0]) == 2


def test_progress_tells_the_share_done_and_the_time_to_go(run_dir: RunDir) -> None:
    _train(run_dir, *range(1, 11))
    run_dir.append_event("plan", "Twenty steps.", total_steps=20, epochs=2, device="cpu")
    run_dir.append_event("phase", "Training.", phase="training")
    progress = progress_of(run_dir.metrics(), run_dir.events())
    assert progress.share == pytest.approx(0.5)
    assert progress.remaining_s == pytest.approx(20.0)
    assert (progress.phase, progress.plan["device"]) == ("training", "cpu")


def test_progress_of_a_run_that_wrote_nothing_is_none_at_all(run_dir: RunDir) -> None:
    progress = progress_of(run_dir.metrics(), run_dir.events())
    assert (progress.share, progress.remaining_s) == (0.0, None)
