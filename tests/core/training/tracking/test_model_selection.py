"""Which epoch is kept when validations are compared row by row."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from core.evaluation.paired import RowValues, of_labels
from core.training.checkpoint.serialization import from_bytes, to_bytes
from core.training.tracking.kept_epoch import no_epoch, which_epoch
from core.training.tracking.model_selection import Selection
from core.training.tracking.progress import SelectionRule, TrainingProgress, Validation

NUM_ROWS = 200
RULE = SelectionRule(tie=1 / NUM_ROWS, num_examples=NUM_ROWS)


def validation(right: np.ndarray, loss: float = 0.5) -> Validation:
    return Validation(loss=loss, scores={"accuracy": float(right.mean(dtype=float))}, labels=[], outcomes=RowValues(values=right))


def rows(*wrong: int) -> np.ndarray:
    """Rows that are all predicted correctly, except some."""
    right = np.ones(NUM_ROWS, dtype=np.float32)
    right[list(wrong)] = 0
    return right


def after(
    validations: list[Validation], metric: str = "accuracy", rule: SelectionRule = RULE
) -> tuple[Selection, TrainingProgress]:
    selection, progress = Selection(metric=metric, rule=rule), TrainingProgress()
    go_on(selection, progress, validations)
    return selection, progress


def go_on(selection: Selection, progress: TrainingProgress, validations: list[Validation]) -> None:
    for one in validations:
        progress.step, progress.epoch = progress.step + 10, progress.epoch + 1
        selection.update_best(one, progress)


def test_the_same_difference_is_chance_where_many_rows_changed_and_none_where_few_did() -> None:
    """Both second epochs have 3 more errors in 200 rows. Compared as independent samples, neither would differ from the first."""
    best = validation(rows(*range(20)))
    only_worse = validation(rows(*range(23)))
    otherwise = validation(rows(*range(17, 40)))  # 17 rows better, 20 worse

    assert after([best, only_worse])[1].best_epoch == 1
    assert after([best, otherwise])[1].best_epoch == 2
    without = [Validation(loss=one.loss, scores=one.scores, labels=[]) for one in (best, only_worse)]
    assert after(without)[1].best_epoch == 2  # the epoch that the former rule would have kept


def test_macro_f1_is_compared_by_its_own_error_and_not_by_that_of_a_share() -> None:
    """A label with 3 of 400 rows decides: found in one epoch and not in the other. The difference is large, but due to chance."""
    gold = np.array([0] * 397 + [1] * 3)
    found, missed = gold.copy(), gold.copy()
    missed[-1] = 0

    def of(predicted: np.ndarray) -> Validation:
        outcomes = of_labels(gold, predicted, "macro_f1")
        return Validation(loss=0.1, scores={"macro_f1": outcomes.score()}, labels=[], outcomes=outcomes)

    rule = SelectionRule(tie=1 / 400, num_examples=400)
    _, progress = after([of(found), of(missed)], "macro_f1", rule)

    assert of(found).scores["macro_f1"] - of(missed).scores["macro_f1"] > 0.09
    assert progress.best_epoch == 2


def test_ties_never_add_up_to_a_descent_and_the_highest_epoch_is_told_beside_the_one_that_is_kept() -> None:
    # Each epoch is no different from the one before; the last is from the first.
    one_by_one = [validation(rows(*range(start, start + 20 + 2 * start))) for start in range(0, 12, 2)]

    selection, progress = after(one_by_one)

    assert progress.kept[0]["epoch"] < len(one_by_one)
    assert (progress.kept[0]["reached_epoch"], progress.highest) == (1, {"score": 0.9, "epoch": 1})
    facts = selection.facts(progress)
    assert (facts["highest_epoch"], facts["highest_score"], facts["best_epoch"]) == (1, 0.9, progress.best_epoch)
    assert list(selection.outcomes) == [1]  # outcomes of other epochs are not needed


@pytest.mark.parametrize("num_kept", [1, 3])
def test_a_selection_that_goes_on_from_a_checkpoint_chooses_alike(num_kept: int) -> None:
    generator, base = np.random.default_rng(3), np.random.default_rng(4).random(NUM_ROWS)
    made = [validation((base + 0.15 * generator.normal(size=NUM_ROWS) < share).astype(np.float32)) for share in (0.6, 0.8) * 6]
    rule = SelectionRule(tie=RULE.tie, num_examples=NUM_ROWS, num_kept=num_kept)
    whole, whole_progress = after(made, rule=rule)
    for stop in range(len(made)):
        first, progress = after(made[:stop], rule=rule)
        resumed = Selection(metric="accuracy", rule=rule)
        resumed.load_state_dict(from_bytes(to_bytes(first.state_dict())))
        progress = TrainingProgress.restored(json.loads(json.dumps(asdict(progress))))

        go_on(resumed, progress, made[stop:])

        assert progress == whole_progress
        assert to_bytes(resumed.state_dict()) == to_bytes(whole.state_dict())


def test_where_an_earlier_version_kept_no_rows_its_own_rule_goes_on_and_nothing_is_said_of_an_epoch_nobody_knows() -> None:
    kept = [{"score": 0.88, "reached": 0.9, "step": 20, "epoch": 2}]
    old: dict[str, Any] = {"step": 20, "epoch": 2, "kept": kept, "score_to_beat": 0.9, "epochs_without_gain": 1}
    selection, progress = Selection(metric="accuracy", rule=RULE), TrainingProgress.restored(old)

    go_on(selection, progress, [validation(rows(*range(23)))])  # within 0.021 of 0.9

    assert progress.best_epoch == 3
    said = which_epoch(selection.facts(progress))
    assert said.startswith("Epoch 3 is kept (validation accuracy 0.8850): the latest epoch within one")
    assert said.endswith("An earlier epoch had the highest (0.9000).")

    go_on(selection, progress, [validation(rows(*range(10)))])

    assert which_epoch(selection.facts(progress)) == "Epoch 4 is kept: it has the highest validation accuracy (0.9500)."
    go_on(selection, progress, [validation(rows(*range(13)))])  # compared row by row from here
    assert progress.best_epoch == 4


@pytest.mark.parametrize("metric", ["accuracy", "loss"])
@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_validation_that_is_no_number_is_never_the_best_and_hides_none(metric: str, number: float) -> None:
    rule = RULE if metric == "accuracy" else SelectionRule()
    broken = Validation(loss=number, scores={"accuracy": number}, labels=[], outcomes=RowValues(values=rows()))
    good, better = validation(rows(*range(40)), loss=0.5), validation(rows(*range(20)), loss=0.3)

    assert after([broken], metric, rule)[1].kept == []
    for order, best in (([broken, good, better], 3), ([good, broken, better], 3), ([better, broken, broken], 1)):
        selection, progress = after(order, metric, rule)
        assert progress.best_epoch == best
        assert [entry["epoch"] for entry in progress.kept] == [best]
        assert all(np.isfinite(value) for value in selection.figures(progress).values())
    assert after([broken, broken, good], metric, rule)[1].epochs_without_gain == 0
    assert after([good, broken, broken], metric, rule)[1].epochs_without_gain == 2


def test_a_checkpoint_in_which_such_a_validation_was_the_best_forgets_it() -> None:
    kept = [{"score": score, "reached": score, "step": 10, "epoch": epoch} for score, epoch in ((float("nan"), 1), (-0.5, 2))]
    progress = TrainingProgress.restored({"epoch": 2, "kept": kept, "score_to_beat": float("nan"), "epochs_without_gain": 1})
    selection = Selection(metric="loss", rule=SelectionRule(num_kept=2))

    go_on(selection, progress, [validation(rows(), loss=0.4)])

    assert [entry["epoch"] for entry in progress.kept] == [3, 2]
    assert progress.epochs_without_gain == 0


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (
            {"selection_metric": "macro_f1", "best_epoch": 8, "best_score": 0.91018, "highest_epoch": 5, "highest_score": 0.915},
            "Epoch 8 is kept (validation macro F1 0.9102): the latest epoch within one standard error of the best. "
            "Epoch 5 had the highest (0.9150).",
        ),
        (
            {"selection_metric": "loss", "best_epoch": 3.0, "best_score": 0.31, "highest_epoch": 3, "highest_score": 0.31},
            "Epoch 3 is kept: it has the lowest validation loss (0.3100).",
        ),
        ({"selection_metric": "macro_f1", "best_epoch": 5, "best_step": 300}, ""),  # of an earlier version
        ({"selection_metric": "loss", "best_epoch": 0, "best_step": 0}, ""),
        ({"selection_metric": "loss", "best_epoch": "<b>", "best_score": 1, "highest_epoch": [], "highest_score": 1}, ""),
    ],
)
def test_the_rule_and_both_epochs_are_said_in_words(facts: dict[str, Any], said: str) -> None:
    assert which_epoch(facts) == said


def test_why_no_epoch_is_kept_is_said() -> None:
    assert "before its first validation" in no_epoch(0)
    assert "validation metric was never a finite number" in no_epoch(3)
