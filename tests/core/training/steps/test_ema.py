import pytest
import torch

from core.training.steps.ema import WeightAverage


def test_average_applies_for_as_long_as_it_lasts_even_through_an_error() -> None:
    parameter = torch.nn.Parameter(torch.tensor([1.0]))
    average = WeightAverage([torch.tensor([5.0])], steps=10)

    seen: list[float] = []

    def look_and_fail() -> None:
        with average.applied_to([parameter]):
            seen.append(parameter.item())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        look_and_fail()

    assert (seen, parameter.item()) == ([5.0], 1.0)


def test_average_settles_on_what_the_weights_circle() -> None:
    parameter = torch.nn.Parameter(torch.tensor([0.0]))
    average = WeightAverage([parameter], steps=20)

    for step in range(400):
        parameter.data.fill_(3.0 + (1 if step % 2 else -1))
        average.update([parameter], step)

    assert average.values[0].item() == pytest.approx(3.0, abs=0.06)


def test_the_start_is_forgotten_soon() -> None:
    parameter = torch.nn.Parameter(torch.tensor([0.0]))
    average = WeightAverage([parameter], steps=1000)
    parameter.data.fill_(1.0)

    for step in range(50):
        average.update([parameter], step)

    assert average.values[0].item() > 0.99


def test_a_long_reach_needs_few_looks_and_comes_to_the_same() -> None:
    parameter = torch.nn.Parameter(torch.tensor([0.0]))
    average, updated_each_step, looks = WeightAverage([parameter], steps=100), 0.0, 0

    for step in range(600):
        parameter.data.fill_(step / 600)
        before = average.values[0].item()
        average.update([parameter], step)
        looks += average.values[0].item() != before
        decay = min(0.99, (1 + step) / (10 + step))
        updated_each_step = decay * updated_each_step + (1 - decay) * step / 600

    assert looks == 119
    assert average.values[0].item() == pytest.approx(updated_each_step, abs=0.005)
