"""A workspace made of plain files, as if people had used it: data sets of every task, runs in every state.

Nothing is trained. Predictions are generated with a fixed seed and scored by the same functions that score real ones.
"""

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.config.run_config import DataConfig, RunConfig
from core.config.settings import Settings
from core.datasets.dataset import Dataset, hash_examples, write_dataset
from core.runs.directory.ids import new_id
from core.runs.store.records import DatasetRecord, RunRecord, RunState
from core.tasks import get_task
from core.workspace.workspace import Workspace

SINGLE_TEXTS = {
    "billing": ["I was charged twice this month.", "Why is there a fee on my invoice?", "The amount on the bill is wrong."],
    "delivery": ["My parcel has not arrived yet.", "The courier left it in the rain.", "Can you send it to the office instead?"],
    "returns": ["I want to send the lamp back.", "How long may I keep it before returning?", "The refund has not come."],
    "account": ["I cannot log in any more.", "Please delete my account.", "How do I change my password?"],
    "praise": ["Lovely service, thank you!", "The new chair is wonderful.", "Your people were very kind."],
}
ENTITY_TEXTS = [
    (["Ada", "Lovelace", "lived", "in", "London", "."], ["B-PER", "I-PER", "O", "O", "B-LOC", "O"]),
    (["Acme", "Corp", "opened", "an", "office", "in", "Oslo", "."], ["B-ORG", "I-ORG", "O", "O", "O", "O", "B-LOC", "O"]),
    (["Grace", "Hopper", "joined", "the", "Navy", "."], ["B-PER", "I-PER", "O", "O", "B-ORG", "O"]),
    (["It", "rained", "all", "day", "."], ["O", "O", "O", "O", "O"]),
    (["The", "new", "Pixel", "9", "ships", "to", "Peru", "."], ["O", "O", "B-PRODUCT", "I-PRODUCT", "O", "O", "B-LOC", "O"]),
]


def make_dataset(workspace: Workspace, task: str, name: str, examples: pd.DataFrame) -> Dataset:
    """Write a data set and add it to the database; a fifth of the rows each go to validation and test."""
    splits = np.array(["train", "train", "train", "validation", "test"])
    examples = examples.reset_index(drop=True)
    examples.insert(0, "id", range(len(examples)))
    examples.insert(1, "split", splits[(np.arange(len(examples)) // 3) % 5])
    examples.insert(2, "record", range(1, len(examples) + 1))
    columns = ["text", *get_task(task).target_columns]
    labels = get_task(task).label_names(examples)
    by_split = {split: examples[examples["split"] == split] for split in ("train", "validation", "test")}
    dataset_id = new_id()
    dataset = write_dataset(
        workspace.settings.datasets_folder / dataset_id,
        examples,
        {
            "id": dataset_id,
            "task": task,
            "labels": labels,
            "num_examples": {split: len(rows) for split, rows in by_split.items()},
            "label_counts": {split: get_task(task).label_counts(rows) for split, rows in by_split.items()},
            "content_hash": hash_examples(examples, columns),
            "test_hash": hash_examples(by_split["test"], columns),
            "splitting": {"method": "stratified", "seed": 0},
            "source": {"files": ["made.csv"]},
            "notes": ["Made for a test."],
            "created_at": datetime.now(UTC).isoformat(),
        },
    )
    workspace.store.add_dataset(
        DatasetRecord(
            id=dataset_id,
            name=name,
            task=task,
            num_examples=len(examples),
            num_labels=len(labels),
            content_hash=dataset.content_hash,
            created_at=datetime.now(UTC),
        )
    )
    return dataset


def single_label_examples(copies: int = 12, extra_labels: int = 0) -> pd.DataFrame:
    """Rows with one label each; more labels than the five named ones on demand."""
    names = dict(SINGLE_TEXTS)
    for number in range(extra_labels):
        names[f"topic_{number:02d}"] = [
            f"Something about topic {number}.",
            f"Topic {number} again, please.",
            f"More of {number}?",
        ]
    rows = [
        {"text": f"{text} ({copy})", "label": label} for copy in range(copies) for label, texts in names.items() for text in texts
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


def multi_label_examples(copies: int = 12) -> pd.DataFrame:
    """Rows with none to three labels each."""
    generator = np.random.default_rng(0)
    names = np.array(sorted(SINGLE_TEXTS))
    rows = []
    for copy in range(copies):
        for label, texts in SINGLE_TEXTS.items():
            for text in texts:
                others = generator.choice(names, size=generator.integers(0, 3), replace=False).tolist()
                rows.append({"text": f"{text} ({copy})", "labels": sorted({label, *others}) if copy % 6 else []})
    return pd.DataFrame(rows)


def token_examples(copies: int = 12) -> pd.DataFrame:
    """Rows with words and IOB2 tags."""
    rows = []
    for _ in range(copies):
        for words, tags in ENTITY_TEXTS:
            ends = np.cumsum([len(word) + 1 for word in words]) - 1
            starts = [int(end) - len(word) for end, word in zip(ends, words, strict=True)]
            rows.append({"text": " ".join(words), "starts": starts, "ends": [int(end) for end in ends], "tags": tags})
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


EXAMPLES = {"single_label": single_label_examples, "multi_label": multi_label_examples, "token_classification": token_examples}


def make_run(workspace: Workspace, dataset: Dataset, name: str) -> RunRecord:
    """A queued run with its config."""
    config = RunConfig(data=DataConfig(dataset=dataset.id, dataset_hash=dataset.content_hash, task=dataset.task))
    return workspace.launch(config, name=name)


def write_progress(workspace: Workspace, run: RunRecord, *, steps: int, total: int = 240, seconds_a_step: float = 0.4) -> None:
    """Metrics and events as a worker writes them."""
    run_dir = workspace.run_dir(run.id)
    generator = np.random.default_rng(1)
    per_epoch = total // 6
    labels = workspace.dataset(run.dataset_id).labels
    run_dir.append_event("state", "The run starts.", state="running")
    run_dir.append_event("phase", "Preparing texts and model.", phase="preparing")
    run_dir.append_event(
        "plan",
        f"6 epochs of {per_epoch} steps on cpu.",
        total_steps=total,
        steps_per_epoch=per_epoch,
        epochs=6,
        device="cpu",
        precision="bfloat16",
        num_parameters=22_700_000,
        batch_size=32,
    )
    run_dir.append_event("phase", "Training.", phase="training")
    for step in range(1, steps + 1):
        when = {"step": step, "epoch": step / per_epoch, "time_s": step * seconds_a_step}
        run_dir.append_metrics(
            {
                **when,
                "train/loss": 2.2 * math.exp(-step / 60) + 0.15 + float(generator.normal(0, 0.08)) ** 2 * 6,
                "train/learning_rate": 2e-4 * min(step / 24, (total - step) / (total - 24)),
                "train/examples_per_s": 230 + float(generator.normal(0, 8)),
                "train/head_learning_rate": 1e-3 * min(step / 24, (total - step) / (total - 24)),
                "train/gradient_norm": 0.6 + 3 * math.exp(-step / 40) + abs(float(generator.normal(0, 0.3))),
                "system/memory_mib": 1420.0,
            }
        )
        if step % per_epoch == 0:
            reached = 1 - math.exp(-step / 70)
            keys = get_task(run.task).live_metrics
            scores = {f"validation/{key}": 0.94 * reached - 0.02 * place for place, key in enumerate(keys)}
            scores |= {
                f"label_f1/{label}": max(0.0, reached * (1 - 0.6 * place / len(labels)) - abs(float(generator.normal(0, 0.02))))
                for place, label in enumerate(labels)
            }
            run_dir.append_metrics({**when, "validation/loss": 1.6 * math.exp(-step / 70) + 0.25, **scores})
            run_dir.append_event("info", f"Epoch {step // per_epoch}: validation measured.")
    with run_dir.log_file.open("a", encoding="utf-8") as log:
        log.write("".join(f"step {step} of {total}\n" for step in range(1, steps + 1)))


def make_running(workspace: Workspace, dataset: Dataset, name: str = "At work", *, steps: int = 130) -> RunRecord:
    """A run in the middle of its training."""
    run = make_run(workspace, dataset, name)
    workspace.store.start_run(run.id, events_offset=0)
    write_progress(workspace, run, steps=steps)
    return workspace.run(run.id)


def make_failed(
    workspace: Workspace, dataset: Dataset, name: str = "Failed", *, message: str = "The model folder is gone."
) -> RunRecord:
    """A run that failed early, with a readable cause."""
    run = make_run(workspace, dataset, name)
    workspace.store.start_run(run.id, events_offset=0)
    write_progress(workspace, run, steps=3)
    run_dir = workspace.run_dir(run.id)
    run_dir.write_error(message, details="Traceback (most recent call last): …")
    run_dir.append_event("state", message, state="failed")
    return workspace.store.end_run(run.id, RunState.FAILED, message=message)


def make_stopped(workspace: Workspace, dataset: Dataset, name: str = "Stopped") -> RunRecord:
    """A run a person stopped, with a checkpoint."""
    run = make_running(workspace, dataset, name, steps=60)
    (workspace.run_dir(run.id).checkpoints / "step-60").mkdir(parents=True)
    return workspace.store.end_run(run.id, RunState.CANCELLED, message="Stopped after step 60; what was learned is kept.")


def make_finished(workspace: Workspace, dataset: Dataset, name: str = "Done") -> RunRecord:
    """A complete run with predictions and a result."""
    run = make_run(workspace, dataset, name)
    workspace.store.start_run(run.id, events_offset=0)
    write_progress(workspace, run, steps=240)
    task = get_task(dataset.task)
    outputs = task.output_labels(dataset.labels)
    results: dict[str, Any] = {}
    kept = []
    for split in ("test", "validation"):
        examples = dataset.examples(split)
        gold = task.gold(examples)
        predictions = _PREDICT[dataset.task](gold, list(outputs))
        results[split] = _plain(task.evaluate(gold, predictions, outputs, 0.31))
        kept.append(pd.DataFrame({"split": split, "id": examples["id"], "gold": gold}).join(predictions))
    run_dir = workspace.run_dir(run.id)
    pd.concat(kept, ignore_index=True).to_parquet(run_dir.predictions_file, index=False)
    run_dir.append_event("state", "Done.", state="succeeded")
    training = {
        "steps": 240,
        "epochs": 6,
        "duration_s": 96.0,
        "examples_per_s": 231.0,
        "best_step": 200,
        "best_epoch": 5,
        "selection_metric": task.headline.key,
        "device": "cpu",
        "precision": "bfloat16",
    }
    run_dir.write_result(
        {
            "task": dataset.task,
            "splits": results,
            "training": training,
            "model": {"reference": "bundled"},
            "dataset": {"id": dataset.id, "content_hash": dataset.content_hash, "test_hash": dataset.test_hash},
        }
    )
    headline = task.flat_scores(results["test"])[task.headline.key]
    return workspace.store.end_run(run.id, RunState.SUCCEEDED, headline_name=task.headline.title, headline=headline)


def _single_predictions(gold: pd.Series, outputs: list[str]) -> pd.DataFrame:
    generator = np.random.default_rng(2)
    probabilities = generator.dirichlet(np.full(len(outputs), 0.3), size=len(gold))
    for place, label in enumerate(gold):
        right = outputs.index(label)
        if generator.random() < 0.82:
            probabilities[place, right] += 2.5
        else:  # some labels are confused with the next one
            probabilities[place, (right + 1) % len(outputs)] += 1.5
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    predicted = [outputs[int(row.argmax())] for row in probabilities]
    return pd.DataFrame({"predicted": predicted, "probabilities": list(probabilities)})


def _multi_predictions(gold: pd.Series, outputs: list[str]) -> pd.DataFrame:
    generator = np.random.default_rng(3)
    rows = [
        np.clip([(0.8 if label in labels else 0.15) + generator.normal(0, 0.2) for label in outputs], 0.01, 0.99)
        for labels in gold
    ]
    predicted = [[label for label, value in zip(outputs, row, strict=True) if value >= 0.5] for row in rows]
    return pd.DataFrame({"predicted": pd.Series(predicted, dtype=object), "probabilities": rows})


def _token_predictions(gold: pd.Series, outputs: list[str]) -> pd.DataFrame:
    del outputs
    generator = np.random.default_rng(4)
    predicted, confidences = [], []
    for tags in gold:
        guess = list(tags)
        if generator.random() < 0.3:
            begins = [place for place, tag in enumerate(guess) if tag.startswith("B-")]
            if begins:
                place = int(generator.choice(begins))
                kind = guess[place][2:]
                end = place + 1
                while end < len(guess) and guess[end] == f"I-{kind}":
                    end += 1
                guess[place:end] = (
                    ["O"] * (end - place) if generator.random() < 0.4 else ["B-ORG"] + ["I-ORG"] * (end - place - 1)
                )
            else:
                guess[0] = "B-PER"
        predicted.append(guess)
        confidences.append(generator.uniform(0.6, 0.99, size=len(guess)))
    return pd.DataFrame({"predicted": pd.Series(predicted, dtype=object), "probabilities": pd.Series(confidences, dtype=object)})


_PREDICT = {"single_label": _single_predictions, "multi_label": _multi_predictions, "token_classification": _token_predictions}


def _plain(result: Any) -> Any:
    return json.loads(json.dumps(result))


def open_workspace(home: Path) -> Workspace:
    """An empty workspace in a folder."""
    return Workspace(Settings.from_environment({"TUNEBOARD_HOME": str(home)}))


def fill(workspace: Workspace, *, extra_labels: int = 0) -> dict[str, str]:
    """Data sets and runs of every kind.

    Returns:
        A short word for each run -> its id.
    """
    made: dict[str, str] = {}
    titles = {"single_label": "Support tickets", "multi_label": "Hotel reviews", "token_classification": "News and names"}
    for task, title in titles.items():
        examples = single_label_examples(extra_labels=extra_labels) if task == "single_label" else EXAMPLES[task]()
        dataset = make_dataset(workspace, task, title, examples)
        made[task] = make_finished(workspace, dataset, f"{title} 1").id
        if task == "single_label":
            made["failed"] = make_failed(workspace, dataset, "A first try").id
            made["stopped"] = make_stopped(workspace, dataset, "Stopped at noon").id
            made["running"] = make_running(workspace, dataset, "Larger steps").id
            made["queued"] = make_run(workspace, dataset, "Smaller steps").id
            workspace.tag_run(made["single_label"], ["baseline", "week 47"])
    return made


__all__ = ["fill", "make_dataset", "make_failed", "make_finished", "make_run", "make_running", "make_stopped", "open_workspace"]
