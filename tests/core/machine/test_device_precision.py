"""The precision that Automatic selects: bfloat16 if the device has it in hardware, never if it is only emulated."""

import platform
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from core.datasets.dataset import Dataset
from core.machine import devices
from core.training import device
from core.training.distributed import MEETING
from core.training.planning import run_plan
from core.training.planning.recipes import RECIPES
from core.training.planning.run_plan import new_run_config, plan
from tests.tiny import tiny_dataset, write_tiny_dataset

GpuSays = Callable[[str], devices.Machine]

BY_GENERATION = [
    ("6.1", "float32"),  # Pascal: half precision at a 64th of the speed
    ("7.0", "float16"),  # Volta, the first with tensor cores
    ("7.5", "float16"),  # Turing: T4, RTX 20
    ("8.0", "bfloat16"),  # Ampere: A100
    ("8.6", "bfloat16"),
    ("9.0", "bfloat16"),  # Hopper
    ("12.0", "bfloat16"),  # Blackwell, in which 12 is more than 8
]


@pytest.fixture
def gpu_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GpuSays]:
    """This machine with an ``nvidia-smi`` that reports a capability, or none ("")."""

    def machine_with(capability: str) -> devices.Machine:
        known = f'echo "Tesla, with a comma, 15360, {capability}"' if capability else "exit 2"
        command = tmp_path / "bin" / "nvidia-smi"
        command.parent.mkdir(exist_ok=True)
        command.write_text(f'#!/bin/sh\ncase "$1" in\n*compute_cap*) {known} ;;\n*) echo "Tesla, with a comma, 15360" ;;\nesac\n')
        command.chmod(0o755)
        monkeypatch.setattr(platform, "system", lambda: "Linux")
        monkeypatch.setenv("PATH", str(command.parent), prepend=":")
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        devices.machine.cache_clear()
        return devices.machine()

    yield machine_with
    devices.machine.cache_clear()


@pytest.mark.parametrize(("capability", "precision"), BY_GENERATION)
def test_a_gpu_is_known_by_its_capability(gpu_says: GpuSays, capability: str, precision: str) -> None:
    here = gpu_says(capability)

    assert (here.gpu, here.gpu_memory_mib) == ("Tesla, with a comma", 15360)
    assert (here.precision, here.native_bfloat16) == (precision, precision == "bfloat16")


@pytest.mark.parametrize("capability", ["", "[N/A]"])
def test_a_driver_that_tells_no_capability_still_tells_the_gpu_and_nothing_is_called_native(
    gpu_says: GpuSays, capability: str
) -> None:
    here = gpu_says(capability)

    assert (here.gpu, here.gpu_memory_mib, here.native_bfloat16) == ("Tesla, with a comma", 15360, False)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments of ``Accelerator`` on a machine with simulated CUDA."""
    asked: list[str] = []

    def accelerator(*, mixed_precision: str, **_: bool) -> Accelerator:
        asked.append(mixed_precision)
        return Accelerator(cpu=True)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_, **__: True)  # torch returns True for emulation, too
    monkeypatch.setattr(device, "Accelerator", accelerator)
    monkeypatch.setattr(device, "init_process_group", lambda _: None)
    monkeypatch.setattr(torch.version, "hip", None)
    return asked


@pytest.mark.parametrize(("capability", "precision"), BY_GENERATION)
def test_a_run_takes_the_same(monkeypatch: pytest.MonkeyPatch, taken: list[str], capability: str, precision: str) -> None:
    major, minor = map(int, capability.split("."))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (major, minor))

    device.open_accelerator("automatic", "automatic")

    assert taken == [{"float32": "no", "bfloat16": "bf16", "float16": "fp16"}[precision]]


def test_gpus_of_several_generations_that_share_a_run_take_what_the_oldest_has(
    monkeypatch: pytest.MonkeyPatch, taken: list[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", [(8, 0), (7, 5), (6, 1)].__getitem__)
    for environment in ({}, {"WORLD_SIZE": "2", "RANK": "0"}):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv(MEETING, "file:///nowhere")
        device.open_accelerator("cuda", "automatic")

    assert taken == ["bf16", "fp16"]


def test_amd_gpus_number_themselves_otherwise_and_are_asked(monkeypatch: pytest.MonkeyPatch, taken: list[str]) -> None:
    monkeypatch.setattr(torch.version, "hip", "6.4")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (6, 0))

    device.open_accelerator("cuda", "automatic")

    assert taken == ["bf16"]


@pytest.fixture
def colours(tmp_path: Path) -> Dataset:
    return write_tiny_dataset(tmp_path / "colours", tiny_dataset())


@pytest.mark.parametrize(
    ("capability", "precision", "said"),
    [
        ("6.1", "float32", "float32, because this GPU has neither native bfloat16 nor fast float16."),
        ("7.5", "float16", "float16, because this GPU has no native bfloat16."),
        ("8.9", "bfloat16", "This GPU has native bfloat16"),
    ],
)
def test_recipe_and_plan_say_what_the_run_will_take(
    gpu_says: GpuSays, colours: Dataset, tmp_path: Path, capability: str, precision: str, said: str
) -> None:
    gpu_says(capability)
    config, reasons = new_run_config(colours, hub_folder=tmp_path, recipe=next(iter(RECIPES)))
    info = run_plan.describe(config.model.model, tmp_path)

    assert reasons["precision"].startswith(said)
    assert plan(config, colours, info).precision == precision
    on_cpu = plan(config.with_values({"device": "cpu"}), colours, info)
    assert on_cpu.precision == ("bfloat16" if devices.cpu_has_bfloat16() else "float32")


def test_bfloat16_by_choice_where_it_is_emulated_is_called_so(gpu_says: GpuSays, colours: Dataset, tmp_path: Path) -> None:
    config, _ = new_run_config(colours, hub_folder=tmp_path, values={"precision": "bfloat16"})
    info = run_plan.describe(config.model.model, tmp_path)

    gpu_says("7.5")
    (said,) = [note for note in plan(config, colours, info).notes if "bfloat16" in note]
    assert said == "This GPU has no native bfloat16 and only emulates it, which is slow. Precision automatic uses float16 here."
    gpu_says("8.0")
    assert not [note for note in plan(config, colours, info).notes if "bfloat16" in note]
