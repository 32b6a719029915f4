"""The standard error of the difference of two scores on the same rows."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.evaluation import paired
from core.evaluation.paired import (
    NUM_DRAWS,
    SEED,
    Outcomes,
    RowCounts,
    RowValues,
    as_plain,
    from_plain,
    of_indicators,
    of_labels,
    standard_error,
)
from core.tasks import get_task
from core.training.checkpoint.serialization import from_bytes, to_bytes

LABELS = ["a", "b", "c", "never"]
TYPES = ["PER", "ORG"]
TAGS = ["O", *(f"{prefix}-{name}" for name in TYPES for prefix in "BI")]


def single_rows(generator: np.random.Generator, num_rows: int) -> tuple[list[str], pd.DataFrame]:
    gold, predicted = ([LABELS[i] for i in generator.integers(0, 3, num_rows)] for _ in range(2))
    return gold, pd.DataFrame({"predicted": predicted})


def multi_rows(generator: np.random.Generator, num_rows: int) -> tuple[list[list[str]], pd.DataFrame]:
    def some() -> list[list[str]]:
        return [[label for label in LABELS[:3] if generator.random() < 0.3] for _ in range(num_rows)]

    gold = some()
    return gold, pd.DataFrame({"predicted": some(), "probabilities": list(generator.random((num_rows, len(LABELS))))})


def entity_rows(generator: np.random.Generator, num_rows: int) -> tuple[list[list[str]], pd.DataFrame]:
    lengths = [int(length) for length in generator.integers(0, 9, num_rows)]
    gold, predicted = ([[TAGS[i] for i in generator.integers(0, len(TAGS), length)] for length in lengths] for _ in range(2))
    return gold, pd.DataFrame({"predicted": pd.Series(predicted, dtype=object)})


ROWS: dict[str, tuple[Callable[[np.random.Generator, int], Any], list[str]]] = {
    "single_label": (single_rows, LABELS),
    "multi_label": (multi_rows, LABELS),
    "token_classification": (entity_rows, TAGS),
}
METRICS = [(name, metric) for name in ROWS for metric in get_task(name).metric_names]


@pytest.mark.parametrize("num_rows", [0, 1, 60])
@pytest.mark.parametrize(("name", "metric"), METRICS)
def test_outcomes_come_to_the_score_that_people_are_shown(name: str, metric: str, num_rows: int) -> None:
    task, (make, outputs) = get_task(name), ROWS[name]
    rows, predictions = make(np.random.default_rng(1), num_rows)
    gold = pd.Series(rows, dtype=object)

    outcomes = task.outcomes(gold, predictions, outputs, metric)

    shown = task.flat_scores(task.evaluate(gold, predictions, outputs, 0.0))[metric]
    assert outcomes.score() == pytest.approx(shown, abs=1e-6)


@pytest.mark.parametrize(("name", "metric"), METRICS)
def test_outcomes_come_back_from_a_checkpoint_as_they_were(name: str, metric: str) -> None:
    task, (make, outputs) = get_task(name), ROWS[name]
    made = [make(np.random.default_rng(seed), 300) for seed in (2, 3)]
    gold = pd.Series(made[0][0], dtype=object)
    if name == "token_classification":  # as many words
        made[1] = (gold, pd.DataFrame({"predicted": pd.Series([["O"] * len(tags) for tags in gold], dtype=object)}))
    one, other = (task.outcomes(gold, predictions, outputs, metric) for _, predictions in made)

    again = from_plain(from_bytes(to_bytes(as_plain(one))))

    assert standard_error(again, other) == standard_error(one, other) > 0
    json.dumps({key: value for key, value in as_plain(one).items() if not isinstance(value, np.ndarray)})
    columns = [value for value in as_plain(one).values() if isinstance(value, np.ndarray)]
    assert sum(column.nbytes for column in columns) <= 300 * 16


def right(*values: int) -> RowValues:
    return RowValues(values=np.array(values, dtype=np.float32))


def test_rows_that_are_right_or_wrong_have_mcnemars_error() -> None:
    one = right(*[1] * 80, *[1] * 9, *[0] * 4, *[0] * 7)
    other = right(*[1] * 80, *[0] * 9, *[1] * 4, *[0] * 7)

    only_one, only_other, num_rows = 9, 4, 100
    spread = only_one + only_other - (only_one - only_other) ** 2 / num_rows
    assert standard_error(one, other) == pytest.approx(math.sqrt(spread / (num_rows - 1) / num_rows))
    # Each alone has the error of a proportion, three times as large here: there are few rows that tell the two apart.
    assert standard_error(one, other) < 0.9 * math.sqrt(0.89 * 0.11 / num_rows) * math.sqrt(2)


def test_rows_that_are_answered_alike_leave_nothing_to_chance_and_one_row_leaves_everything() -> None:
    gold = np.array([0, 1, 2, 0, 1])
    predicted = np.array([0, 1, 1, 0, 2])

    assert standard_error(of_labels(gold, predicted, "macro_f1"), of_labels(gold, predicted, "macro_f1")) == 0.0
    assert standard_error(right(1, 0, 1), right(1, 0, 1)) == 0.0
    assert standard_error(right(1), right(0)) == math.inf
    assert standard_error(of_labels(gold[:1], gold[:1], "macro_f1"), of_labels(gold[:1], gold[1:2], "macro_f1")) == math.inf


def drawn_one_by_one(one: RowCounts, other: RowCounts) -> float:
    """The textbook bootstrap, row by row."""
    generator = np.random.default_rng(SEED)
    draws = generator.integers(0, one.num_rows, (5 * NUM_DRAWS, one.num_rows))
    times = np.stack([np.bincount(drawn, minlength=one.num_rows) for drawn in draws])
    return float(np.std(one.scores(times) - other.scores(times)))


@pytest.mark.parametrize("summary", ["macro_f1", "micro_f1", "weighted_f1", "precision", "recall"])
def test_drawing_kinds_of_rows_is_drawing_rows(summary: Any) -> None:
    generator = np.random.default_rng(4)
    gold = generator.random((120, 5)) < 0.25
    one, other = (of_indicators(gold, gold ^ (generator.random(gold.shape) < share), summary) for share in (0.1, 0.12))

    assert standard_error(one, other) == pytest.approx(drawn_one_by_one(one, other), rel=0.15)


@pytest.mark.parametrize("summary", ["macro_f1", "micro_f1"])
def test_the_error_is_how_far_differences_are_apart_between_splits(summary: Any) -> None:
    """Two models of known quality on 300 splits: the spread of the differences matches the estimate from one split."""
    generator = np.random.default_rng(5)

    def split() -> tuple[Outcomes, Outcomes]:
        gold = generator.choice(4, 250, p=[0.4, 0.3, 0.2, 0.1])
        first = np.where(generator.random(250) < 0.85, gold, generator.integers(0, 4, 250))
        second = np.where(generator.random(250) < 0.9, first, generator.integers(0, 4, 250))
        return of_labels(gold, first, summary), of_labels(gold, second, summary)

    splits = [split() for _ in range(300)]
    between = np.std([one.score() - other.score() for one, other in splits])
    foretold = np.mean([standard_error(one, other) for one, other in splits[:40]])

    assert foretold == pytest.approx(between, rel=0.12)


def test_the_order_of_rows_does_not_matter_and_who_comes_first_hardly() -> None:
    generator = np.random.default_rng(6)
    gold, first, second = generator.integers(0, 6, (3, 400))
    order = generator.permutation(400)
    one, other = (of_labels(gold, predicted, "macro_f1") for predicted in (first, second))

    shuffled = standard_error(*(of_labels(gold[order], predicted[order], "macro_f1") for predicted in (first, second)))

    assert standard_error(one, other) == pytest.approx(shuffled, rel=1e-9)
    assert standard_error(one, other) == pytest.approx(standard_error(other, one), rel=0.1)


def test_draws_in_parts_are_the_same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    gold, first, second = np.random.default_rng(7).integers(0, 9, (3, 500))
    one, other = (of_labels(gold, predicted, "macro_f1") for predicted in (first, second))
    at_once = standard_error(one, other)

    monkeypatch.setattr(paired, "DRAWN_AT_ONCE", 1500)

    assert standard_error(one, other) == at_once


def test_scores_of_other_rows_or_of_another_kind_are_not_compared() -> None:
    gold = np.array([0, 1, 1])
    counts = of_labels(gold, gold, "macro_f1")
    for one, other in (
        (counts, of_labels(gold[:2], gold[:2], "macro_f1")),
        (counts, of_labels(gold, gold, "micro_f1")),
        (counts, right(1, 1, 1)),
        (right(1, 1), right(1, 1, 1)),
    ):
        with pytest.raises(ValueError, match="outcomes are of"):
            standard_error(one, other)
