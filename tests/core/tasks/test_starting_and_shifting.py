from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.models.build import load_tokenizer
from core.tasks import Encoded, get_task
from core.tasks.token_classification import middle_of_best
from tests.tiny import tiny_dataset, tiny_entities_dataset, tiny_multi_label_dataset


def test_an_untrained_head_predicts_each_label_as_often_as_it_occurs(tiny_model: Path) -> None:
    examples = tiny_dataset().iloc[:9]
    task = get_task("single_label")
    encoded = task.encode(examples, load_tokenizer(tiny_model), {"blue": 0, "green": 1}, 32)

    bias = task.starting_bias(encoded, 2)

    assert np.exp(bias) / np.exp(bias).sum() == pytest.approx([5 / 11, 6 / 11])


def test_an_untrained_yes_or_no_output_says_yes_as_often_as_it_is_true(tiny_model: Path) -> None:
    examples = tiny_multi_label_dataset(12)
    task = get_task("multi_label")
    encoded = task.encode(examples, load_tokenizer(tiny_model), {"blue": 0, "green": 1}, 32)

    shares = 1 / (1 + np.exp(-task.starting_bias(encoded, 2)))

    assert shares == pytest.approx([7 / 14, 9 / 14])


def test_a_model_that_says_outside_too_often_is_made_less_ready_to() -> None:
    task = get_task("token_classification")
    outputs = task.output_labels(["PER"])
    gold = tiny_entities_dataset(1)["tags"].map(lambda _: ["B-PER", "O", "B-PER", "O"])
    # Correct for every word, except that the logit of O is too large by 1.
    scores = np.array([[1.0, 0.6, -9], [3.0, 0.0, -9], [1.0, 0.4, -9], [2.5, 0.0, -9]], dtype=np.float32)
    encoded = Encoded(
        input_ids=[[0] * 4], targets=[], example=np.array([0]), num_examples=1, alignment=[[(i, i) for i in range(4)]]
    )

    shift = task.output_shift(gold, encoded, [scores], outputs)

    assert -2.5 < shift[0] < -0.6
    assert shift[1:].tolist() == [0.0, 0.0]


SHIFTS = [-3, -2, -1, 0, 1]


@pytest.mark.parametrize(
    ("scores", "shift"),
    [
        pytest.param([0.0] * 5, 0, id="full tie at zero"),
        pytest.param([0.7] * 5, 0, id="full tie"),
        pytest.param([0.2, 0.8, 0.8, 0.8, 0.8], 0, id="middle of a plateau of three after smoothing"),
        pytest.param([0.8, 0.8, 0.8, 0.8, 0.1], -2, id="a plateau that ends before 0"),
        pytest.param([0.8, 0.8, 0.1, 0.1, 0.1], -3, id="one best at the edge"),
        pytest.param([0.8, 0.8, 0.1, 0.8, 0.8], 1, id="two plateaus, the nearer one"),
        pytest.param([0.1, 0.1, 0.1, 0.8, 0.8], 1, id="the other edge"),
    ],
)
def test_the_shift_taken_lies_in_the_middle_of_the_best_ones_nearest_to_none(scores: list[float], shift: int) -> None:
    assert SHIFTS[middle_of_best(scores, SHIFTS)] == shift


def test_of_two_in_the_middle_the_smaller_shift_is_taken() -> None:
    # Smoothed, the best are those at -3, -2, -1 and 0; -2 and -1 are in the middle.
    assert SHIFTS[middle_of_best([0.8, 0.8, 0.8, 0.8, 0.8 - 1e-12], SHIFTS)] == 0
    wide = [-5, *[-4, -3, -2, -1], 0, 1]
    assert wide[middle_of_best([0.1, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8], wide)] == -1


def test_a_lucky_single_value_does_not_win() -> None:
    assert middle_of_best([0.1, 0.9, 0.1, 0.6, 0.7, 0.6], [-5, -4, -3, -2, -1, 0]) == 4


def shift_of(gold_tags: list[list[str]], scores: list[np.ndarray]) -> np.ndarray:
    """The shift for one type, PER, if every token is a word."""
    task = get_task("token_classification")
    lengths = [len(tags) for tags in gold_tags]
    encoded = Encoded(
        input_ids=[[0] * length for length in lengths],
        targets=[],
        example=np.arange(len(gold_tags)),
        num_examples=len(gold_tags),
        alignment=[[(i, i) for i in range(length)] for length in lengths],
    )
    return task.output_shift(pd.Series(gold_tags), encoded, scores, task.output_labels(["PER"]))


@pytest.mark.parametrize(
    ("tags", "scores"),
    [
        pytest.param(["O", "O"], [[1.0, 0.0, -9], [2.0, 0.0, -9]], id="validation has no entity"),
        pytest.param(["O", "B-PER"], [[20.0, 0.0, -9], [0.0, 20.0, -9]], id="right whatever the shift"),
        pytest.param(["O", "B-PER"], [[0.0, 20.0, -9], [20.0, 0.0, -9]], id="wrong whatever the shift"),
    ],
)
def test_where_validation_prefers_no_shift_the_outputs_stay_as_they_are(tags: list[str], scores: list[list[float]]) -> None:
    assert shift_of([tags], [np.array(scores, dtype=np.float32)]).tolist() == [0.0, 0.0, 0.0]
