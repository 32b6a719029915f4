"""Methods for rare labels, compared on artificially imbalanced data sets.

The rows are BANKING77's training rows. A few rows of each label are held out as a test split and weighted by their label's
frequency in training, so that rare labels are measured on more than two texts.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from sklearn.metrics import accuracy_score, f1_score, log_loss, recall_score

from benchmarks.quality import app, tuneboard

HELD_OUT = 25
"""Rows of each label in the test split; a third of its rows where there are fewer than three times as many."""

FRAUD = (
    "card_payment_not_recognised",
    "cash_withdrawal_not_recognised",
    "compromised_card",
    "direct_debit_payment_not_recognised",
)


@app.command()
def uneven(
    data: Annotated[Path, typer.Option(help="Folder with banking77/.")],
    only: Annotated[list[str] | None, typer.Option(help="Names of the data sets to measure; repeatable.")] = None,
    recipe: Annotated[str, typer.Option(help="Recipe to measure.")] = "automatic",
    values: Annotated[list[str] | None, typer.Option("--set", help="key=value passed on to train; repeatable.")] = None,
) -> None:
    """Measure macro F1, accuracy, loss and recall of rare labels, one line of Markdown for each data set."""
    rows = pd.read_csv(data / "banking77" / "train.csv").rename(columns={"category": "label"}).sample(frac=1, random_state=1)
    counts = rows.groupby("label")["text"].transform("size")
    is_held_out = rows.groupby("label").cumcount() < (counts // 3).clip(upper=HELD_OUT)
    rest, held_out = rows[~is_held_out], rows[is_held_out]
    typer.echo("| data set | macro F1 | accuracy | loss | recall of the rarest third |")
    typer.echo("|---|---|---|---|---|")
    for name, make in MADE.items():
        if not only or name in only:
            train, test = make(rest), _labelled_like(name, held_out)
            scores = _measure(train, test[test["label"].isin(set(train["label"]))], recipe, values or [])
            typer.echo(f"| {name} | " + " | ".join(f"{score:.4f}" for score in scores) + " |")


def _payments(rows: pd.DataFrame) -> pd.DataFrame:
    """16 similar intents, from 120 rows down to 6."""
    labels = [label for label in sorted(set(rows["label"])) if any(word in label for word in ("transfer", "top_up", "payment"))]
    return _thinned_out(rows, labels[:16], most=120, seed=1)


def _all_intents(rows: pd.DataFrame) -> pd.DataFrame:
    """77 intents, from 150 rows down to 8."""
    return _thinned_out(rows, sorted(set(rows["label"])), most=150, seed=0)


def _fraud(rows: pd.DataFrame) -> pd.DataFrame:
    """90 rows of one label among 3,000 of another."""
    two = _labelled_like("rare", rows)
    sizes = {"other": 3000, "urgent": 90}
    return pd.concat([two[two["label"] == label].sample(size, random_state=4) for label, size in sizes.items()])


MADE: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {"small": _payments, "tail": _all_intents, "rare": _fraud}


def _thinned_out(rows: pd.DataFrame, labels: list[str], *, most: int, seed: int) -> pd.DataFrame:
    """Rows of the labels in random order, with decreasing frequency: the last label has a twentieth of the first one's rows."""
    order = np.random.default_rng(seed).permutation(labels)
    sizes = {label: round(most * 20 ** (-place / (len(order) - 1))) for place, label in enumerate(order)}
    of_label = [rows[rows["label"] == label] for label in sizes]
    parts: list[pd.DataFrame] = [
        some.sample(min(size, len(some)), random_state=2) for some, size in zip(of_label, sizes.values(), strict=True)
    ]
    thinned: pd.DataFrame = pd.concat(parts)
    return thinned


def _labelled_like(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(label=np.where(rows["label"].isin(FRAUD), "urgent", "other")) if name == "rare" else rows


def _measure(train: pd.DataFrame, test: pd.DataFrame, recipe: str, values: list[str]) -> tuple[float, ...]:
    with tempfile.TemporaryDirectory() as name:
        workspace = Path(name)
        files = {split: workspace / f"{split}.csv" for split in ("train", "test")}
        train.sample(frac=1, random_state=3)[["text", "label"]].to_csv(files["train"], index=False)
        test[["text", "label"]].to_csv(files["test"], index=False)
        dataset = str(tuneboard(["import", str(files["train"]), "--test", str(files["test"])], workspace)["dataset"])
        settings = [part for value in values for part in ("--set", value)]
        run = str(tuneboard(["train", dataset, "--recipe", recipe, *settings], workspace)["run"])
        predictions = pd.read_parquet(workspace / "runs" / run / "predictions.parquet")
    return _scores(predictions[predictions["split"] == "test"], train["label"].value_counts())


def _scores(predictions: pd.DataFrame, frequency: "pd.Series[int]") -> tuple[float, ...]:
    gold, predicted, labels = predictions["gold"], predictions["predicted"], sorted(frequency.index)
    weights = gold.map(frequency / gold.value_counts())
    rarest = frequency.sort_values().index[: -(-len(frequency) // 3)]
    return (
        f1_score(gold, predicted, average="macro", sample_weight=weights),
        accuracy_score(gold, predicted, sample_weight=weights),
        log_loss(gold, np.stack(predictions["probabilities"].tolist()), labels=labels, sample_weight=weights),
        recall_score(gold, predicted, labels=list(rarest), average="macro"),
    )
