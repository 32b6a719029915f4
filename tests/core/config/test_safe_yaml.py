"""Untrusted configs: anything but settings is refused at once, with a short error, by every interface."""

import os
from pathlib import Path

import pytest

from core.config.run_config import DataConfig, RunConfig
from core.config.safe_yaml import config_text, mapping_from_yaml
from core.errors import ConfigError
from tests.deadline import deadline

ROWS = "data: {dataset: d, dataset_hash: h, task: single_label}\n"
LAUGHS = "\n".join(["a0: &a0 [x,x]", *(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12))])
MERGES = "\n".join(["a0: &a0 {x: 1}", *(f"a{i}: &a{i} {{<<: [{','.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, 12))])

MALICIOUS = {
    "aliases": LAUGHS,
    "merged aliases": MERGES,
    "aliases in a value": "training:\n  epochs: {" + LAUGHS.replace("\n", ", ") + "}\n",
    "alias of itself": "training: &a\n  seed: *a\n",
    "alias of a section": "model: &m {model: bundled}\nhead: *m\n",
    "brackets": "[" * 20_000,
    "braces": "training: " + "{a: " * 20_000,
    "dashes": "- " * 20_000,
    "question marks": "? " * 20_000,
    "nested values": "training:\n  epochs: [[[[[[1]]]]]]\n",
    "a list": "training:\n  epochs: [3]\n",
    "digits": "training:\n  epochs: " + "9" * 6000,
    "a large number": "training:\n  epochs: 99999999999999999999\n",
    "an infinite number": "training:\n  epochs: 1e999\n",
    "no date": "training:\n  epochs: 2020-13-45\n",
    "a date": "training:\n  epochs: 2020-12-13\n",
    "bytes": "training:\n  epochs: !!binary aGFsbG8=\n",
    "bytes that are none": "training:\n  epochs: !!binary \xe4\n",
    "a program": "training: !!python/object/apply:os.system [ls]\n",
    "half a character": 'model:\n  model: "\\ud800"\n',
    "half a character in a key": '"\\ud800": 3\n',
    "half a character as it is": "model: \ud800\n",
    "a NUL": 'model:\n  model: "a\\0b"\n',
    "keys of two kinds": "1: 2\nb: 3\n",
    "a long key": f"{'k' * 3000}: 3\n",
    "a long key in a section": f"training:\n  {'k' * 900}: 3\n",
    "a long value": f"training:\n  epochs: {'v' * 9000}\n",
    "a value of some length": f"training:\n  epochs: {'v' * 4000}\n",
    "a long choice": f"training:\n  thresholds: {'v' * 4000}\n",
    "a long section": f"training: {'v' * 4000}\n",
    "much": "# nothing\n" * 30_000,
}


@pytest.mark.parametrize("text", MALICIOUS.values(), ids=MALICIOUS)
def test_what_is_no_setting_is_refused_at_once_and_in_a_few_words(text: str) -> None:
    with deadline(5), pytest.raises(ConfigError) as caught:
        RunConfig.from_yaml(ROWS + text)

    assert len(str(caught.value).encode()) < 800


def test_what_a_run_wrote_is_read_whatever_the_path_of_its_model() -> None:
    config = RunConfig(data=DataConfig(dataset="d", dataset_hash="h", task="single_label")).with_values(
        {"model": "/home/\u00e4\u3000\u6a21\u578b/" + "x" * 2000, "seed": 2**31 - 1, "layer_decay": 0.5}
    )

    assert RunConfig.from_yaml(config.to_yaml()) == config


def test_a_value_that_is_none_is_named_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"training\.epochs \(line 2\): is not a single value"):
        mapping_from_yaml("training:\n  epochs: [3]\n")


def test_an_alias_is_named_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"config \(line 3\): has an alias such as \*name\. Write the value itself"):
        mapping_from_yaml("model: &m\n  model: bundled\nhead: *m\n")


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "missing", "no text", "NUL", "too long"])
def test_what_is_no_file_of_text_is_no_config(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "config.yaml"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "device":
        file = Path("/dev/null")
    elif kind == "folder":
        file.mkdir()
    elif kind == "no text":
        file.write_bytes(b"\xff\xfe\x00")
    elif kind == "NUL":
        file = tmp_path / "a\0b"
    elif kind == "too long":
        file.write_bytes(b"#" * 300_000)

    with deadline(5), pytest.raises(ConfigError) as caught:
        config_text(file)

    said = str(caught.value)
    assert ("292 KiB long" if kind == "too long" else "Give a YAML file.") in said
    assert ("is not a file" in said) is (kind in {"pipe", "device", "folder"})


def test_a_mark_at_the_beginning_of_a_file_is_no_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(b"\xef\xbb\xbftraining:\n  epochs: 3\n")

    assert mapping_from_yaml(config_text(tmp_path / "config.yaml")) == {"training": {"epochs": 3}}
