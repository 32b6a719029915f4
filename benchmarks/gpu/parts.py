"""The parts in their order, each run in a process with a time limit; a failure does not prevent the next part."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.gpu import correctness, speed
from benchmarks.gpu.bench import ROOT, Bench, CheckError, notes_file
from core.runs.directory.run_dir import read_json

WHOLE_S = 360.0
"""Time limit of all parts together, in seconds."""

REHEARSAL_THREADS = "1"

SLOWER_IN_REHEARSAL = 3
"""Times as long as on a GPU's machine a part may take in a rehearsal, where few cores do what many do there."""

THREADS_BESIDE = "3"
"""CPU threads of each of the parts that run at the same time."""

LINE_CHARACTERS = 900
"""Characters of a part's results on screen; ``gpu.json`` has all of them."""


@dataclass(frozen=True)
class Part:
    """One part of the benchmark, run in a process of its own.

    Attributes:
        ask: records results for ``gpu.json``, or fails.
        limit_s: time limit in seconds.
        beside: whether it may run in parallel with other such parts, because nothing is timed.
    """

    ask: Callable[[Bench], None]
    limit_s: float
    beside: bool = False

    def carry_out(self, bench: Bench, answer: Path) -> None:
        """Run the part and write its result: ``ok``, ``answer`` or ``error``, ``duration_s``."""
        start = time.monotonic()
        try:
            self.ask(bench)
            said: dict[str, Any] = {"ok": True}
        except CheckError as failed:
            said = {"ok": False, "error": str(failed)}
        except Exception as error:  # noqa: BLE001  (the boundary of the process: the next part must run in any case)
            traceback.print_exc()
            said = {"ok": False, "error": f"{type(error).__name__}: {error}"[:2000]}
        said["answer"] = bench.notes
        answer.write_text(json.dumps({**said, "duration_s": round(time.monotonic() - start, 1)}), encoding="utf-8")


PARTS: dict[str, Part] = {
    "samples": Part(correctness.samples, 120, beside=True),
    "killed": Part(correctness.killed, 110, beside=True),
    "precisions": Part(correctness.precisions, 90, beside=True),
    "resuming": Part(correctness.resuming, 120, beside=True),
    "steps": Part(speed.steps, 75),
    "speed_16": Part(speed.contest(16), 75),
    "speed_256": Part(speed.contest(256), 75),
    "out_of_memory": Part(correctness.out_of_memory, 75),
    "same_on_cpu": Part(correctness.same_on_cpu, 40),
}


@dataclass
class _Running:
    name: str
    process: subprocess.Popen[bytes]
    answer: Path
    log: Path
    deadline: float


def run_parts(out: Path, names: list[str], *, is_rehearsal: bool) -> bool:
    """Run the given parts, or all; results are written to ``gpu.json`` and ``gpu.log``.

    Args:
        out: folder of the two files.
        names: names of parts.
        is_rehearsal: on the CPU with tiny sizes.

    Returns:
        Whether all parts succeeded.
    """
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"There is no part {unknown[0]!r}; expected one of {', '.join(PARTS)}.", file=sys.stderr)
        return False
    chosen = [name for name in PARTS if not names or name in names]
    end = time.monotonic() + WHOLE_S * (SLOWER_IN_REHEARSAL if is_rehearsal else 1)
    out.mkdir(parents=True, exist_ok=True)
    answers: dict[str, Any] = {"machine": _machine(), "rehearsal": is_rehearsal, "parts": {}}
    with tempfile.TemporaryDirectory() as work, (out / "gpu.log").open("w", encoding="utf-8") as log:
        bench = Bench(Path(work), is_rehearsal=is_rehearsal)
        _make_ready(bench)
        for group in _groups(chosen):
            running = [_start(name, bench, end) for name in group]
            for part in running:
                answers["parts"][part.name] = _finish(part)
                log.write(f"===== {part.name}\n{part.log.read_text(encoding='utf-8', errors='replace')}\n")
                log.flush()
                (out / "gpu.json").write_text(json.dumps(answers, indent=1), encoding="utf-8")
                print(_line(part.name, answers["parts"][part.name]), flush=True)
    return all(answer["ok"] for answer in answers["parts"].values())


def _make_ready(bench: Bench) -> None:
    """Create models and data sets that several parts read, so that no two parts write them at once."""
    for model in ("bundled", "base"):
        bench.model(model)
    for name in correctness.CPU_SCORES:
        bench.dataset(name)


def _groups(names: list[str]) -> list[list[str]]:
    together = [name for name in names if PARTS[name].beside]
    alone = [[name] for name in names if name not in together]
    return [together, *alone] if together else alone


def _start(name: str, bench: Bench, end: float) -> _Running:
    answer, log = bench.work / f"{name}.json", bench.work / f"{name}.log"
    mode = "--rehearsal" if bench.is_rehearsal else "--on-gpu"
    command = [sys.executable, "-m", "benchmarks.gpu", "part", name, str(bench.work), str(answer), mode]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"}
    environment |= {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}  # deterministic products need it before CUDA starts
    if bench.is_rehearsal:
        environment |= {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": REHEARSAL_THREADS, "TUNEBOARD_THREADS": REHEARSAL_THREADS}
    elif PARTS[name].beside:
        environment |= {"OMP_NUM_THREADS": THREADS_BESIDE, "TUNEBOARD_THREADS": THREADS_BESIDE}
    limit_s = PARTS[name].limit_s * (SLOWER_IN_REHEARSAL if bench.is_rehearsal else 1)
    deadline = min(end, time.monotonic() + limit_s)
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file, start_new_session=True)
    return _Running(name, process, answer, log, deadline)


def _finish(part: _Running) -> dict[str, Any]:
    try:
        part.process.wait(max(1.0, part.deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        os.killpg(part.process.pid, 9)  # it began a session of its own, so its workers go with it
        part.process.wait()
        error = "It exceeded its time limit."
    else:
        answer = read_json(part.answer)
        if answer is not None:
            return answer
        end = part.log.read_text(encoding="utf-8", errors="replace")[-1500:]
        error = f"It ended with {part.process.returncode}: {end}"
    notes = read_json(notes_file(part.answer)) or {}
    return {"ok": False, "error": error, "answer": notes, "duration_s": PARTS[part.name].limit_s}


def _machine() -> dict[str, Any]:
    import torch
    import transformers

    from core.machine.devices import machine

    is_cuda = torch.cuda.is_available()
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "title": machine().title,
        "cpu": machine().processor,
        "gpu": torch.cuda.get_device_name() if is_cuda else None,
        "capability": list(torch.cuda.get_device_capability()) if is_cuda else None,
        "native_bfloat16": machine().native_bfloat16,
    }


def _line(name: str, answer: dict[str, Any]) -> str:
    said = answer.get("error", "") + " " + json.dumps(answer.get("answer"), ensure_ascii=False)
    return f"{'ok' if answer['ok'] else 'FAILED'} {name} ({answer.get('duration_s', 0):.0f} s): {said.strip()[:LINE_CHARACTERS]}"
