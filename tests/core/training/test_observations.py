from typing import Any

from core.training.observations import Observer


def row(label: str, *, precision: float = 0.8, recall: float = 0.8, support: int = 10) -> dict[str, Any]:
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"label": label, "precision": precision, "recall": recall, "f1": f1, "support": support}


def test_a_label_that_stays_at_zero_is_named_once_after_three_epochs() -> None:
    observer, labels = Observer(), [row("a"), row("b", precision=0, recall=0), row("c")]

    said = [observer.look(1.0 - 0.1 * i, 0.5 + 0.1 * i, labels) for i in range(5)]

    assert [len(sentences) for sentences in said] == [0, 0, 1, 0, 0]
    assert "b" in said[2][0]


def test_a_label_with_hardly_any_examples_is_not_called_out() -> None:
    observer, labels = Observer(), [row("a"), row("b", precision=0, recall=0, support=2)]

    assert [observer.look(1.0, 0.5, labels) for _ in range(4)] == [[], [], [], []]


def test_one_label_that_swallows_everything_is_named_at_once() -> None:
    labels = [row("a", precision=0.1, recall=1.0, support=10), row("b", precision=0, recall=0, support=90)]

    (sentence,) = Observer().look(2.0, 0.1, labels)

    assert "predicted as a" in sentence


def test_a_label_that_is_nearly_everything_in_gold_swallows_nothing() -> None:
    labels = [row("a", precision=0.95, recall=1.0, support=95), row("b", precision=1.0, recall=0.2, support=5)]

    assert Observer().look(2.0, 0.9, labels) == []


def test_validation_that_turns_is_noticed_and_validation_that_gains_is_not() -> None:
    labels = [row("a"), row("b")]
    turning, gaining = Observer(), Observer()

    turned = [turning.look(loss, score, labels) for loss, score in ((1, 0.6), (0.8, 0.7), (0.9, 0.69), (1.0, 0.69))]
    gained = [gaining.look(loss, score, labels) for loss, score in ((1, 0.6), (0.8, 0.7), (0.9, 0.72), (1.0, 0.75))]

    assert "epoch 2 is still the best" in turned[-1][0]
    assert gained == [[], [], [], []]
