"""Parts that measure speed: Tuneboard and ``transformers.Trainer``, the GPU's peak rate, synchronizations, and a profile."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.gpu.bench import Bench, ListRecorder, check

MOST_S = 3.0
"""Seconds for which each contender's steps are timed."""

WARM_UP_STEPS, PROFILED_STEPS = 40, 10
"""Warm-up steps before profiling, and profiled steps."""

TOP = 15
"""Kernels listed in a profile."""


def contest(length: int) -> Callable[[Bench], None]:
    """A part: examples/s and memory of every contender, with both models and texts of one length."""

    def carry_out(bench: Bench) -> None:
        from benchmarks.contenders import matrix_peak

        peak = (matrix_peak([256]) if bench.is_rehearsal else matrix_peak())["flops"]
        bench.note("matrix_peak", peak)
        texts, labels = bench.texts(bench.size(length, 16), bench.size(10_000 if length < 100 else 4_000, 100))
        for model in ("bundled", "base"):
            _race(bench, model, texts, labels, peak)
            mine = bench.notes[f"{model} ours"]
            check("error" not in mine, f"Ours failed: {mine}")

    return carry_out


def _race(bench: Bench, model: str, texts: list[str], labels: list[int], peak: float) -> None:
    """Run every contender in turn."""
    import torch

    from benchmarks.contenders import ours, trainer

    reference, most_s = bench.model(model), float(bench.size(int(MOST_S), 1))
    contenders: dict[str, Callable[[Path], dict[str, float]]] = {
        "ours": lambda folder: ours(texts, labels, len(texts), reference, folder, most_s=most_s),
        "trainer_defaults": lambda folder: trainer(texts, labels, reference, folder, tuned=False, most_s=most_s),
        "trainer_tuned_32": lambda folder: trainer(texts, labels, reference, folder, tuned=True, most_s=most_s),
        "trainer_tuned_128": lambda folder: trainer(texts, labels, reference, folder, tuned=True, batch_size=128, most_s=most_s),
    }
    for name, contender in contenders.items():
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            try:
                answer: dict[str, Any] = dict(contender(Path(folder)))
            except Exception as error:  # noqa: BLE001  (one contender that fails must not hide the others)
                answer = {"error": f"{type(error).__name__}: {error}"[:500]}
        if "flops_per_row" in answer:
            answer["share_of_peak"] = answer["flops_per_row"] * answer["rows_per_s"] / peak
        bench.note(f"{model} {name}", {**answer, "whole_s": round(time.monotonic() - start, 1)})


class _Watch(ListRecorder):
    """Recorder that calls back at two steps; it counts steps by the stop check before each of them."""

    def __init__(self, begin: Callable[[], None], end: Callable[[], None], first: int, last: int) -> None:
        super().__init__(stop_after=last + 1)
        self._calls = {first: begin, last: end}

    def stop_requested(self) -> bool:
        """Count the step that starts."""
        call = self._calls.get(self.asked)
        if call is not None:
            call()
        return super().stop_requested()


def steps(bench: Bench) -> None:
    """How often a Tuneboard step waits for the device, which kernels take the GPU's time, and how long the GPU is idle."""
    bench.note("waits", _waits(bench))
    bench.note("profile", _profile(bench))


def _waits(bench: Bench) -> dict[str, Any]:
    import torch

    places: dict[str, int] = {}

    def begin() -> None:
        if torch.cuda.is_available():
            torch.cuda.set_sync_debug_mode("warn")

    def end() -> None:
        if torch.cuda.is_available():
            torch.cuda.set_sync_debug_mode("default")

    first, last = _span(bench)
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


def _profile(bench: Bench) -> dict[str, Any]:
    import torch
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as torch_profile

    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if torch.cuda.is_available() else [])]
    profiler = torch_profile(activities=activities)
    clock: dict[str, float] = {}

    def begin() -> None:
        profiler.start()
        clock["start"] = time.perf_counter()

    def end() -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        clock["wall_s"] = time.perf_counter() - clock["start"]
        profiler.stop()

    first, last = _span(bench)
    _train_some(bench, _Watch(begin, end, first, last))
    averages = profiler.key_averages()
    on_gpu = [row for row in averages if row.device_type.name == "CUDA"]
    busy_us = sum(row.self_device_time_total for row in on_gpu)  # one stream, so no two overlap
    by_gpu = sorted(on_gpu, key=lambda row: -row.self_device_time_total)
    by_cpu = sorted(averages, key=lambda row: -row.self_cpu_time_total)
    return {
        "steps": last - first,
        "ms_per_step": 1e3 * clock["wall_s"] / (last - first),
        "gpu_busy": busy_us / 1e6 / clock["wall_s"],
        "kernels_per_step": sum(row.count for row in on_gpu) / (last - first),
        "gpu": [{"name": row.key[:100], "ms": row.self_device_time_total / 1e3, "calls": row.count} for row in by_gpu[:TOP]],
        "cpu": [{"name": row.key[:100], "ms": row.self_cpu_time_total / 1e3, "calls": row.count} for row in by_cpu[:TOP]],
    }


def _span(bench: Bench) -> tuple[int, int]:
    return bench.size(WARM_UP_STEPS, 2), bench.size(WARM_UP_STEPS + PROFILED_STEPS, 6)


def _train_some(bench: Bench, recorder: ListRecorder) -> None:
    from benchmarks.contenders import automatic_run, train_here

    texts, labels = bench.texts(16, bench.size(3_500, 200))
    with tempfile.TemporaryDirectory() as name:
        as_for, model = bench.size(10_000, 200), bench.model("bundled")
        config, dataset = automatic_run(texts, labels, as_for, model, Path(name), device=bench.device)
        train_here(config, dataset, Path(name), recorder)
    check(recorder.asked > (recorder.stop_after or 0), "There were too few steps to profile.")
