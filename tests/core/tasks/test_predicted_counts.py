import pandas as pd
import pytest

from core.tasks import get_task


@pytest.mark.parametrize(
    ("task_name", "predicted", "expected"),
    [
        ("single_label", ["A"] * 2 + ["C"] * 3, {"A": 2, "C": 3}),
        ("multi_label", [["A", "B"], [], ["B"]], {"A": 1, "B": 2}),
        ("token_classification", [["B-PER", "I-PER", "O", "B-PER"], ["O"], ["B-LOC"]], {"PER": 2, "LOC": 1}),
    ],
)
def test_predictions_are_counted_by_label(task_name: str, predicted: list[object], expected: dict[str, int]) -> None:
    predictions = pd.DataFrame({"predicted": pd.Series(predicted, dtype=object)})

    assert get_task(task_name).predicted_counts(predictions) == expected
