"""Parts that ask how fast: ours beside ``transformers.Trainer``, the GPU's best rate, waits for the device, and where time goes."""

from __future__ import annotations

import contextlib
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.gpu.bench import Bench, ListRecorder, check

MOST_S = 4.0
"""Seconds of steps that each contender is timed for."""

WARM_UP_STEPS, PROFILED_STEPS = 30, 40
"""Steps before looking closer, and steps that are looked at."""

TOP = 15
"""Kernels of a profile that are named."""


def contest(model: str, length: int) -> Callable[[Bench], dict[str, Any]]:
    """A part: rows a second and memory of every contender with one model and texts of one length."""

    def carry_out(bench: Bench) -> dict[str, Any]:
        import torch

        from benchmarks.contenders import matrix_peak, ours, trainer

        num_rows = bench.size(10_000 if length < 100 else 6_000, 200)
        texts, labels = bench.texts(length, num_rows)
        reference, most_s = bench.model(model), float(bench.size(int(MOST_S), 1))
        contenders: dict[str, Callable[[Path], dict[str, float]]] = {
            "ours": lambda folder: ours(texts, labels, num_rows, reference, folder, most_s=most_s),
            "trainer_defaults": lambda folder: trainer(texts, labels, reference, folder, tuned=False, most_s=most_s),
            "trainer_tuned_32": lambda folder: trainer(texts, labels, reference, folder, tuned=True, most_s=most_s),
            "trainer_tuned_128": lambda folder: trainer(
                texts, labels, reference, folder, tuned=True, batch_size=128, most_s=most_s
            ),
        }
        answers: dict[str, Any] = {"matrix_peak": (matrix_peak([256]) if bench.is_rehearsal else matrix_peak())["flops"]}
        for name, contender in contenders.items():
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            start = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                try:
                    answers[name] = {**contender(Path(folder)), "whole_s": round(time.monotonic() - start, 1)}
                except Exception as error:  # noqa: BLE001  (one contender that fails must not hide the others)
                    answers[name] = {"error": f"{type(error).__name__}: {error}"[:500]}
        mine = answers["ours"]
        check("error" not in mine, f"Ours failed: {mine}")
        answers["share_of_peak"] = mine["flops_per_row"] * mine["rows_per_s"] / answers["matrix_peak"]
        return answers

    return carry_out


class _Watch(ListRecorder):
    """Calls back at one step and at another; training asks before each step whether it should stop."""

    def __init__(self, begin: Callable[[], None], end: Callable[[], None], first: int, last: int) -> None:
        super().__init__(stop_after=last + 1)
        self._calls = {first: begin, last: end}

    def stop_requested(self) -> bool:
        """The step that begins is one more."""
        call = self._calls.get(self.asked)
        if call is not None:
            call()
        return super().stop_requested()


def waits(bench: Bench) -> dict[str, Any]:
    """How often a step of ours waits for the device."""
    import torch

    caught: list[warnings.WarningMessage] = []
    places: dict[str, int] = {}

    def begin() -> None:
        if torch.cuda.is_available():
            torch.cuda.set_sync_debug_mode("warn")

    def end() -> None:
        if torch.cuda.is_available():
            torch.cuda.set_sync_debug_mode("default")

    first, last = _steps(bench)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _train_some(bench, _Watch(begin, end, first, last))
    for warning in caught:
        if "synchroniz" in str(warning.message):
            place = f"{Path(warning.filename).name}:{warning.lineno}"
            places[place] = places.get(place, 0) + 1
    return {
        "steps": last - first,
        "waits_per_step": sum(places.values()) / (last - first),
        "places": dict(sorted(places.items(), key=lambda item: -item[1])[:TOP]),
    }


def profile(bench: Bench) -> dict[str, Any]:
    """Which kernels take the GPU's time, and how much of it is left unused."""
    import torch
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as torch_profile

    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if torch.cuda.is_available() else [])]
    profiler = torch_profile(activities=activities)
    clock: dict[str, float] = {}

    def begin() -> None:
        profiler.__enter__()
        clock["start"] = time.perf_counter()

    def end() -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        clock["wall_s"] = time.perf_counter() - clock["start"]
        profiler.__exit__(None, None, None)

    first, last = _steps(bench)
    _train_some(bench, _Watch(begin, end, first, last))
    on_gpu = [event for event in profiler.events() or [] if event.device_type == torch.autograd.DeviceType.CUDA]
    spans = sorted((event.time_range.start, event.time_range.end) for event in on_gpu)
    busy_us, reached = 0.0, 0.0
    for start, stop in spans:
        busy_us += max(0.0, stop - max(start, reached))
        reached = max(reached, stop)
    averages = profiler.key_averages()
    time_of = (lambda row: row.self_device_time_total) if spans else (lambda row: row.self_cpu_time_total)
    rows = sorted(averages, key=lambda row: -time_of(row))
    return {
        "steps": last - first,
        "ms_per_step": 1e3 * clock["wall_s"] / (last - first),
        "gpu_busy": busy_us / 1e6 / clock["wall_s"],
        "kernels_per_step": len(spans) / (last - first),
        "top": [{"name": row.key[:120], "ms": time_of(row) / 1e3, "calls": row.count} for row in rows[:TOP]],
        "top_cpu": [
            {"name": row.key[:120], "ms": row.self_cpu_time_total / 1e3, "calls": row.count}
            for row in sorted(averages, key=lambda row: -row.self_cpu_time_total)[:TOP]
        ],
    }


def _steps(bench: Bench) -> tuple[int, int]:
    return bench.size(WARM_UP_STEPS, 2), bench.size(WARM_UP_STEPS + PROFILED_STEPS, 6)


def _train_some(bench: Bench, recorder: ListRecorder) -> None:
    from benchmarks.contenders import automatic_run, places_in
    from core.training.fine_tune import fine_tune
    from core.training.recorder import TrainingStopped

    texts, labels = bench.texts(16, bench.size(10_000, 200))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config, dataset = automatic_run(texts, labels, len(texts), bench.model("bundled"), folder, device=bench.device)
        with contextlib.suppress(TrainingStopped):
            fine_tune(config, dataset, places_in(folder), recorder)
    check(recorder.asked > recorder.stop_after if recorder.stop_after else True, "There were too few steps to look at.")
