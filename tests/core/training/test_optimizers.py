import math
from pathlib import Path

import pytest

from core.models.building import build_classifier
from core.models.catalogue import describe
from core.tasks import get_task
from core.training.optimizers import build_optimizer, schedule_factor


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", lambda _: 1.0),
        ("linear", lambda share: 1 - share),
        ("cosine", lambda share: (1 + math.cos(math.pi * share)) / 2),
    ],
)
def test_schedule_warms_up_and_then_follows_its_formula(schedule: str, expected) -> None:  # type: ignore[no-untyped-def]
    factor = schedule_factor(schedule, total_steps=110, warmup_steps=10)

    assert [factor(step) for step in (0, 4, 9)] == pytest.approx([1 / 11, 5 / 11, 10 / 11])
    assert [factor(step) for step in (10, 60, 85)] == pytest.approx([expected(0), expected(0.5), expected(0.75)])


def test_head_learns_faster_and_only_matrices_decay(tiny_model: Path, tmp_path: Path) -> None:
    classifier = build_classifier(
        describe(str(tiny_model), tmp_path), get_task("single_label"), ["a", "b"], pooling="mean", dropout=0.0
    )

    optimizer = build_optimizer(classifier, learning_rate=1e-4, head_learning_rate=1e-3, weight_decay=0.1)

    fresh = {id(parameter) for parameter in classifier.fresh_parameters()}
    assert {id(p) for group in optimizer.param_groups for p in group["params"]} == {id(p) for p in classifier.parameters()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            assert group["lr"] == (1e-3 if id(parameter) in fresh else 1e-4)
            assert group["weight_decay"] == (0.1 if parameter.ndim >= 2 else 0.0)
