import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pytest

from core.training.tracking.alerts import TrainingAlerts, new_alerts, not_finite, stopped_early
from core.training.tracking.progress import SelectionRule, TrainingProgress, Validation


def row(
    label: str, *, precision: float = 0.8, recall: float = 0.8, support: int = 10, predicted: int | None = None
) -> dict[str, Any]:
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    count = support if predicted is None else predicted
    return {"label": label, "precision": precision, "recall": recall, "f1": f1, "support": support, "predicted": count}


def look(
    observer: TrainingAlerts,
    loss: float = 1.0,
    labels: Sequence[dict[str, Any]] = (),
    *,
    best: int = 1,
    without: int = 0,
    epochs: int = 6,
) -> list[str]:
    return observer.look(loss, labels, best_epoch=best, epochs_without_gain=without, epochs=epochs)


def test_a_label_that_stays_at_zero_is_named_once_after_three_epochs() -> None:
    observer, labels = TrainingAlerts(), [row("a"), row("b", precision=0, recall=0), row("c")]

    said = [look(observer, 1.0 - 0.1 * i, labels) for i in range(5)]

    assert [len(sentences) for sentences in said] == [0, 0, 1, 0, 0]
    assert "in 3 epochs: b." in said[2][0]


def test_in_a_long_run_a_label_has_longer_to_be_found() -> None:
    observer, labels = TrainingAlerts(), [row("a"), row("b", precision=0, recall=0), row("c")]

    said = [look(observer, labels=labels, epochs=40) for _ in range(9)]

    assert [epoch for epoch, sentences in enumerate(said, start=1) if sentences] == [8]


def test_a_label_that_was_right_once_is_not_said_to_have_never_been() -> None:
    observer, lost = TrainingAlerts(), row("b", precision=0, recall=0)

    assert [look(observer, labels=[row("a"), b, row("c")]) for b in (row("b"), lost, lost, lost)] == [[], [], [], []]


def test_a_label_with_hardly_any_examples_is_not_called_out() -> None:
    observer, labels = TrainingAlerts(), [row("a"), row("b", precision=0, recall=0, support=2)]

    assert [look(observer, labels=labels) for _ in range(4)] == [[], [], [], []]


def test_one_label_that_swallows_everything_twice_in_a_row_is_named_with_the_epoch() -> None:
    swallowing = [
        row("a", precision=0.1, recall=1.0, support=10, predicted=98),
        row("b", precision=0, recall=0, support=90, predicted=2),
    ]
    recovered, observer = [row("a"), row("b")], TrainingAlerts()

    said = [look(observer, 1.0, labels) for labels in (swallowing, recovered, swallowing, swallowing, recovered)]

    assert [len(sentences) for sentences in said] == [0, 0, 0, 1, 0]
    assert "After epoch 4 nearly everything is predicted as a." in said[3][0]


def test_a_label_that_is_nearly_everything_in_gold_swallows_nothing() -> None:
    labels = [
        row("a", precision=0.95, recall=1.0, support=95, predicted=99),
        row("b", precision=1.0, recall=0.2, support=5, predicted=1),
    ]

    observer = TrainingAlerts()
    assert [look(observer, 2.0, labels) for _ in range(2)] == [[], []]


def test_wrong_predictions_count_as_predictions() -> None:
    """Only A is ever predicted correctly, and nine in ten predictions are of other labels."""
    labels = [
        row("A", precision=1.0, recall=0.5, support=20, predicted=10),
        row("B", precision=0, recall=0, support=40, predicted=40),
        row("C", precision=0, recall=0, support=40, predicted=50),
    ]
    observer = TrainingAlerts()

    assert [look(observer, labels=labels) for _ in range(2)] == [[], []]


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param([row("A", support=10, predicted=3), row("B", support=30, predicted=0)], id="hardly anything"),
        pytest.param([row("A", support=0, predicted=5), row("B", support=0, predicted=0)], id="nothing is in gold"),
        pytest.param([row("A", support=10, predicted=0), row("B", support=30, predicted=0)], id="nothing at all"),
    ],
)
def test_where_hardly_anything_is_predicted_no_label_swallows_the_rest(labels: list[dict[str, Any]]) -> None:
    observer = TrainingAlerts()

    assert [look(observer, labels=labels) for _ in range(2)] == [[], []]


def told(losses: Sequence[float], scores: Sequence[float], rule: SelectionRule) -> tuple[TrainingProgress, list[str]]:
    """The progress after these validations, and the alerts about them."""
    progress, observer, sentences = TrainingProgress(), TrainingAlerts(), []
    for epoch, (loss, score) in enumerate(zip(losses, scores, strict=True), start=1):
        progress.step, progress.epoch = 10 * epoch, epoch
        progress.update_best(score, rule)
        sentences += look(observer, loss, best=progress.best_epoch, without=progress.epochs_without_gain)
    return progress, sentences


def test_validation_that_turns_is_noticed_and_validation_that_gains_is_not() -> None:
    _, turned = told([1, 0.8, 0.9, 1.0], [0.6, 0.7, 0.6, 0.6], SelectionRule(tie=0.01))
    _, gained = told([1, 0.8, 0.9, 1.0], [0.6, 0.7, 0.72, 0.75], SelectionRule(tie=0.01))

    (sentence,) = turned
    assert sentence.startswith("Overfitting: the validation loss has risen for 2 epochs")
    assert "epoch 2 is still the best" in sentence
    assert gained == []


def test_no_epoch_is_called_the_best_that_results_do_not_call_so() -> None:
    """The third of 40 epochs has the highest score, but by less than one example: the last one is kept and reported."""
    losses = [0.5, 0.4, 0.3, *(0.3 + 0.01 * i for i in range(37))]
    progress, sentences = told(losses, [0.8, 0.9, 0.953, *[0.95] * 37], SelectionRule(tie=1 / 200))

    assert progress.best_epoch == 40
    (sentence,) = sentences
    assert "epoch 3" not in sentence
    assert sentence.startswith("Overconfident: ")
    assert "those of the latest epoch within one standard error of the best." in sentence


def test_a_loss_that_hardly_rises_while_the_score_holds_is_not_worth_a_word() -> None:
    assert told([0.5, 0.3, 0.301, 0.302, 0.303], [0.8, 0.9, 0.9, 0.9, 0.9], SelectionRule(tie=0.01))[1] == []


def test_an_early_stop_names_the_epoch_that_is_kept() -> None:
    worse, _ = told([1, 1, 1, 1], [0.5, 0.9, 0.8, 0.8], SelectionRule(tie=0.01))
    tied, _ = told([1, 1, 1, 1], [0.5, 0.9, 0.895, 0.895], SelectionRule(tie=0.01))
    loss, _ = told([0.3, 0.3, 0.4], [-0.3, -0.3, -0.4], SelectionRule())
    small, _ = told([1, 1, 1], [0.9, 0.92, 0.93], SelectionRule(tie=0.01, minimum_gain=0.05))

    assert stopped_early(worse, SelectionRule(tie=0.01)) == (
        "Early stopping: validation has not improved by more than one example makes for 2 epochs. Epoch 2 is the best."
    )
    assert stopped_early(tied, SelectionRule(tie=0.01)).endswith(
        "Epoch 4 is the latest epoch within one standard error of the best."
    )
    assert stopped_early(loss, SelectionRule()).startswith(
        "Early stopping: validation has not improved at all for 2 epochs. Epoch 2 is the best"
    )
    assert "by the minimum improvement of 0.05" in stopped_early(small, SelectionRule(tie=0.01, minimum_gain=0.05))


def test_what_was_said_before_a_stop_is_not_said_again_after_it() -> None:
    validation = Validation(loss=1.0, scores={}, labels=[row("a"), row("b", precision=0, recall=0), row("c")])
    progress = TrainingProgress()
    before = [sentence for _ in range(3) for sentence in new_alerts(validation, progress, epochs=6)]

    resumed = TrainingProgress(**json.loads(json.dumps(asdict(progress))))

    assert len(before) == 1
    assert new_alerts(validation, resumed, epochs=6) == []
    assert len(resumed.observed["losses"]) == 4


def test_a_run_that_computes_precisely_already_is_not_told_to() -> None:
    coarse, precise = (
        not_finite("loss", [7], TrainingProgress(), is_kept=False, is_precise=is_precise) for is_precise in (False, True)
    )

    assert "is not a finite number at step 1, on records 7 of the data. Lower the learning rate" in coarse
    assert "or choose precision float32" in coarse
    assert "float32" not in precise
