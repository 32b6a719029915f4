"""Duration of each repair's preview, and of saving it as a version, on many rows: ``python -m benchmarks repairing``."""

import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from benchmarks.checking import made
from benchmarks.quality import app
from core.datasets.dataset import Dataset, hash_examples, write_dataset
from core.datasets.repairs import REPAIRS, RepairStep
from core.datasets.versions.draft import compare_versions, draft_version, write_version
from core.tasks import SPLITS, get_task

_TASK = "single_label"
_PHRASE = "please write to"


@app.command("repairing")
def repairing(
    rows: Annotated[int, typer.Option(min=10_000, help="Rows of the synthetic data set.")] = 100_000,
    seed: Annotated[int, typer.Option(help="Seed of texts and faults.")] = 0,
) -> None:
    """Measure the duration of every repair, one line of Markdown each."""
    random = np.random.default_rng(seed)
    examples, _ = made(rows, random)
    with tempfile.TemporaryDirectory() as folder:
        dataset = _written(Path(folder) / "parent", examples, random)
        parameters = _parameters(examples, random)
        typer.echo(f"{len(examples):,} rows, seconds (CPU seconds):\n")
        typer.echo("| repair | rows changed | removed | preview | saving | comparing the versions |")
        typer.echo("|---|---|---|---|---|---|")
        for name, repair in REPAIRS.items():
            if not repair.tasks or _TASK in repair.tasks:
                typer.echo(_line(dataset, RepairStep(repair=name, parameters=parameters.get(name, {})), Path(folder) / name))


def _line(dataset: Dataset, step: RepairStep, folder: Path) -> str:
    clock = _Clock()
    draft = draft_version(dataset, [step])
    counts = f"{len(draft.compared.changed):,} | {len(draft.compared.removed):,}"
    previewed = clock.lap()
    if not draft.changes_anything:
        return f"| {step.repair} | {counts} | {previewed} | – | – |"
    version = write_version(draft, folder, version=2)
    kept = clock.lap()
    compare_versions(dataset, version)
    return f"| {step.repair} | {counts} | {previewed} | {kept} | {clock.lap()} |"


class _Clock:
    def __init__(self) -> None:
        self._begun = time.perf_counter(), time.process_time()

    def lap(self) -> str:
        """Seconds since the last lap."""
        now = time.perf_counter(), time.process_time()
        told = f"{now[0] - self._begun[0]:.1f} ({now[1] - self._begun[1]:.1f})"
        self._begun = now
        return told


def _parameters(examples: pd.DataFrame, random: np.random.Generator) -> dict[str, dict[str, Any]]:
    """Parameters of the repairs that need some: a hundredth of the rows, or one or two labels."""
    some = sorted(random.choice(len(examples), len(examples) // 100, replace=False).tolist())
    return {
        "cut_boilerplate": {"phrases": [_PHRASE]},
        "merge_labels": {"mapping": {"topic b": "topic a"}},
        "drop_labels": {"labels": ["topic c"]},
        "unlabel": {"labels": ["topic d"]},
        "drop_rows": {"ids": some},
        "correct_labels": {"corrections": [{"id": id_, "label": "topic e"} for id_ in some]},
        "split_by_group": {"column": "customer"},
        "split_by_time": {"column": "day"},
    }


def _written(folder: Path, examples: pd.DataFrame, random: np.random.Generator) -> Dataset:
    task = get_task(_TASK)
    empty = examples.index[examples["split"] == "train"][: len(examples) // 100]
    examples.loc[empty, "split"] = "validation"
    by_split = {name: examples[examples["split"] == name] for name in SPLITS}
    number = len(examples)
    extra = pd.DataFrame(
        {
            "customer": [f"c{one}" for one in random.integers(0, number // 10, number)],
            "day": [f"2024-{1 + one % 12:02d}-{1 + one % 28:02d}" for one in random.integers(0, 1000, number)],
        },
        index=examples["id"],
        dtype=object,
    )
    description = {
        "id": folder.name,
        "task": _TASK,
        "labels": task.label_names(by_split["train"]),
        "num_examples": {name: len(part) for name, part in by_split.items()},
        "label_counts": {name: task.label_counts(part) for name, part in by_split.items()},
        "content_hash": hash_examples(examples, ["split", "text", "label"]),
        "test_hash": hash_examples(by_split["test"], ["text", "label"]),
        "splitting": {"method": "stratified", "seed": 0, "fractions": [0.8, 0.1, 0.1]},
        "source": {},
        "extra_columns": list(extra.columns),
    }
    return write_dataset(folder, examples, description, extra=extra)
