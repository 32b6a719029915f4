"""Loops that ``benchmarks.speed`` compares, one per process: ``python -m benchmarks.contenders NAME CSV MODEL ROWS FOLDER``."""

import contextlib
import csv
import json
import math
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from accelerate.state import AcceleratorState
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    BertConfig,
    BertModel,
    DataCollatorWithPadding,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from core.config.run_config import RunConfig
from core.config.sections import LearningConfig
from core.datasets.dataset import Dataset, hash_examples, write_dataset
from core.machine.devices import machine
from core.models.build import load_tokenizer
from core.models.hub import describe
from core.training.fine_tune import Places, fine_tune
from core.training.planning.recipes import batch_size_of, get_recipe
from core.training.planning.run_plan import facts_of, new_run_config
from core.training.tracking.recorder import Recorder, TrainingStopped

WARM_UP = 0.15
"""Share of the rows that are trained on before the clock starts."""

MOST_WARM_UP_STEPS = 50

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def main(name: str, data: str, model: str, rows: str, workplace: str) -> None:
    """Run one contender, and print its result as JSON."""
    folder = Path(workplace)
    texts, labels, num_rows = read_rows(Path(data), int(rows))
    reference = str(base_sized_model(folder)) if model == "base" else model
    run: dict[str, Callable[[], dict[str, float]]] = {
        "peak": matrix_peak,
        "a": lambda: tutorial(texts, labels, reference),
        "b": lambda: trainer(texts, labels, reference, folder, tuned=False),
        "c": lambda: trainer(texts, labels, reference, folder, tuned=True),
        "ours": lambda: ours(texts, labels, num_rows, reference, folder),
    }
    print(json.dumps(run[name]()))


def read_rows(file: Path, rows: int) -> tuple[list[str], list[int], int]:
    """Texts and labels of some rows, evenly spread over the file, and its number of rows."""
    with file.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        names = list(reader.fieldnames or [])
        label = next(name for name in ("label", "category") if name in names)
        text = next(name for name in names if name != label)
        pairs = [(record[text], record[label]) for record in reader]
    num_rows = len(pairs)
    pairs = (pairs * (rows // len(pairs) + 1))[:: max(1, len(pairs) // rows)][:rows]
    ids = {name: i for i, name in enumerate(sorted({name for _, name in pairs}))}
    return [text for text, _ in pairs], [ids[name] for _, name in pairs], num_rows


def matrix_peak(sizes: Sequence[int] = (1024, 2048) if DEVICE == "cpu" else (4096, 8192)) -> dict[str, float]:
    """The best rate at which this machine multiplies matrices of some sizes in the precision that Automatic takes, in FLOP/s."""
    precision = getattr(torch, machine().precision)
    best = 0.0
    for size in sizes:
        left, right = (torch.randn(size, size, device=DEVICE).to(precision) for _ in range(2))
        for _ in range(5):
            left @ right
            if DEVICE == "cuda":
                torch.cuda.synchronize()
            start = time.perf_counter()
            for _ in range(6):
                left @ right
            if DEVICE == "cuda":
                torch.cuda.synchronize()
            best = max(best, 6 * 2 * size**3 / (time.perf_counter() - start))
    return {"flops": best}


def tutorial(texts: list[str], labels: list[int], reference: str) -> dict[str, float]:
    folder = _model_folder(reference)
    model = _sequence_classifier(folder, labels).to(DEVICE)
    tokens = load_tokenizer(folder)(texts, padding="max_length", max_length=128, truncation=True, return_tensors="pt")
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
    order = torch.randperm(len(texts), generator=torch.Generator().manual_seed(0))
    started, counted = 0.0, 0
    model.train()
    for first in range(0, len(texts), 16):
        if not started and first >= WARM_UP * len(texts):
            started = time.perf_counter()
        batch = order[first : first + 16]
        inputs = {name: values[batch].to(DEVICE) for name, values in tokens.items()}
        loss = model(**inputs, labels=torch.tensor(labels)[batch].to(DEVICE)).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        counted += len(batch) if started else 0
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return {"rows_per_s": counted / (time.perf_counter() - started), "memory_mib": memory_mib()}


def trainer(
    texts: list[str],
    labels: list[int],
    reference: str,
    folder: Path,
    *,
    tuned: bool,
    batch_size: int = 32,
    most_s: float = math.inf,
) -> dict[str, float]:
    """``transformers.Trainer`` with its defaults, or tuned with batches of ``batch_size``, for at most ``most_s`` seconds."""
    model_folder = _model_folder(reference)
    tokenizer = load_tokenizer(model_folder)
    limit = describe(reference, folder).max_length
    rows = [
        {"input_ids": tokenizer(text, truncation=True, max_length=limit)["input_ids"], "labels": label}
        for text, label in zip(texts, labels, strict=True)
    ]
    choices: dict[str, Any] = {}
    if tuned:
        choices = {
            "bf16": True,
            "train_sampling_strategy": "group_by_length",
            "optim": "adamw_torch_fused",
            "per_device_train_batch_size": batch_size,
        }
    else:
        batch_size = 8
    marks: list[tuple[int, float]] = []

    class Clock(TrainerCallback):  # type: ignore[misc]  # transformers has no types here
        def on_step_end(self, _arguments: Any, state: Any, control: Any, **_others: Any) -> None:
            is_late = len(marks) > first and time.perf_counter() - marks[first - 1][1] > most_s
            if torch.cuda.is_available() and (is_late or state.global_step in {first, state.max_steps}):
                torch.cuda.synchronize()
            marks.append((state.global_step, time.perf_counter()))
            control.should_training_stop = control.should_training_stop or is_late

    first = max(1, min(MOST_WARM_UP_STEPS, round(WARM_UP * len(rows) / batch_size)))
    arguments = TrainingArguments(
        output_dir=str(folder / "trainer"),
        num_train_epochs=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=not torch.cuda.is_available(),
        **choices,
    )
    Trainer(
        model=_sequence_classifier(model_folder, labels),
        args=arguments,
        train_dataset=rows,
        data_collator=DataCollatorWithPadding(tokenizer),
        callbacks=[Clock()],
    ).train()
    (step, start), (last, end) = marks[first - 1], marks[-1]
    return {"rows_per_s": (last - step) * batch_size / (end - start), "memory_mib": memory_mib()}


def ours(
    texts: list[str], labels: list[int], num_rows: int, reference: str, folder: Path, *, most_s: float = math.inf
) -> dict[str, float]:
    """The Automatic recipe for the whole file, run on some of its rows; ends after ``most_s`` seconds of steps."""
    lines: list[dict[str, float]] = []

    class Lines:
        def metrics(self, values: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            lines.append(dict(values))

        def event(self, kind: str, message: str, **facts: Any) -> None:
            del kind, message, facts

        def stop_requested(self) -> bool:
            late = _timed(lines)
            return len(late) > 1 and late[-1]["time_s"] - late[0]["time_s"] > most_s

    config, dataset = automatic_run(texts, labels, num_rows, reference, folder)
    train_here(config, dataset, folder, Lines())
    steps = _timed(lines)
    if len(steps) < 2:
        steps = [line for line in lines if "train/loss" in line]
    rows_done = (steps[-1]["epoch"] - steps[0]["epoch"]) * len(texts)
    limit = describe(reference, folder).max_length
    lengths = [min(len(ids), limit) for ids in load_tokenizer(_model_folder(reference))(texts, verbose=False)["input_ids"]]
    return {
        "rows_per_s": rows_done / (steps[-1]["time_s"] - steps[0]["time_s"]),
        "memory_mib": memory_mib(),
        "tokens_per_row": sum(lengths) / len(lengths),
        "flops_per_row": flops_per_row(_model_folder(reference), lengths, config.learning),
        "batch_size": float(batch_size_of(config, len(texts))),
    }


def _timed(lines: list[dict[str, float]]) -> list[dict[str, float]]:
    """The lines of training metrics after the warm-up."""
    figures = (line for line in lines if "train/loss" in line)
    return [line for line in figures if line["epoch"] >= WARM_UP or line["step"] >= MOST_WARM_UP_STEPS]


def train_here(config: RunConfig, dataset: Dataset, folder: Path, recorder: Recorder) -> dict[str, Any]:
    """A run in this process; the content of its ``result.json``, empty where it was stopped."""
    AcceleratorState._reset_state()  # accelerate has one precision per process, as the product has one run
    places = Places(
        checkpoints=folder / "checkpoints", model=folder / "model", predictions=folder / "p.parquet", hub_models=folder
    )
    with contextlib.suppress(TrainingStopped):
        return fine_tune(config, dataset, places, recorder)
    return {}


def automatic_run(
    texts: list[str], labels: list[int], num_rows: int, reference: str, folder: Path, **values: Any
) -> tuple[RunConfig, Dataset]:
    """One epoch of the Automatic recipe for ``num_rows`` rows, run on some of them, and the data set of these."""
    num_labels = max(labels) + 1
    held_out = [f"label {i}" for i in range(num_labels)]
    examples = pd.DataFrame(
        {
            "id": range(len(texts) + 2 * num_labels),
            "split": ["train"] * len(texts) + ["validation"] * num_labels + ["test"] * num_labels,
            "record": range(len(texts) + 2 * num_labels),
            "text": [*texts, *held_out, *held_out],
            "label": [f"{label:04d}" for label in [*labels, *range(num_labels), *range(num_labels)]],
        }
    )
    description = {
        "id": "speed",
        "task": "single_label",
        "labels": sorted(set(examples["label"])),
        "num_examples": {name: int(number) for name, number in examples["split"].value_counts().items()},
        "label_counts": {"train": {str(k): int(v) for k, v in examples["label"].iloc[: len(texts)].value_counts().items()}},
        "content_hash": hash_examples(examples, ["split", "text", "label"]),
        "test_hash": "",
        "splitting": {},
        "source": {},
        "notes": [],
        "created_at": "",
    }
    dataset = write_dataset(folder / "dataset", examples, description)
    facts = replace(facts_of(dataset, describe(reference, folder)), num_train=num_rows)
    recommended = get_recipe("automatic").recommend(facts).values
    config, _ = new_run_config(dataset, hub_folder=folder, model=reference, values={**recommended, "epochs": 1, **values})
    return config, dataset


def flops_per_row(folder: Path, lengths: list[int], learning: LearningConfig) -> float:
    """Floating-point operations of training on a row, without padding and recomputation.

    Six operations for each weight outside of the embeddings and each token, and twelve for each layer, each of its dimensions and
    each pair of tokens; a third of both for a frozen layer.
    Source: J. Kaplan et al., Scaling laws for neural language models, 2020, section 2.1.
    """
    model = AutoModel.from_pretrained(folder, local_files_only=True)
    layers = model.config.num_hidden_layers
    only_read = layers - learning.top_layers if learning.trainable == "top_layers" else 0
    at_work = layers - 2 / 3 * only_read
    weights = sum(parameter.numel() for parameter in model.encoder.parameters()) / layers
    per_layer = sum(6 * weights * length + 12 * model.config.hidden_size * length**2 for length in lengths) / len(lengths)
    return float(at_work * per_layer)


def _model_folder(reference: str) -> Path:
    folder = describe(reference, Path()).folder
    assert folder is not None
    return folder


def _sequence_classifier(folder: Path, labels: list[int]) -> Any:
    return AutoModelForSequenceClassification.from_pretrained(folder, num_labels=max(labels) + 1, local_files_only=True)


def base_sized_model(folder: Path) -> Path:
    """A BERT of the usual base size with random weights and the bundled model's tokenizer."""
    base = folder / "base"
    tokenizer = load_tokenizer(_model_folder("bundled"))
    tokenizer.save_pretrained(base)
    BertModel(BertConfig(vocab_size=len(tokenizer))).save_pretrained(base)
    return base


def memory_mib() -> float:
    """Peak memory of this process: GPU memory if there is a GPU, else main memory."""
    if torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated()) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


if __name__ == "__main__":
    main(*sys.argv[1:])
