import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.options import option_of
from core.config.run_config import SECTIONS, DataConfig, RunConfig, field_names, locate
from core.errors import ConfigError

CONFIG = RunConfig(data=DataConfig(dataset="d", dataset_hash="h", task="single_label"))


@given(
    learning_rate=st.floats(1e-9, 1.0),
    epochs=st.integers(1, 1000),
    head=st.sampled_from(["linear", "cosine"]),
    max_length=st.none() | st.integers(8, 8192),
)
def test_yaml_reads_back_equal(learning_rate: float, epochs: int, head: str, max_length: int | None) -> None:
    config = CONFIG.with_values({"learning_rate": learning_rate, "epochs": epochs, "head": head, "max_length": max_length})

    assert RunConfig.from_yaml(config.to_yaml()) == config


@pytest.mark.parametrize(
    ("name", "raw", "expected"),
    [
        ("learning_rate", "2e-4", 2e-4),
        ("optimizer.learning_rate", "0.5", 0.5),
        ("epochs", "3", 3),
        ("epochs", 3.0, 3),
        ("max_length", "automatic", None),
        ("head_learning_rate", "none", None),
        ("model", "google-bert/bert-base-uncased", "google-bert/bert-base-uncased"),
    ],
)
def test_values_typed_on_a_command_line_become_what_they_mean(name: str, raw: object, expected: object) -> None:
    section, field_name = locate(name)

    assert getattr(getattr(CONFIG.with_values({name: raw}), section), field_name) == expected


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({"epochs": 0}, "training.epochs", "at least 1"),
        ({"epochs": "many"}, "training.epochs", "a whole number"),
        ({"epochs": 1.5}, "training.epochs", "a whole number"),
        ({"learning_rate": 0}, "optimizer.learning_rate", "more than 0"),
        ({"learning_rate": "nan"}, "optimizer.learning_rate", "a finite number"),
        ({"dropout": 1}, "head.dropout", "less than 1"),
        ({"precision": "int8"}, "compute.precision", "one of automatic, float32"),
        ({"seed": True}, "training.seed", "a whole number"),
        ({"precision": "float16", "device": "cpu"}, "compute.precision", "cannot be trained with on a CPU"),
        ({"epoch": 3}, "epoch", "is not an option; expected one of"),
    ],
)
def test_a_refused_value_names_field_value_and_what_is_allowed(values: dict[str, object], field: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        CONFIG.with_values(values)

    assert refused.value.field == field


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("training: {epochs: [", "line 1"),
        ("- a list", "expected sections"),
        ("trainning: {}", "not a section"),
        ("data: {dataset: d, dataset_hash: h, task: t}\ntraining: {epoch: 1}", "training.epoch"),
        ("data: {dataset: d, task: t}", "data.dataset_hash: is missing"),
        ("data: 7", "expected a section with keys"),
        ("a: !!python/object/apply:os.system ['true']", "not valid YAML"),
    ],
)
def test_yaml_that_is_no_run_config_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        RunConfig.from_yaml(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recipe: automatic\ntraining:\n  seed: 1\n  epochs: 0\n", r"^training.epochs \(line 4\): is 0; expected at least 1"),
        ("training:\n  seed: 1\n  epoch: 3\n", r"^training.epoch \(line 3\): is not an option"),
        ("\n# mine\ncolour: red\n", r"^colour \(line 3\): is not a section"),
        ("compute: {device: cpu,\n  precision: float16}\n", r"^compute.precision \(line 2\): is float16"),
        ("head: 7\n", r"^head \(line 1\): is 7"),
    ],
)
def test_what_yaml_is_refused_for_is_named_with_its_line(text: str, said: str) -> None:
    rows = "data: {dataset: d, dataset_hash: h, task: single_label}\n"
    with pytest.raises(ConfigError, match=said):
        RunConfig.from_yaml(text + rows)


def test_names_are_unique_across_sections() -> None:
    names = [name for _, name in field_names()]

    assert len(names) == len(set(names))


def test_every_choice_has_a_line_of_help() -> None:
    for section in SECTIONS.values():
        for field in dataclasses.fields(section):
            declared = option_of(section, field.name)
            assert declared.title
            assert declared.help.endswith((".", ")"))
            assert "\n" not in declared.help
