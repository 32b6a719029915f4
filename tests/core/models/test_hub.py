import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.errors import ModelError
from core.models.hub import BUNDLED, bundled_folder, describe, download, verify_bundled
from tests.deadline import deadline


def test_bundled_model_is_here_and_whole() -> None:
    info = describe(BUNDLED, Path("unused"))

    verify_bundled(bundled_folder())
    assert (info.architecture, info.pooling, info.max_length, info.hidden_size) == ("bert", "mean", 512, 384)
    assert not info.needs_download


def test_bundled_weights_that_changed_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"something else")

    with pytest.raises(ModelError, match="not the expected ones"):
        verify_bundled(tmp_path)


def test_local_folder_is_described_without_loading_it(tiny_model: Path, tmp_path: Path) -> None:
    info = describe(str(tiny_model), tmp_path)

    assert (info.title, info.folder, info.max_length, info.pooling) == ("tiny-bert", tiny_model, 64, "mean")
    assert info.num_parameters is not None
    assert 10_000 < info.num_parameters < 100_000


UNKNOWN = {
    "__type": "AddedToken",
    "content": "[UNK]",
    "lstrip": False,
    "normalized": False,
    "rstrip": False,
    "single_word": False,
}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"mask_token": None}, True),
        ({"mask_token": None, "unk_token": None}, False),
        ({"mask_token": "gone", "unk_token": "gone"}, False),
        ({"mask_token": "gone", "unk_token": UNKNOWN}, True),
        ({"mask_token": "gone", "unk_token": "gone", "tokenizer_class": "BertTokenizer"}, True),
        ({"mask_token": None, "unk_token": None, "tokenizer_class": "BertTokenizer"}, False),
    ],
)
def test_whether_tokens_can_be_hidden_is_read_as_transformers_reads_it(
    tiny_model: Path, tmp_path: Path, changed: dict[str, object], expected: bool
) -> None:
    """``gone`` means a token that the file does not contain."""
    from core.models.build import load_tokenizer

    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    file = folder / "tokenizer_config.json"
    values = {**json.loads(file.read_text()), **changed}
    file.write_text(json.dumps({name: value for name, value in values.items() if value != "gone"}))

    assert describe(str(folder), tmp_path).can_hide_tokens is expected
    tokenizer = load_tokenizer(folder)
    assert ((tokenizer.mask_token_id, tokenizer.unk_token_id) != (None, None)) is expected


def test_hub_id_is_only_a_promise_until_it_is_downloaded(tmp_path: Path) -> None:
    assert describe("google-bert/bert-base-uncased", tmp_path).needs_download


def test_hub_id_without_a_network_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    with pytest.raises(ModelError, match="Check the name and the network"):
        download("somebody/some-model", tmp_path)


LATEST = "0123456789abcdef0123456789abcdef01234567"


def fake_hub(monkeypatch: pytest.MonkeyPatch, content: Path) -> None:
    """A hub from which every model id downloads the files of one folder."""

    def snapshot_download(repository: str, *, revision: str, local_dir: Path, allow_patterns: list[str]) -> None:
        assert "*.bin" not in allow_patterns
        assert "@" not in repository
        assert len(revision) == 40
        shutil.copytree(content, local_dir, dirs_exist_ok=True)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda _, repository: SimpleNamespace(sha=LATEST, id=repository))


def test_hub_model_is_kept_once_it_was_downloaded_whatever_a_broken_download_left(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_hub(monkeypatch, tiny_model)
    leftover = tmp_path / ".somebody--some-model.part"
    leftover.mkdir()
    (leftover / "config.json").write_text("{")

    info = download("somebody/some-model", tmp_path)

    assert info.folder == tmp_path / "somebody--some-model"
    assert describe("somebody/some-model", tmp_path).needs_download is False


def test_a_hub_model_is_pinned_to_the_commit_it_was_downloaded_from_or_to_the_one_named(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_hub(monkeypatch, tiny_model)
    named = "f" * 40

    assert download("somebody/some-model", tmp_path).commit == LATEST
    assert describe("somebody/some-model", tmp_path).commit == LATEST
    assert download(f"somebody/some-model@{named}", tmp_path).commit == named


def test_hub_model_that_cannot_be_used_is_refused_and_not_kept(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    useless = tmp_path / "useless"
    shutil.copytree(tiny_model, useless)
    (useless / "model.safetensors").unlink()
    fake_hub(monkeypatch, useless)

    for _ in range(2):
        with pytest.raises(ModelError, match="contains no safetensors weights"):
            download("somebody/some-model", tmp_path / "hub")
    assert not (tmp_path / "hub" / "somebody--some-model").exists()


@pytest.mark.parametrize("reference", ["../../no-such", "/no/such/folder", "a/b/c", "name with spaces", "", "-rf"])
def test_reference_that_leads_nowhere_is_refused(reference: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="neither a folder"):
        describe(reference, tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"is_encoder_decoder": True}, "encoder-decoder"),
        ({"vocab_size": None}, "does not read text"),
        ({"model_type": None}, "with a model_type"),
        ({"tuneboard": {"task": "single_label"}}, "already has a head"),
    ],
)
def test_model_made_for_something_else_is_refused(tiny_model: Path, tmp_path: Path, change: dict[str, object], said: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    config = json.loads((folder / "config.json").read_text())
    config = {key: value for key, value in {**config, **change}.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(config))

    with pytest.raises(ModelError, match=said):
        describe(str(folder), tmp_path)


def as_weights(header: str) -> bytes:
    """A safetensors file with only a header."""
    return len(header).to_bytes(8, "little") + header.encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x08\x00\x00\x00\x00\x00\x00\x00notjson!",
        b"\xff" * 64,
        as_weights("[]"),
        as_weights("7"),
        as_weights("[" * 100_000),
        as_weights('{"a": ' * 50_000),
        as_weights('{"a": 7}'),
        as_weights('{"a": []}'),
        as_weights('{"a": {}}'),
        as_weights('{"a": {"shape": 7}}'),
        as_weights('{"a": {"shape": ["x", 3]}}'),
        as_weights('{"a": {"shape": [[2], 3]}}'),
        as_weights('{"a": {"shape": [-1]}}'),
        as_weights('{"a": {"shape": [1e9]}}'),
        as_weights(f'{{"a": {{"shape": [{"9" * 5000}]}}}}'),
        (2**40).to_bytes(8, "little") + b"{}",
    ],
)
def test_weights_that_are_no_safetensors_file_are_refused(tiny_model: Path, tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    (folder / "model.safetensors").write_bytes(content)

    with pytest.raises(ModelError, match="not a complete safetensors file"):
        describe(str(folder), tmp_path)


def test_folder_without_safetensors_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    with pytest.raises(ModelError, match="contains no safetensors weights"):
        describe(str(folder), tmp_path)


def changed(tiny_model: Path, tmp_path: Path, file: str, content: str) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    (folder / file).write_text(content)
    return folder


@pytest.mark.parametrize("content", ["[]", "[" * 100_000, '{"model_type": ' * 50_000, "7", "null", "", "{" + " " * 20_000_000])
def test_a_config_that_is_no_mapping_is_refused(tiny_model: Path, tmp_path: Path, content: str) -> None:
    folder = changed(tiny_model, tmp_path, "config.json", content)

    with pytest.raises(ModelError, match="with a model_type"):
        describe(str(folder), tmp_path)


@pytest.mark.parametrize("file", ["tokenizer_config.json", "special_tokens_map.json", "1_Pooling/config.json"])
@pytest.mark.parametrize("content", ["[]", "[" * 100_000, "null", '{"tokenizer_class": [], "model_max_length": true}'])
def test_descriptions_beside_it_that_are_no_mapping_count_as_none(
    tiny_model: Path, tmp_path: Path, file: str, content: str
) -> None:
    info = describe(str(changed(tiny_model, tmp_path, file, content)), tmp_path)

    assert info.max_length == 64


def test_values_of_a_config_that_cannot_be_are_as_good_as_none(tiny_model: Path, tmp_path: Path) -> None:
    config = {
        "model_type": ["bert"] * 1000,
        "vocab_size": {},
        "hidden_size": "many",
        "num_hidden_layers": [12],
        "max_position_embeddings": {"a": 1},
    }
    info = describe(str(changed(tiny_model, tmp_path, "config.json", json.dumps(config))), tmp_path)

    assert (info.hidden_size, info.num_layers, info.max_length) == (None, None, 64)
    assert len(info.architecture) <= 120


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", "model.safetensors"])
def test_a_pipe_in_the_folder_of_a_model_is_not_waited_for(tiny_model: Path, tmp_path: Path, file: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    (folder / file).unlink(missing_ok=True)
    os.mkfifo(folder / file)

    said = "no config.json" if file == "config.json" else f"contains '{file}', which is not a regular file"
    with deadline(5), pytest.raises(ModelError, match=said):
        describe(str(folder), tmp_path)


def test_a_device_linked_into_the_folder_of_a_model_is_not_read(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    (folder / "more.safetensors").symlink_to("/dev/zero")
    (folder / "nowhere").symlink_to(folder / "no such file")

    with deadline(5), pytest.raises(ModelError, match=r"contains 'more\.safetensors', which is not a regular file"):
        describe(str(folder), tmp_path)


def test_a_reference_is_never_quoted_whole(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="neither a folder") as caught:
        describe("no such model " * 10_000, tmp_path)

    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("reference", ["/" + "a" * 5000, "a\0b", "~nobody-of-this-name/model", "/dev/null"])
def test_a_path_that_cannot_be_one_leads_nowhere(reference: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="neither a folder"):
        describe(reference, tmp_path)
