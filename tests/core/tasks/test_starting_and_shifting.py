from pathlib import Path

import numpy as np
import pytest

from core.models.building import load_tokenizer
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
    # Right about every word, but for a preference for O that is one too large.
    scores = np.array([[1.0, 0.6, -9], [3.0, 0.0, -9], [1.0, 0.4, -9], [2.5, 0.0, -9]], dtype=np.float32)
    encoded = Encoded(
        input_ids=[[0] * 4], targets=[], example=np.array([0]), num_examples=1, alignment=[[(i, i) for i in range(4)]]
    )

    shift = task.output_shift(gold, encoded, [scores], outputs)

    assert -2.5 < shift[0] < -0.6
    assert shift[1:].tolist() == [0.0, 0.0]


def test_a_lucky_single_value_does_not_win() -> None:
    assert middle_of_best([0.1, 0.9, 0.1, 0.6, 0.7, 0.6]) == 4
