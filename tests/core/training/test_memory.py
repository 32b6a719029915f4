from pathlib import Path

import pytest
import torch

from core.datasets.dataset import Dataset
from core.errors import RunError
from core.models.heads import PooledClassifier
from core.training.fine_tune import fine_tune
from core.training.memory import is_out_of_memory
from tests.core.training.test_fine_tune import ListRecorder, config_for, places_in
from tests.tiny import tiny_dataset, write_tiny_dataset

pytestmark = pytest.mark.training


@pytest.fixture
def colours(tmp_path: Path) -> Dataset:
    return write_tiny_dataset(tmp_path / "colours", tiny_dataset())


@pytest.fixture
def room_for(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A machine on which training on more than so many texts at a time runs out of memory."""
    largest = [8]
    forward = PooledClassifier.forward

    def limited(self: PooledClassifier, input_ids: torch.Tensor, *more: torch.Tensor) -> torch.Tensor:
        if self.training and len(input_ids) > largest[0]:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return forward(self, input_ids, *more)

    monkeypatch.setattr(PooledClassifier, "forward", limited)
    return largest


def test_smaller_portions_give_the_same_result_and_say_so(
    colours: Dataset, tiny_model: Path, tmp_path: Path, room_for: list[int]
) -> None:
    config = config_for(colours, tiny_model, epochs=2, batch_size=8).with_values({"encoder_dropout": 0})
    roomy, narrow = ListRecorder(), ListRecorder()
    fine_tune(config, colours, places_in(tmp_path / "roomy"), roomy)

    room_for[0] = 2
    fine_tune(config, colours, places_in(tmp_path / "narrow"), narrow)

    assert narrow.values("train/epoch_loss") == pytest.approx(roomy.values("train/epoch_loss"), rel=1e-3)
    warnings = [message for kind, message, _ in narrow.events if kind == "warning"]
    assert [message.split(";")[0] for message in warnings[:2]] == [
        "Memory ran out with 8 inputs at a time",
        "Memory ran out with 4 inputs at a time",
    ]
    assert not [event for event in roomy.events if event[0] == "warning" and "Memory" in event[1]]


def test_no_room_for_a_single_text_ends_with_what_to_change(
    colours: Dataset, tiny_model: Path, tmp_path: Path, room_for: list[int]
) -> None:
    room_for[0] = 0
    recorder = ListRecorder()

    with pytest.raises(RunError, match="not enough memory for a single text"):
        fine_tune(config_for(colours, tiny_model, batch_size=4), colours, places_in(tmp_path / "run"), recorder)

    assert any("gradient checkpointing is on" in message for _, message, _ in recorder.events)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), True),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_running_out_of_memory_is_told_apart_from_other_errors(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected
