"""The training loop and its evaluation as assembled from a run config."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from core.config.run_config import DataConfig, LossConfig, RunConfig
from core.tasks import Encoded, get_task
from core.training.build import Split, SplitPredictor, loss_options
from core.training.steps.predict import Outputs

CPU = torch.device("cpu")


@pytest.mark.parametrize("class_weights", ["square_root", "balanced"])
def test_weights_for_rare_labels_leave_the_learning_rate_as_it_is(class_weights: str) -> None:
    data = DataConfig(dataset="d", dataset_hash="0" * 64, task="single_label")
    config = RunConfig(data=data, loss=LossConfig(class_weights=class_weights))
    targets = [label for label in range(77) for _ in range(1 + label)]
    encoded = Encoded(input_ids=[[0]] * len(targets), targets=targets, example=np.arange(len(targets)), num_examples=len(targets))

    weights = loss_options(config, get_task("single_label"), encoded, 77, CPU).label_weights

    assert weights is not None
    assert float(weights[targets].mean()) == pytest.approx(1.0, abs=1e-6)
    assert float(weights[0]) > 2 * float(weights[76])


def test_a_validation_says_how_often_each_label_was_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Predictions are counted and not inferred from precision, which is 0 for a label that is always wrong."""
    gold, predicted = ["A"] * 20 + ["B"] * 80, ["A"] * 10 + ["C"] * 50 + ["B"] * 10 + ["C"] * 30
    examples = pd.DataFrame({"label": gold})
    monkeypatch.setattr(SplitPredictor, "logits", lambda *_: Outputs([], 0.5))
    monkeypatch.setattr(SplitPredictor, "decode", lambda *_: pd.DataFrame({"predicted": predicted}))
    encoded = Encoded(input_ids=[], targets=[], example=np.zeros(0, dtype=int), num_examples=100)
    missing: Any = None
    predictor = SplitPredictor(
        classifier=missing,
        task=get_task("single_label"),
        outputs=["A", "B", "C"],
        pad_token_id=0,
        batch_size=1,
        device=CPU,
    )

    validation = predictor.validate(Split(examples=examples, encoded=encoded), "macro_f1")

    assert {row["label"]: row["predicted"] for row in validation.labels} == {"A": 10, "B": 10, "C": 80}
