import math
from pathlib import Path

import pytest
import torch

from core.models.build import build_classifier
from core.models.heads import Classifier, HeadShape
from core.models.hub import describe
from core.tasks import get_task
from core.training.steps.lr_schedule import LearningRate, Schedule
from core.training.steps.optimizers import add_l1_gradient, build_optimizer


@pytest.fixture
def classifier(tiny_model: Path, tmp_path: Path) -> Classifier:
    torch.manual_seed(0)  # the head's start
    return build_classifier(
        describe(str(tiny_model), tmp_path), get_task("single_label"), ["a", "b"], pooling="mean", head=HeadShape()
    )


def schedule(name: str, **values: float) -> Schedule:
    return Schedule(name=name, total_steps=110, steps_per_epoch=20, warmup_steps=10, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("constant", {}, [1.0, 1.0, 1.0]),
        ("plateau", {}, [1.0, 1.0, 1.0]),
        ("linear", {}, [1.0, 0.5, 0.25]),
        ("cosine", {}, [1.0, 0.5, (1 + math.cos(math.pi * 0.75)) / 2]),
        ("polynomial", {"power": 3.0}, [1.0, 0.5**3, 0.25**3]),
        ("exponential", {"decay_rate": 0.8}, [1.0, 0.8 ** (50 / 20), 0.8 ** (75 / 20)]),
        ("inverse_time", {"decay_rate": 0.8}, [1.0, 1 / (1 + 0.8 * 50 / 20), 1 / (1 + 0.8 * 75 / 20)]),
    ],
)
def test_schedule_warms_up_and_then_follows_its_formula(name: str, values: dict[str, float], expected: list[float]) -> None:
    chosen = schedule(name, **values)

    assert [chosen.factor(step) for step in (0, 4, 9)] == pytest.approx([1 / 11, 5 / 11, 10 / 11])
    assert [chosen.factor(step) for step in (10, 60, 85)] == pytest.approx(expected)


def test_learning_rate_moves_every_group_from_where_it_started_and_resumes_exactly(classifier: Classifier) -> None:
    optimizer = build_optimizer(classifier, learning_rate=1e-4, head_learning_rate=1e-3)
    start = [group["lr"] for group in optimizer.param_groups]
    rate = LearningRate(optimizer, schedule("linear"))
    for _ in range(60):
        rate.step()
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.5 * value for value in start])

    again = build_optimizer(classifier, learning_rate=1e-4, head_learning_rate=1e-3)
    LearningRate(again, schedule("linear")).load_state_dict(rate.state_dict())

    assert [group["lr"] for group in again.param_groups] == [group["lr"] for group in optimizer.param_groups]


def test_plateau_reduces_after_its_patience_and_not_before(classifier: Classifier) -> None:
    optimizer = build_optimizer(classifier, learning_rate=1.0, head_learning_rate=1.0)
    chosen = Schedule(name="plateau", total_steps=100, steps_per_epoch=10, decay_rate=0.1, plateau_patience=2)
    rate = LearningRate(optimizer, chosen)

    gains = (True, False, True, False, False, False, False)
    assert [rate.after_validation(gained=gained) for gained in gains] == [False, False, False, False, True, False, True]
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01)


def test_head_learns_faster_and_only_matrices_decay(classifier: Classifier) -> None:
    optimizer = build_optimizer(classifier, learning_rate=1e-4, head_learning_rate=1e-3, weight_decay=0.1)

    fresh = {id(parameter) for parameter in classifier.fresh_parameters()}
    assert {id(p) for group in optimizer.param_groups for p in group["params"]} == {id(p) for p in classifier.parameters()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            assert group["lr"] == (1e-3 if id(parameter) in fresh else 1e-4)
            assert group["weight_decay"] == (0.1 if parameter.ndim >= 2 else 0.0)


def test_lower_layers_learn_slower_by_the_layer_decay(classifier: Classifier) -> None:
    optimizer = build_optimizer(classifier, learning_rate=1.0, head_learning_rate=7.0, layer_decay=0.5)

    names = {id(parameter): name for name, parameter in classifier.pretrained.named_parameters()}
    rates = {names.get(id(parameter), "head"): group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
    assert rates["encoder.layer.1.output.dense.weight"] == 1.0
    assert rates["encoder.layer.0.output.dense.weight"] == 0.5
    assert rates["embeddings.word_embeddings.weight"] == 0.25
    assert rates["head"] == 7.0


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd", "adafactor"])
def test_every_optimizer_walks_downhill(classifier: Classifier, name: str) -> None:
    optimizer = build_optimizer(classifier, optimizer=name, learning_rate=1e-2, head_learning_rate=1e-2)
    ids, mask, target = torch.tensor([[2, 9, 3], [2, 17, 3]]), torch.ones(2, 3, dtype=torch.long), torch.tensor([0, 1])

    def loss() -> torch.Tensor:
        return torch.nn.functional.cross_entropy(classifier(ids, mask), target)

    classifier.eval()
    before = loss().item()
    for _ in range(60):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    assert loss().item() < 0.8 * before


def test_l1_adds_the_sign_of_each_weight_of_a_matrix() -> None:
    matrix = torch.nn.Parameter(torch.tensor([[2.0, -3.0, 0.0]]))
    bias = torch.nn.Parameter(torch.tensor([5.0]))
    matrix.grad, bias.grad = torch.zeros(1, 3), torch.zeros(1)

    add_l1_gradient([matrix, bias], 0.1)

    assert matrix.grad.tolist() == [[pytest.approx(0.1), pytest.approx(-0.1), 0.0]]
    assert bias.grad.tolist() == [0.0]
