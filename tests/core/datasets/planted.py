"""Rows with planted faults, for the tests of repairs and versions."""

from pathlib import Path
from typing import Any

import pandas as pd

from core.datasets.columns.token_classification import join
from core.datasets.dataset import Dataset, hash_examples, write_dataset
from core.tasks import SPLITS, get_task
from core.tasks.tokenization import words

SINGLE, MULTI, ENTITIES = "single_label", "multi_label", "token_classification"


def rows_of(task: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Examples from rows with ``text`` (or ``words``), the label and optionally ``split``; ids and records count up."""
    made = []
    for number, row in enumerate(rows):
        values = {"id": number, "split": row.get("split", SPLITS[0]), "record": number + 1}
        if "words" in row:
            text, starts, ends = join(row["words"])
            values |= {"text": text, "starts": starts, "ends": ends, "tags": row["tags"]}
        elif task == ENTITIES:
            places = words(row["text"])
            values |= {"text": row["text"], "starts": [start for start, _ in places], "ends": [end for _, end in places]}
            values["tags"] = row["tags"]
        else:
            values |= {name: row[name] for name in ("text", *get_task(task).target_columns)}
        made.append(values)
    return pd.DataFrame(made)


def spread(task: str, answers: list[Any], *, number: int = 60, text: str = "text number {} of the file") -> pd.DataFrame:
    """Normal rows in all three splits, 4:1:1, with the labels in turn."""
    column = get_task(task).target_columns[0]
    splits = ("train", "train", "train", "train", "validation", "test")
    return rows_of(
        task,
        [
            {"text": text.format(place), column: answers[(place // 6 + place) % len(answers)], "split": splits[place % 6]}
            for place in range(number)
        ],
    )


def kept(folder: Path, task: str, examples: pd.DataFrame, **beside: pd.DataFrame) -> Dataset:
    """The rows as a data set on disk, as after an import."""
    targets = list(get_task(task).target_columns)
    by_split = {split: examples[examples["split"] == split] for split in SPLITS}
    extra = beside.get("extra")
    description = {
        "id": folder.name,
        "task": task,
        "labels": get_task(task).label_names(by_split["train"]),
        "num_examples": {split: len(rows) for split, rows in by_split.items()},
        "label_counts": {split: get_task(task).label_counts(rows) for split, rows in by_split.items()},
        "content_hash": hash_examples(examples, ["split", "text", *targets]),
        "test_hash": hash_examples(by_split["test"], ["text", *targets]),
        "splitting": {"method": "stratified", "seed": 0},
        "source": {"files": [{"file_name": "planted.csv"}]},
        "created_at": "2026-01-01T00:00:00+00:00",
        "num_unlabelled": len(beside.get("unlabelled", ())),
        "extra_columns": [] if extra is None else [str(name) for name in extra.columns],
    }
    return write_dataset(folder, examples, description, **beside)
