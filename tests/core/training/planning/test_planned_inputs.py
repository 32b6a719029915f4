"""The plan of a run compared with the run: long texts for entities are several inputs each."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from core.datasets.dataset import Dataset
from core.errors import ModelError
from core.models.build import load_tokenizer
from core.models.hub import describe
from core.tasks import get_task
from core.training.build import make_schedule
from core.training.planning import planned_inputs as module
from core.training.planning.planned_inputs import PlannedInputs, planned_inputs
from core.training.planning.run_plan import new_run_config, plan
from tests.tiny import tiny_dataset, tiny_entities_dataset, write_tiny_dataset


def lengthened(examples: pd.DataFrame) -> pd.DataFrame:
    """Every third text thirty times over, with its tags."""
    examples = examples.copy()
    for i in range(0, len(examples), 3):
        width, times = len(examples.at[i, "text"]) + 1, range(30)
        examples.at[i, "starts"] = [start + width * time for time in times for start in examples.at[i, "starts"]]
        examples.at[i, "ends"] = [end + width * time for time in times for end in examples.at[i, "ends"]]
        examples.at[i, "tags"] = list(examples.at[i, "tags"]) * 30
        examples.at[i, "text"] = " ".join([examples.at[i, "text"]] * 30)
    return examples


@pytest.fixture
def long_names(tmp_path: Path) -> Dataset:
    return write_tiny_dataset(tmp_path / "long", lengthened(tiny_entities_dataset()), "token_classification")


def encoded_inputs(dataset: Dataset, model: Path, max_length: int) -> int:
    task, examples = get_task(dataset.task), dataset.examples("train")
    label2id = {name: i for i, name in enumerate(task.output_labels(dataset.labels))}
    return task.encode(examples, load_tokenizer(model), label2id, max_length).num_inputs


@pytest.mark.parametrize("max_length", [8, 13, 64])
def test_inputs_are_foreseen_as_the_run_will_make_them(
    long_names: Dataset, tiny_model: Path, tmp_path: Path, max_length: int
) -> None:
    foreseen = planned_inputs(long_names, describe(str(tiny_model), tmp_path), max_length)

    assert foreseen == PlannedInputs(encoded_inputs(long_names, tiny_model, max_length))
    assert foreseen.count > long_names.num_examples["train"]


@pytest.mark.parametrize("batch_size", [4, None])
def test_the_plan_announces_the_steps_that_the_run_makes(
    long_names: Dataset, tiny_model: Path, tmp_path: Path, batch_size: int | None
) -> None:
    values = {"batch_size": batch_size, "gradient_accumulation": 2, "epochs": 5}
    config, _ = new_run_config(long_names, hub_folder=tmp_path, model=str(tiny_model), values=values)

    foreseen = plan(config, long_names, describe(str(tiny_model), tmp_path))

    num_inputs = encoded_inputs(long_names, tiny_model, 64)
    schedule = make_schedule(config, num_inputs)
    assert (foreseen.steps_per_epoch, foreseen.total_steps) == (schedule.steps_per_epoch, schedule.total_steps)
    assert any(f"Training has {num_inputs} inputs" in note for note in foreseen.notes)


def test_a_warm_up_is_held_against_the_steps_there_will_be(long_names: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    values = {"batch_size": 4, "epochs": 2, "warmup_steps": 20}

    config, _ = new_run_config(long_names, hub_folder=tmp_path, model=str(tiny_model), values=values)

    assert -(-long_names.num_examples["train"] // 4) * 2 < 20
    assert config.schedule.warmup_steps == 20


def test_a_recipe_counts_the_steps_of_its_epochs_by_inputs(long_names: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    config, reasons = new_run_config(long_names, hub_folder=tmp_path, model=str(tiny_model))

    steps = make_schedule(config, encoded_inputs(long_names, tiny_model, 64)).total_steps
    assert f"give about {steps:,} steps" in reasons["epochs"]


def test_many_long_texts_are_foreseen_from_a_sample(
    long_names: Dataset, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_COUNTED", 6)
    module._counted.cache_clear()

    foreseen = planned_inputs(long_names, describe(str(tiny_model), tmp_path), 16)

    module._counted.cache_clear()
    assert not foreseen.is_exact
    assert foreseen.count == pytest.approx(encoded_inputs(long_names, tiny_model, 16), rel=0.5)


def test_texts_that_are_cut_are_one_input_each(tiny_model: Path, tmp_path: Path) -> None:
    examples = tiny_dataset().assign(text=lambda rows: rows["text"] * 30)
    dataset = write_tiny_dataset(tmp_path / "cut", examples)

    assert planned_inputs(dataset, describe(str(tiny_model), tmp_path), 16).count == dataset.num_examples["train"]


def test_a_model_that_is_not_here_yet_leaves_one_input_a_text(long_names: Dataset, tmp_path: Path) -> None:
    info = describe("somebody/some-model", tmp_path)

    assert planned_inputs(long_names, info, None) == PlannedInputs(long_names.num_examples["train"], is_exact=False)


@pytest.mark.parametrize("content", ["[]", "[" * 100_000, "{", ""])
def test_a_tokenizer_that_cannot_be_read_is_said_before_the_launch(
    long_names: Dataset, tiny_model: Path, tmp_path: Path, content: str
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "mine")
    (folder / "tokenizer.json").write_text(content)

    with pytest.raises(ModelError, match=r"tokenizer in model folder 'mine' cannot be read: tokenizer\.json is damaged"):
        new_run_config(long_names, hub_folder=tmp_path, model=str(folder))
