import dataclasses
from pathlib import Path

import pytest

from core.datasets.dataset import Dataset
from core.errors import ConfigError, DatasetError
from core.machine import devices
from core.models.hub import describe
from core.training.planning import run_plan
from core.training.planning.estimates import Surroundings
from core.training.planning.machine_pace import keep_pace
from core.training.planning.run_plan import new_run_config, plan
from tests.core.training.planning.test_estimates import MEASURED
from tests.tiny import tiny_dataset, tiny_entities_dataset, write_tiny_dataset

ONLY_IF = "which has an effect only if"


@pytest.fixture
def names(tmp_path: Path) -> Dataset:
    return write_tiny_dataset(tmp_path / "names", tiny_entities_dataset(), "token_classification")


def test_what_a_person_sets_wins_over_the_recipe(colours: Dataset, tmp_path: Path) -> None:
    config, _ = new_run_config(colours, hub_folder=tmp_path, values={"epochs": "3", "optimizer.learning_rate": "1e-5"})

    assert (config.training.epochs, config.optimizer.learning_rate) == (3, 1e-5)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"selection_metric": "entity_f1"}, "expected one of macro_f1"),
        ({"max_length": 1024}, "at most 512"),
        ({"pooling": "architecture", "head": "cosine"}, "needs one pooled vector"),
        ({"recipe": "x"}, "recipe: is not an option; expected one of"),
        ({"trainable": "top_layers", "top_layers": 7}, "top_layers: is 7, but .* has 6 layers. Choose at most 6"),
        ({"precision": "float16"}, "float16, but this machine trains on its CPU"),
        ({"token_masking": 1.0}, "expected less than 1"),
        ({"processes": -1}, "expected at least 0"),
        ({"average_best": 0}, "expected at least 1"),
        ({"device": "cuda"}, "compute.device: is cuda, but this machine has no usable GPU. Choose automatic or cpu"),
        ({"device": "mps"}, "compute.device: is mps, but this machine has no usable GPU"),
        ({"compile": True}, "compute.compile: is true, but no C\\+\\+ compiler was found"),
        ({"trainable": "head", "lora_rank": 8}, f"lora_rank: is 8, {ONLY_IF} trainable is lora, and trainable is head"),
        ({"momentum": 0.5}, f"momentum: is 0.5, {ONLY_IF} optimizer is sgd, and optimizer is adamw"),
        ({"decay_rate": 0.9}, f"decay_rate: is 0.9, {ONLY_IF} schedule is exponential or inverse_time or plateau, and schedule"),
        ({"thresholds": "half"}, "thresholds: is 'half', which has no effect for one label per text"),
        (
            {"pooling": "architecture", "word_evidence": True, "head": "linear"},
            f"word_evidence: is True, {ONLY_IF} pooling is declared or",
        ),
        (
            {"pooling": "architecture", "head": "feed_forward"},
            "head.head: is feed_forward, which replaces the architecture's own",
        ),
        ({"trainable": "head", "layer_decay": 0.9}, f"layer_decay: is 0.9, {ONLY_IF} trainable is everything or .*, and"),
        ({"trainable": "head", "token_masking": 0.1}, f"token_masking: is 0.1, {ONLY_IF} trainable is everything or .*, and"),
        ({"trainable": "head", "encoder_dropout": 0.2}, f"encoder_dropout: is 0.2, {ONLY_IF} trainable is everything or"),
        ({"trainable": "head", "gradient_checkpointing": True}, f"gradient_checkpointing: is True, {ONLY_IF} trainable is"),
        ({"minimum_gain": 0.01}, "minimum_gain: is 0.01, but training neither stops early nor reduces"),
        ({"warmup_steps": 400, "epochs": 2}, "warmup_steps: is 400, but the run has 4 steps"),
        ({"warmup_fraction": 0.9, "epochs": 2}, "warmup_fraction: is 0.9, which is all of the run's 4 steps"),
    ],
)
def test_settings_that_do_not_fit_task_model_or_machine_are_refused(
    colours: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, object], said: str
) -> None:
    without_gpu = dataclasses.replace(devices.machine(), gpu=None)
    monkeypatch.setattr(run_plan, "machine", lambda: without_gpu)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ConfigError, match=said):
        new_run_config(colours, hub_folder=tmp_path, values=values)


def test_a_data_set_without_a_test_split_is_refused(tmp_path: Path) -> None:
    whole = write_tiny_dataset(tmp_path / "whole", tiny_dataset())
    whole.num_examples["test"] = 0

    with pytest.raises(DatasetError, match="no test examples"):
        new_run_config(whole, hub_folder=tmp_path)


def test_plan_foresees_steps_and_lengths(colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    values = {"batch_size": 4, "gradient_accumulation": 2, "epochs": 5}
    config, _ = new_run_config(colours, hub_folder=tmp_path, model=str(tiny_model), values=values)

    foreseen = plan(config, colours, describe(str(tiny_model), tmp_path))

    assert (foreseen.steps_per_epoch, foreseen.total_steps) == (4, 20)
    assert (foreseen.max_length, foreseen.longest_tokens, foreseen.num_cut) == (64, 7, 0)


def test_plan_says_which_texts_a_limit_cuts(tiny_model: Path, tmp_path: Path) -> None:
    info = describe(str(tiny_model), tmp_path)
    examples = tiny_dataset()
    examples["text"] = ["sky " * (20 if i % 4 == 0 else 2) for i in range(len(examples))]
    dataset = write_tiny_dataset(tmp_path / "long", examples)
    config, _ = new_run_config(dataset, hub_folder=tmp_path, model=str(tiny_model), values={"max_length": 10})

    foreseen = plan(config, dataset, info)

    assert foreseen.num_cut == sum(i % 4 == 0 for i in range(60) if examples["split"][i] == "train")
    assert any("Inputs are truncated at 10 tokens" in note for note in foreseen.notes)


def test_plan_for_entities_promises_windows_and_cuts_nothing(names: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    config, _ = new_run_config(names, hub_folder=tmp_path, model=str(tiny_model), values={"max_length": 8})

    foreseen = plan(config, names, describe(str(tiny_model), tmp_path))

    assert foreseen.num_cut == 0
    assert any("overlapping windows" in note for note in foreseen.notes)


def test_a_frozen_encoder_is_foreseen_to_be_much_faster(colours: Dataset, tmp_path: Path) -> None:
    info = describe("bundled", tmp_path)
    keep_pace(tmp_path, MEASURED)
    slow, fast = (
        plan(
            new_run_config(colours, hub_folder=tmp_path, recipe=recipe)[0], colours, info, Surroundings(home=tmp_path)
        ).estimated_s
        for recipe in ("automatic", "frozen_encoder")
    )

    assert slow is not None
    assert fast is not None
    assert fast < slow


def test_a_relative_model_folder_is_remembered_whole(
    colours: Dataset, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_model.parent)

    config, _ = new_run_config(colours, hub_folder=tmp_path, model=tiny_model.name)

    assert Path(config.model.model).is_absolute()
