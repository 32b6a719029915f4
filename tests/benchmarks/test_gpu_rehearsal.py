"""The GPU benchmark on a small scale on the CPU, so that it works when there is a GPU."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.gpu.bench import Bench, check
from benchmarks.gpu.parts import PARTS, Part, run_parts

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "benchmarks/gpu.sh", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=1100, check=False
    )


@pytest.mark.rehearsal
@pytest.mark.timeout(1150)
def test_every_part_of_the_gpu_measurement_runs_on_the_cpu(tmp_path: Path) -> None:
    done = run("rehearse", "--out", str(tmp_path))

    answers = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    failed = {name: answer["error"] for name, answer in answers["parts"].items() if not answer["ok"]}
    assert failed == {}
    assert list(answers["parts"]) == list(PARTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert answers["parts"]["samples"]["answer"]["news_entities"]["training"]["steps"] > 0
    assert answers["parts"]["resuming"]["answer"]["resume-float32-exact"] == {"losses": 0.0, "weights": 0.0}
    assert answers["parts"]["speed_16"]["answer"]["base ours"]["rows_per_s"] > 0
    assert (tmp_path / "gpu.log").stat().st_size > 0


@pytest.mark.rehearsal
def test_a_part_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = run("rehearse", "nonsense", "--out", str(tmp_path))

    assert done.returncode == 1
    assert "nonsense" in done.stderr
    assert "speed_16" in done.stderr


@pytest.mark.rehearsal
def test_a_part_that_takes_too_long_leaves_what_it_found_out_and_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(PARTS, "steps", replace(PARTS["steps"], limit_s=1.0))

    went_well = run_parts(tmp_path, ["steps", "same_on_cpu"], is_rehearsal=True)

    answers = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))["parts"]
    assert not went_well
    assert answers["steps"] == {"ok": False, "error": "It exceeded its time limit.", "answer": {}, "duration_s": 1.0}
    assert "There is no model of support_tickets" in answers["same_on_cpu"]["error"]
    assert "FAILED steps" in capsys.readouterr().out


def test_what_a_part_has_noted_is_kept_when_it_fails(tmp_path: Path) -> None:
    def ask(bench: Bench) -> None:
        bench.note("found", 1)
        check(False, "The rest went wrong.")

    Part(ask, limit_s=1.0).carry_out(Bench(tmp_path, notes_file=tmp_path / "notes.json"), tmp_path / "answer.json")

    said = json.loads((tmp_path / "answer.json").read_text(encoding="utf-8"))
    assert (said["ok"], said["error"], said["answer"]) == (False, "The rest went wrong.", {"found": 1})
    assert json.loads((tmp_path / "notes.json").read_text(encoding="utf-8")) == {"found": 1}
