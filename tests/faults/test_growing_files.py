"""The files of a run that grow: torn lines, and very many of them."""

import itertools
import json
import time
from pathlib import Path

from core.runs.directory.run_dir import LineReader, RunDir


def test_every_prefix_of_a_line_under_way_leaves_the_lines_before_it(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    run_dir.append_metrics({"step": 1})
    whole = run_dir.metrics_file.read_bytes()
    next_line = b'{"step": 2, "train/loss": 0.5}\n'
    for length in range(len(next_line)):
        run_dir.metrics_file.write_bytes(whole + next_line[:length])

        run_dir.end_torn_lines()
        run_dir.append_metrics({"step": 3})

        steps = [line["step"] for line in run_dir.metrics()]
        assert steps in ([1, 3], [1, 2, 3])  # all but its end is a whole line, too


def test_a_hundred_thousand_logged_steps_are_kept_and_drawn_as_few(tmp_path: Path) -> None:
    from dashboard.charts.curves import loss_curve
    from dashboard.runs.live_feed import RunFeed

    run_dir = RunDir(tmp_path)
    with run_dir.metrics_file.open("w") as file:
        for step in range(1, 100_001):
            when = {"step": step, "epoch": step / 1000, "time_s": step / 10}
            file.write(json.dumps({**when, "train/loss": 1 / step}) + "\n")
            if step % 1000 == 0:
                file.write(json.dumps({**when, "validation/loss": 2 / step}) + "\n")
    feed = RunFeed(run_dir)
    feed.refresh()
    run_dir.append_metrics({"step": 100_001, "epoch": 100.0, "time_s": 1e4, "train/loss": 0.0})
    began = time.process_time()

    rows, _ = feed.refresh()
    points = loss_curve(rows).points

    assert time.process_time() - began < 0.5
    assert len(rows) <= 8000
    assert len(points) < 3000
    assert sum("validation/loss" in row for row in rows) == 100
    steps = [row["step"] for row in rows if "train/loss" in row]
    assert steps[0] == 1
    assert steps[-200:] == list(range(99_802, 100_002))
    assert max(after - before for before, after in itertools.pairwise(steps)) <= 50  # no stretch is left out
    assert len(RunFeed(run_dir, keeps_all=True).refresh()[0]) == 100_101
    assert LineReader.at_end(run_dir.metrics_file, 4096).read_new()[-1]["step"] == 100_001
