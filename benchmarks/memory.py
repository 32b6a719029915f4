"""Main memory of training, by length of the texts, rows, encoder and precision, and the accuracy of its estimate.

Each case trains a few steps in a process of its own, with the environment of a worker. Texts differ in length, from an eighth of
the longest up, so that growth due to changing lengths is measured.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.quality import ROOT, app

TWELVE_LAYERS = "twelve"
"""An encoder with random weights: the bundled one with twice as many layers."""

WORDS = ("account", "card", "payment", "refund", "order", "late", "broken", "screen", "window", "invoice", "address", "fee")


@app.command()
def memory(
    lengths: Annotated[list[int] | None, typer.Option("--length", help="Tokens of the longest text; repeatable.")] = None,
    rows: Annotated[list[int] | None, typer.Option("--rows", help="Training texts; repeatable.")] = None,
    models: Annotated[list[str] | None, typer.Option("--model", help="bundled, twelve or a folder; repeatable.")] = None,
    precisions: Annotated[list[str] | None, typer.Option("--precision", help="float32 or bfloat16; repeatable.")] = None,
    steps: Annotated[int, typer.Option(help="Steps of each case.")] = 3,
    max_memory: Annotated[str, typer.Option(help="Value of TUNEBOARD_MAX_MEMORY, such as 3GiB.")] = "",
) -> None:
    """Measure peak memory in MiB of the first full-size step and after some steps, its estimate, and the seconds until step 1."""
    typer.echo(
        "| encoder | precision | longest, tokens | rows | estimated | trial step | after the steps | before the first step, s |"
    )
    typer.echo("|---|---|---|---|---|---|---|---|")
    for model in models or ["bundled", TWELVE_LAYERS]:
        for precision in precisions or ["float32"]:
            for length in lengths or [16, 128, 512]:
                for num_rows in rows or [2000]:
                    case = {"model": model, "precision": precision, "length": length, "rows": num_rows, "steps": steps}
                    found = _in_process(case, max_memory)
                    peaks = " | ".join(f"{found[name]:,.0f}" for name in ("foreseen", "rehearsal", "steps"))
                    typer.echo(f"| {model} | {precision} | {length} | {num_rows:,} | {peaks} | {found['seconds']:.1f} |")


def _in_process(case: Mapping[str, Any], max_memory: str) -> dict[str, float]:
    from core.config.settings import Settings
    from core.runs.scheduler.worker_env import worker_environment

    settings = Settings.from_environment({**os.environ, "TUNEBOARD_MAX_MEMORY": max_memory})
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.memory", json.dumps({**case, "max_memory_mib": settings.max_memory_mib}), folder],
            cwd=ROOT,
            env=worker_environment(settings, "bundled"),
            stdout=subprocess.PIPE,
            check=True,
        )
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


class _Watching:
    """Records the peak before the first step, and requests a stop after some steps."""

    def __init__(self, steps: int) -> None:
        self._left, self._began = steps, time.monotonic()
        self.found: dict[str, float] = {}

    def metrics(self, values: Mapping[str, float]) -> None:
        """Ignore metrics."""

    def event(self, kind: str, message: str, **facts: Any) -> None:  # noqa: ARG002  (a recorder's)
        """Print the message."""
        typer.echo(message, err=True)

    def stop_requested(self) -> bool:
        """Called before every step."""
        self.found.setdefault("rehearsal", _peak_mib())
        self.found.setdefault("seconds", time.monotonic() - self._began)
        self._left -= 1
        return self._left < 0


def _peak_mib() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _measure(case: dict[str, Any], folder: Path) -> dict[str, float]:
    from core.machine.memory import cap_own_memory
    from core.models.hub import describe
    from core.training.fine_tune import Places, fine_tune
    from core.training.planning.estimates import Surroundings
    from core.training.planning.memory_footprint import MemoryLimits
    from core.training.planning.run_plan import new_run_config, plan
    from core.training.tracking.recorder import TrainingStopped

    model = _twelve_layers(folder / "twelve") if case["model"] == TWELVE_LAYERS else case["model"]
    dataset = _made(folder / "data", case["rows"], case["length"])
    values = {"epochs": 1, "batch_size": 32, "precision": case["precision"], "device": "cpu"}
    config, _ = new_run_config(dataset, hub_folder=folder, model=model, values=values)
    limit = case["max_memory_mib"]
    foreseen = plan(config, dataset, describe(model, folder), Surroundings(max_memory_mib=limit)).memory_mib
    cap_own_memory(limit)
    places = Places(
        checkpoints=folder / "checkpoints", model=folder / "model", predictions=folder / "p.parquet", hub_models=folder
    )
    watching = _Watching(case["steps"])
    try:
        fine_tune(config, dataset, places, watching, limits=MemoryLimits(max_memory_mib=limit))
    except TrainingStopped:
        typer.echo("stopped", err=True)
    return {**watching.found, "steps": _peak_mib(), "foreseen": float(foreseen or 0)}


def _made(folder: Path, num_rows: int, length: int) -> Any:
    """A data set of two labels, with a tenth as many rows for validation and for test."""
    import numpy as np
    import pandas as pd

    from core.datasets.dataset import hash_examples, write_dataset
    from core.tasks import get_task

    random, task = np.random.default_rng(0), get_task("single_label")
    total = num_rows + 2 * max(1, num_rows // 10)
    words = np.array(WORDS)
    counts = random.integers(max(1, length // 8), max(2, length - 1), total)
    labels = np.array(["card", "order"])[random.integers(0, 2, total)]
    examples = pd.DataFrame(
        {
            "text": [" ".join(words[random.integers(0, len(words), count)]) for count in counts],
            "label": labels,
            "split": ["train"] * num_rows + ["validation", "test"] * ((total - num_rows) // 2),
        }
    ).assign(id=range(total), record=range(1, total + 1))
    by_split = {str(name): part for name, part in examples.groupby("split")}
    columns = ["split", "text", "label"]
    about = {
        "id": "made",
        "task": "single_label",
        "labels": task.label_names(examples),
        "num_examples": {name: len(part) for name, part in by_split.items()},
        "label_counts": {name: task.label_counts(part) for name, part in by_split.items()},
        "content_hash": hash_examples(examples, columns),
        "test_hash": hash_examples(by_split["test"], columns),
        "splitting": {"method": "fixed"},
        "source": {},
        "notes": [],
        "created_at": "2026-01-01T00:00:00+00:00",
    }
    return write_dataset(folder, examples, about)


def _twelve_layers(folder: Path) -> str:
    import shutil

    from transformers import AutoConfig, AutoModel

    from core.models.hub import bundled_folder

    config = AutoConfig.from_pretrained(bundled_folder())
    config.num_hidden_layers = 12
    AutoModel.from_config(config).save_pretrained(folder, safe_serialization=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        if (bundled_folder() / name).is_file():
            shutil.copy(bundled_folder() / name, folder / name)
    shutil.copytree(bundled_folder() / "1_Pooling", folder / "1_Pooling")
    return str(folder)


if __name__ == "__main__":
    print(json.dumps(_measure(json.loads(sys.argv[1]), Path(sys.argv[2]))))
