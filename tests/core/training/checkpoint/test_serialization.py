import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from core.training.checkpoint.serialization import from_bytes, read_state, to_bytes, write_state

VALUES = {
    "nothing": None,
    "empty": {"list": [], "dict": {}, "tuple": ()},
    "numbers": [0, -1, 2**70, True, False, 0.1, 1e-300, -0.0],
    "beyond": (math.inf, -math.inf),
    "keys": {0: "a", "0": "b", (1, 2): "c"},
    "text": "dict\n\u2028🌊\x00",
}


def same(one: object, other: object) -> bool:
    """Equal in value and type, bit by bit."""
    if isinstance(one, torch.Tensor | np.ndarray):
        assert type(one) is type(other)
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return type(other) is dict and list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and repr(one) == repr(other)


@pytest.mark.parametrize("name", VALUES)
def test_plain_values_come_back_as_they_went(tmp_path: Path, name: str) -> None:
    write_state(VALUES[name], tmp_path)

    assert same(read_state(tmp_path), VALUES[name])
    assert same(from_bytes(to_bytes(VALUES[name])), VALUES[name])


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.uint8, torch.bool]
)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)])
def test_tensors_of_every_kind_and_shape_keep_every_bit(tmp_path: Path, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    tensor = (torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 3).to(dtype)
    write_state({"a": [tensor, tensor]}, tmp_path)

    for found in (*read_state(tmp_path)["a"], *from_bytes(to_bytes([tensor, tensor]))):
        assert found.dtype == dtype
        assert found.shape == tensor.shape
        assert torch.equal(found, tensor)


def test_tensors_that_share_memory_or_are_turned_come_back_apart(tmp_path: Path) -> None:
    whole = torch.arange(6.0).reshape(2, 3)
    write_state([whole, whole.T, whole[:, 1]], tmp_path)

    first, turned, column = read_state(tmp_path)
    first.zero_()
    assert torch.equal(turned, whole.T)
    assert torch.equal(column, whole[:, 1])


def test_arrays_come_back_as_arrays() -> None:
    rows = {3: np.array([[1.5, -2.0]], dtype=np.float32), 7: np.zeros((0, 2), dtype=np.float32)}

    found = from_bytes(to_bytes(rows))

    assert same(found, rows)


@pytest.mark.parametrize(
    "make",
    [
        lambda weights: torch.optim.AdamW(weights, lr=0.1, fused=True),
        lambda weights: torch.optim.SGD(weights, lr=0.1, momentum=0.9, nesterov=True),
        lambda weights: torch.optim.Adafactor(weights, lr=0.1),
    ],
)
def test_an_optimizer_goes_on_exactly_as_if_it_had_never_been_written(tmp_path: Path, make) -> None:
    def train(weight: torch.nn.Parameter, optimizer: torch.optim.Optimizer, steps: range) -> None:
        for step in steps:
            weight.grad = torch.full_like(weight, 0.3 + step) * weight.detach().cos()
            optimizer.step()

    whole = torch.nn.Parameter(torch.linspace(-1, 1, 12).reshape(3, 4))
    optimizer = make([whole])
    train(whole, optimizer, range(3))
    write_state(optimizer.state_dict(), tmp_path)
    resumed = torch.nn.Parameter(whole.detach().clone())
    another = make([resumed])

    another.load_state_dict(read_state(tmp_path))
    train(whole, optimizer, range(3, 6))
    train(resumed, another, range(3, 6))

    assert torch.equal(whole, resumed)


def test_what_is_neither_a_tensor_nor_plain_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="Path is neither"):
        write_state({"where": tmp_path}, tmp_path)


def test_a_file_that_says_something_else_is_refused_and_nothing_is_run(tmp_path: Path) -> None:
    write_state({}, tmp_path)
    (tmp_path / "state.json").write_text(json.dumps({"call": "os.system"}))

    with pytest.raises(ValueError, match="not a kind of value"):
        read_state(tmp_path)
