import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core.config.settings import PROJECT_ROOT
from core.datasets.dataset import Dataset
from core.errors import RunError
from core.inference import Predictor
from core.models.heads import PooledClassifier
from core.training import build, loop
from core.training.fine_tune import fine_tune
from core.training.planning.memory_footprint import MemoryLimits
from core.training.steps.out_of_memory import OomFallback, is_out_of_memory, no_room_to_read, ran_out
from core.training.tracking.recorder import TrainingStopped
from tests.core.training.tiny_runs import ListRecorder, config_for, places_in
from tests.tiny import tiny_dataset, write_tiny_dataset

pytestmark = pytest.mark.training


@pytest.fixture
def room_for(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A machine on which training on more than this many texts at a time runs out of memory."""
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
    assert [message.split(".")[0] for message in warnings[:2]] == [
        "Out of memory with 8 inputs at a time",
        "Out of memory with 4 inputs at a time",
    ]
    assert not [event for event in roomy.events if event[0] == "warning" and "memory" in event[1]]


def test_portions_of_like_length_give_the_same_result_as_the_whole_batch(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room_for: list[int]
) -> None:
    examples = tiny_dataset()
    examples["text"] = [f"{text} " * (1 + place % 4) for place, text in enumerate(examples["text"])]
    colours = write_tiny_dataset(tmp_path / "colours", examples)
    config = config_for(colours, tiny_model, epochs=2, batch_size=8).with_values({"encoder_dropout": 0})
    whole, divided = ListRecorder(), ListRecorder()
    monkeypatch.setattr(loop, "PORTION_START_TOKENS", loop.UNDIVIDED)
    fine_tune(config, colours, places_in(tmp_path / "whole"), whole)

    monkeypatch.setattr(loop, "PORTION_START_TOKENS", 0)
    monkeypatch.setattr(loop.Loop, "_rehearse_largest_step", lambda _loop: None)
    room_for[0] = 7  # no portion may be the whole batch
    fine_tune(config, colours, places_in(tmp_path / "divided"), divided)

    assert divided.values("train/epoch_loss") == pytest.approx(whole.values("train/epoch_loss"), rel=1e-3)
    assert divided.values("validation/loss") == pytest.approx(whole.values("validation/loss"), rel=1e-3)


def test_no_room_for_a_single_text_ends_with_what_to_change(
    colours: Dataset, tiny_model: Path, tmp_path: Path, room_for: list[int]
) -> None:
    room_for[0] = 0
    recorder = ListRecorder()

    with pytest.raises(RunError, match="not enough memory for a single text"):
        fine_tune(config_for(colours, tiny_model, batch_size=4), colours, places_in(tmp_path / "run"), recorder)

    assert any("Gradient checkpointing was turned on." in message for _, message, _ in recorder.events)


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


def test_memory_that_runs_out_in_the_middle_of_training_costs_time_only(
    colours: Dataset, tiny_model: Path, tmp_path: Path, room_for: list[int]
) -> None:
    config = config_for(colours, tiny_model, epochs=2, batch_size=8).with_values({"encoder_dropout": 0})
    roomy, narrowing = ListRecorder(), ListRecorder()
    fine_tune(config, colours, places_in(tmp_path / "roomy"), roomy)
    asked = narrowing.stop_requested

    def narrow_after_some_steps() -> bool:
        room_for[0] = 2 if narrowing.asked >= 3 else 8
        return asked()

    narrowing.stop_requested = narrow_after_some_steps  # asked before every step
    fine_tune(config, colours, places_in(tmp_path / "narrowing"), narrowing)

    assert narrowing.values("train/epoch_loss") == pytest.approx(roomy.values("train/epoch_loss"), rel=1e-3)
    assert any("Out of memory with 8 inputs" in message for _, message, _ in narrowing.events)


@pytest.fixture
def room_to_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A machine on which inference on more than this many texts at a time runs out of memory."""
    largest = [1000]
    forward = PooledClassifier.forward

    def limited(self: PooledClassifier, input_ids: torch.Tensor, *more: torch.Tensor) -> torch.Tensor:
        if not self.training and len(input_ids) > largest[0]:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return forward(self, input_ids, *more)

    monkeypatch.setattr(PooledClassifier, "forward", limited)
    return largest


def test_validation_test_and_prediction_read_fewer_texts_at_a_time_with_the_same_answers(
    colours: Dataset, tiny_model: Path, tmp_path: Path, room_to_read: list[int]
) -> None:
    config = config_for(colours, tiny_model, epochs=2)
    texts = colours.examples("test")["text"].tolist()
    roomy = fine_tune(config, colours, places_in(tmp_path / "roomy"), ListRecorder())
    expected = Predictor.load(tmp_path / "roomy" / "model", "cpu").predict(texts)

    room_to_read[0] = 3
    narrow = fine_tune(config, colours, places_in(tmp_path / "narrow"), ListRecorder())
    found = Predictor.load(tmp_path / "narrow" / "model", "cpu").predict(texts)

    assert narrow["splits"]["test"]["loss"] == pytest.approx(roomy["splits"]["test"]["loss"], rel=1e-4)
    assert [row["label"] for row in found] == [row["label"] for row in expected]


def test_no_room_to_read_a_single_text_says_what_to_do(
    colours: Dataset, tiny_model: Path, tmp_path: Path, room_to_read: list[int]
) -> None:
    fine_tune(config_for(colours, tiny_model, epochs=1), colours, places_in(tmp_path / "run"), ListRecorder())
    room_to_read[0] = 0

    with pytest.raises(RunError, match="even a single text"):
        Predictor.load(tmp_path / "run" / "model", "cpu").predict(["blue sky"])
    with pytest.raises(RunError, match="even a single text"):
        fine_tune(config_for(colours, tiny_model, epochs=1), colours, places_in(tmp_path / "other"), ListRecorder())


def test_on_a_gpu_the_advice_is_about_the_gpu() -> None:
    ladder, on_gpu = OomFallback(1, tell=print), _OnGpu()
    ladder.step_down(on_gpu)  # a stand-in: there may be no GPU here

    with pytest.raises(RunError) as met:
        ladder.step_down(on_gpu)

    assert on_gpu.asked
    for said in (
        str(met.value),
        str(no_room_to_read(torch.device("cuda"))),
        ran_out(torch.OutOfMemoryError("CUDA out of memory")),
    ):
        assert "The GPU" in said
        assert "nvidia-smi" in said
        assert "main memory" not in said
    for said in (str(no_room_to_read(torch.device("cpu"))), ran_out(MemoryError())):
        assert "main memory" in said
        assert "GPU" not in said


class _OnGpu:
    """The parts of a classifier on a GPU that the out-of-memory fallback uses."""

    asked = False
    supports_gradient_checkpointing = True

    @property
    def pretrained(self) -> "_OnGpu":
        return self

    def activation_checkpointing_enable(self) -> None:
        self.asked = True

    def parameters(self):
        return iter([type("Parameter", (), {"device": torch.device("cuda")})])


def test_a_run_killed_for_memory_before_computes_half_as_much_together_and_says_so(
    colours: Dataset, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(colours, tiny_model, epochs=2, batch_size=8).with_values({"encoder_dropout": 0})
    whole, halved = ListRecorder(), ListRecorder()
    fine_tune(config, colours, places_in(tmp_path / "whole"), whole)
    together: list[int] = []
    batch = loop.Loop._batch
    monkeypatch.setattr(loop.Loop, "_batch", lambda self, rows: (together.append(len(rows)), batch(self, rows))[1])

    fine_tune(config, colours, places_in(tmp_path / "halved"), halved, limits=MemoryLimits(kills=2))

    assert max(together) == 2
    assert any("killed this run's worker" in said and "2 inputs at a time" in said for _, said, _ in halved.events)
    assert halved.values("train/epoch_loss") == pytest.approx(whole.values("train/epoch_loss"), rel=1e-3)


def test_portions_are_cut_to_what_is_left_with_the_same_result(
    colours: Dataset, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(colours, tiny_model, epochs=2, batch_size=8).with_values({"encoder_dropout": 0})
    roomy, narrow = ListRecorder(), ListRecorder()
    fine_tune(config, colours, places_in(tmp_path / "roomy"), roomy)
    together: list[int] = []
    batch = loop.Loop._batch
    monkeypatch.setattr(loop.Loop, "_batch", lambda self, rows: (together.append(len(rows)), batch(self, rows))[1])
    monkeypatch.setattr(build, "left_mib", lambda _limit: 0)

    fine_tune(config, colours, places_in(tmp_path / "narrow"), narrow)

    assert max(together) == 1
    assert narrow.values("train/epoch_loss") == pytest.approx(roomy.values("train/epoch_loss"), rel=1e-3)


def test_the_rehearsal_holds_what_later_steps_will_hold(
    colours: Dataset, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms: list[int] = []
    room = loop.Loop._room_for_later

    def noted(self: loop.Loop) -> torch.Tensor | None:
        held = room(self)
        rooms.append(0 if held is None else held.numel())
        return held

    monkeypatch.setattr(loop.Loop, "_room_for_later", noted)
    recorder = ListRecorder(stop_after=5)
    config = config_for(colours, tiny_model, epochs=3)
    with pytest.raises(TrainingStopped):
        fine_tune(config, colours, places_in(tmp_path / "run"), recorder)
    states = load_file(next((tmp_path / "run" / "checkpoints").glob("step-*")) / "model.safetensors")
    weights = sum(tensor.numel() * 4 for tensor in states.values())

    assert rooms[0] == 4 * weights  # two values of optimizer state, the averaged weights and the best ones
    with pytest.raises(TrainingStopped):
        fine_tune(config, colours, places_in(tmp_path / "run"), ListRecorder(stop_after=2))
    assert rooms[1] == 0  # in a resumed run it is allocated already


CAPPED = """
import sys
from core.machine.memory import cap_own_memory
cap_own_memory(int(sys.argv[1]))
import torch
from core.training.steps.out_of_memory import is_out_of_memory
held = torch.ones(100 * 2**20, dtype=torch.uint8)
try:
    torch.ones(700 * 2**20, dtype=torch.uint8)
except RuntimeError as error:
    print(is_out_of_memory(error))
else:
    print("granted")
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="a cap that fails allocations is Linux's")
@pytest.mark.parametrize(("limit", "said"), [(0, "granted"), (700, "True")])
def test_beyond_the_cap_an_allocation_fails_in_a_way_the_ladder_knows(limit: int, said: str) -> None:
    done = subprocess.run([sys.executable, "-c", CAPPED, str(limit)], capture_output=True, text=True, check=True, timeout=120)

    assert done.stdout.strip() == said


LONG_TEXTS = """
import resource, sys
import torch
from transformers import BertConfig, BertModel
from core.models.cpu.attention import use_cpu_attention
from core.models.cpu.dropout import use_cpu_dropout

torch.set_num_threads(1)
config = BertConfig(vocab_size=64, hidden_size=64, num_hidden_layers=3, num_attention_heads=8, intermediate_size=64)
model = BertModel(config, add_pooling_layer=False)
use_cpu_dropout(model)
if sys.argv[1] == "ours":
    use_cpu_attention(model)
ids = torch.randint(0, 64, (16, 512))
mask = torch.ones_like(ids)
mask[0, 400:] = 0
model(input_ids=ids[:1, :8], attention_mask=mask[:1, :8]).last_hidden_state.sum().backward()  # loads threads and libraries
now = int(next(line for line in open("/proc/self/status") if line.startswith("VmSize")).split()[1]) * 1024
resource.setrlimit(resource.RLIMIT_AS, (now + 500 * 2**20, resource.RLIM_INFINITY))
try:
    model(input_ids=ids, attention_mask=mask).last_hidden_state.sum().backward()
except (RuntimeError, MemoryError):
    print("out of memory")
else:
    print(all(bool(parameter.grad.isfinite().all()) for parameter in model.parameters()))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux limits a process's addresses and tells its own")
@pytest.mark.parametrize(("attention", "said"), [("torch's", "out of memory"), ("ours", "True")])
def test_long_texts_are_learned_within_a_limit_that_their_scores_alone_would_exceed(attention: str, said: str) -> None:
    command = [sys.executable, "-c", LONG_TEXTS, attention]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True, timeout=300)

    assert done.stdout.strip() == said  # 16 texts, 8 heads, 3 layers, 512 x 512 scores of 4 bytes, kept thrice: 1.2 GB
