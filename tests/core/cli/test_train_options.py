"""``python -m core train``: where its options come from, and the messages for invalid ones."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.workspace.workspace import Workspace

Command = Callable[..., tuple[int, dict[str, Any]]]


def test_options_are_taken_from_flags_before_the_file_and_from_the_file_before_the_recipe(
    command: Command, workspace: Workspace, tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "data": {"dataset": "another", "dataset_hash": "x", "task": "single_label"},
                "training": {"epochs": 9, "batch_size": 7},
                "optimizer": {"learning_rate": "3e-4"},
                "recipe": "thorough",
            }
        )
    )

    _, value = command("train", "tickets", "--config", str(file), "--set", "epochs=2", "--set", "training.seed=5")

    config = workspace.run_dir(value["run"]).config()
    assert (config.training.epochs, config.training.batch_size, config.training.seed) == (2, 7, 5)
    assert (config.optimizer.learning_rate, config.recipe, config.data.dataset) == (
        3e-4,
        "thorough",
        workspace.dataset("tickets").id,
    )


def test_the_config_of_a_run_starts_an_equal_run(command: Command, workspace: Workspace) -> None:
    _, first = command("train", "tickets", "--set", "epochs=3", "--set", "batch_size=5")
    config_file = workspace.run_dir(first["run"]).config_file

    _, second = command("train", "tickets", "--config", str(config_file))

    assert workspace.run_dir(second["run"]).config() == workspace.run_dir(first["run"]).config()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--set", "epochs"], "key=value"),
        (["--set", "epochs=many"], "training.epochs"),
        (["--set", "speed=9"], "speed"),
        (["--set", "dataset=other"], "--set"),
        (["--model", "/nowhere/model"], "/nowhere/model"),
        (["--recipe", "soup"], "soup"),
        (["--config", "/nowhere/config.yaml"], "cannot read"),
        (["--name", " "], "name"),
    ],
)
def test_a_wrong_option_is_named_and_nothing_is_launched(
    command: Command, workspace: Workspace, words: list[str], expected: str
) -> None:
    code, value = command("train", "tickets", *words)

    assert code == 2
    assert expected in value["error"]
    assert workspace.runs() == []


@pytest.mark.parametrize(
    "text",
    [
        "training:\n  epoch: 3\n",
        "- a list\n",
        "training: [",
        "colour: red\n",
        "model: &m {model: bundled}\nhead: *m\n",
        "[" * 20_000,
        "training:\n  epochs: 2020-13-45\n",
    ],
)
def test_a_file_that_is_no_run_config_is_refused(command: Command, workspace, tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)

    code, value = command("train", "tickets", "--config", str(file))

    assert (code, workspace.runs()) == (2, [])
    assert value["error"]


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ("training:\n  seed: 1\n  epochs: 0\n", [], "training.epochs (config.yaml, line 3): is 0; expected at least 1."),
        ("model:\n  max_length: 9000\n", [], "model.max_length (config.yaml, line 2): is 9000; expected at most 8192."),
        ("model:\n  max_length: 600\n", [], "model.max_length (config.yaml, line 2): is 600, but"),
        (
            "learning:\n  lora_rank: 4\n",
            [],
            "learning.lora_rank (config.yaml, line 2): is 4, which has an effect only if trainable is lora",
        ),
        ("training:\n  epochs: 3\n", ["--set", "epochs=0"], "training.epochs (--set): is 0; expected at least 1."),
        ("training:\n  epochs: 3\n", ["--set", "epoch=2"], "epoch (--set): is not an option"),
    ],
)
def test_a_refusal_says_where_the_wrong_value_stands(
    command: Command, workspace: Workspace, tmp_path: Path, text: str, words: list[str], said: str
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)

    code, value = command("train", "tickets", "--config", str(file), *words)

    assert (code, workspace.runs()) == (2, [])
    assert value["error"].startswith(said)


def test_hiding_tokens_of_a_model_that_has_none_to_put_in_their_place_is_refused(
    command: Command, workspace: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    folder, file = tmp_path / "maskless", tmp_path / "config.yaml"
    shutil.copytree(tiny_model, folder)
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**tokenizer, "mask_token": None, "unk_token": None}))
    file.write_text(f"model:\n  model: {folder}\n  token_masking: 0.1\n")

    code, value = command("train", "tickets", "--config", str(file))
    _, by_argument = command("train", "tickets", "--model", str(folder), "--set", "token_masking=0.1")

    said = "is 0.1, but the tokenizer of maskless has no mask token. Set it to 0."
    assert (code, workspace.runs()) == (2, [])
    assert value["error"] == f"model.token_masking (config.yaml, line 3): {said}"
    assert by_argument["error"] == f"model.token_masking (--set): {said}"
