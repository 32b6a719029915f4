"""A saved model as opened by transformers, and by Tuneboard's Predictor in a new process."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import pipeline

from core.errors import ModelError, UserError
from core.inference import Predictor
from core.models import build
from core.models.build import build_classifier, load_tokenizer, open_classifier, save_classifier
from core.models.heads import HeadShape
from core.models.hub import describe
from core.models.model_card import ModelCard
from core.tasks import get_task
from tests.deadline import deadline

TEXTS = ["the sky is blue", "anna works at acme in berlin .", "grass!"]
ROOT = Path(__file__).resolve().parents[3]


def saved(folder: Path, model: Path, task_name: str, labels: list[str], pooling: str, head: str = "linear") -> Path:
    task = get_task(task_name)
    outputs = task.output_labels(labels)
    classifier = build_classifier(describe(str(model), folder), task, outputs, pooling=pooling, head=HeadShape(kind=head))
    card = ModelCard(
        task=task_name, outputs=outputs, max_length=64, pooling=pooling, head=HeadShape(kind=head), base_model=str(model)
    )
    save_classifier(classifier, load_tokenizer(model), card, folder / "model")
    return folder / "model"


def test_architecture_head_opens_in_a_pipeline_with_the_same_answers(tiny_model: Path, tmp_path: Path) -> None:
    folder = saved(tmp_path, tiny_model, "single_label", ["blue", "green"], "architecture")

    theirs = pipeline("text-classification", model=str(folder), top_k=None)(TEXTS)
    ours = Predictor.load(folder).predict(TEXTS)

    for their_row, our_row in zip(theirs, ours, strict=True):
        assert our_row["probabilities"] == pytest.approx({entry["label"]: entry["score"] for entry in their_row}, abs=1e-4)


def test_entities_open_in_a_pipeline_with_the_same_answers(tiny_model: Path, tmp_path: Path) -> None:
    folder = saved(tmp_path, tiny_model, "token_classification", ["LOC", "PER"], "architecture")

    theirs = pipeline("token-classification", model=str(folder), aggregation_strategy="first")(TEXTS)
    ours = Predictor.load(folder).predict(TEXTS)

    found = [[(entity["start"], entity["end"], entity["type"]) for entity in row["entities"]] for row in ours]
    expected = [[(entity["start"], entity["end"], entity["entity_group"]) for entity in row] for row in theirs]
    assert found == expected
    assert any(found)


@pytest.mark.parametrize("head", ["linear", "cosine"])
def test_pooled_head_comes_back_bit_by_bit_and_nothing_else_opens_it_wrongly(tiny_model: Path, tmp_path: Path, head: str) -> None:
    folder = saved(tmp_path, tiny_model, "single_label", ["a", "b"], "mean", head)

    again, _, card = open_classifier(folder)

    assert (card.outputs, card.head.kind, card.pooling) == (["a", "b"], head, "mean")
    first = {name: tensor.clone() for name, tensor in again.state_dict().items()}
    second = open_classifier(folder)[0].state_dict()
    assert all(bool((first[name] == second[name]).all()) for name in first)
    assert json.loads((folder / "config.json").read_text())["id2label"] == {"0": "a", "1": "b"}
    with pytest.raises(ValueError, match="tuneboard"):
        pipeline("text-classification", model=str(folder))


def test_a_clean_process_opens_it_and_predicts(tiny_model: Path, tmp_path: Path) -> None:
    folder = saved(tmp_path, tiny_model, "multi_label", ["a", "b"], "mean")
    here = Predictor.load(folder).predict(["the sky"])[0]["probabilities"]
    program = (
        "import json, sys; from pathlib import Path; from core.inference import Predictor\n"
        "print(json.dumps(Predictor.load(Path(sys.argv[1])).predict(['the sky'])[0]['probabilities']))"
    )

    done = subprocess.run([sys.executable, "-c", program, str(folder)], cwd=ROOT, capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == pytest.approx(here, abs=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "architecture"])
def test_a_model_whose_weights_were_cut_after_it_was_chosen_is_said_to_be_damaged(
    tiny_model: Path, tmp_path: Path, pooling: str
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "mine")
    info = describe(str(folder), tmp_path)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])

    with pytest.raises(ModelError, match=r"weights of model 'mine' are damaged or incomplete\. Copy or download"):
        build_classifier(info, get_task("single_label"), ["a", "b"], pooling=pooling, head=HeadShape())


def with_card(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The same saved model with another card."""
    config = json.loads((folder / "config.json").read_text())
    change(config["tuneboard"])
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def as_first_written(card: dict[str, Any]) -> None:
    """The first version had only linear heads."""
    del card["head"], card["scale"], card["num_word_features"]
    card["dropout"] = 0.1


def as_written_second(card: dict[str, Any]) -> None:
    """The second version stored the kind of its head as a name."""
    kind = card["head"]["kind"]
    as_first_written(card)
    card["head"] = kind


@pytest.mark.parametrize(("head", "change"), [("linear", as_first_written), ("cosine", as_written_second)])
def test_a_model_of_an_early_version_opens_and_answers_as_it_did(
    tiny_model: Path, tmp_path: Path, head: str, change: Callable[[dict[str, Any]], object]
) -> None:
    folder = saved(tmp_path, tiny_model, "single_label", ["a", "b"], "mean", head)
    answers = Predictor.load(folder).predict(TEXTS)

    assert Predictor.load(with_card(folder, change)).predict(TEXTS) == answers


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda card: card.pop("outputs"), "was made by an earlier version"),
        (lambda card: card["head"].update(gates=3), "was made by a later version of Tuneboard. Update"),
        (lambda card: card.update(quantized=True), "was made by a later version of Tuneboard. Update"),
        (lambda card: card.update(outputs="ab"), "is damaged: its config.json has invalid values"),
        (lambda card: card.update(max_length=True), "is damaged: its config.json has invalid values"),
        (lambda card: card.update(head=[]), "is damaged: its config.json has invalid values"),
        (lambda card: card["head"].update(hidden_sizes=["a"]), "is damaged: its config.json has invalid values"),
        (lambda card: card["head"].update(hidden_sizes=7), "is damaged: its config.json has invalid values"),
        (lambda card: card.update(scale=None), "is damaged: its config.json has invalid values"),
        (lambda card: card.update(task="x"), "was made by a later version of Tuneboard. Update"),
    ],
)
def test_a_card_of_another_version_is_not_called_damaged(
    tiny_model: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    folder = with_card(saved(tmp_path, tiny_model, "single_label", ["a", "b"], "mean"), change)

    with pytest.raises(UserError, match=re.escape(said)):
        open_classifier(folder)


@pytest.mark.parametrize("content", ["[]", "[" * 100_000, "{", "null", '{"tuneboard": []}', '{"tuneboard": 7}'])
def test_a_config_that_is_no_mapping_is_said_to_hold_no_model(tiny_model: Path, tmp_path: Path, content: str) -> None:
    folder = saved(tmp_path, tiny_model, "single_label", ["a", "b"], "mean")
    (folder / "config.json").write_text(content)

    with pytest.raises(ModelError, match="contains no model trained by Tuneboard"):
        open_classifier(folder)


@pytest.mark.parametrize("pooling", ["mean", "architecture"])
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_pipe_among_the_files_of_a_trained_model_is_not_waited_for(
    tiny_model: Path, tmp_path: Path, name: str, pooling: str
) -> None:
    folder = saved(tmp_path, tiny_model, "single_label", ["a", "b"], pooling)
    (folder / name).unlink()
    os.mkfifo(folder / name)

    with deadline(20), pytest.raises(ModelError, match=f"contains '{name}', which is not a regular file but a pipe"):
        open_classifier(folder)


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.")]
)
def test_memory_that_does_not_suffice_is_not_called_damage(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    folder = saved(tmp_path, tiny_model, "single_label", ["a", "b"], "mean")

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(build, "load_file", fail)
    with pytest.raises(ModelError, match="There is not enough memory to open the trained model in 'model'"):
        open_classifier(folder)
    monkeypatch.setattr(build.AutoModel, "from_pretrained", fail)
    with pytest.raises(ModelError, match="There is not enough memory to load the model"):
        build_classifier(
            describe(str(tiny_model), tmp_path), get_task("single_label"), ["a", "b"], pooling="mean", head=HeadShape()
        )


def test_a_file_that_may_not_be_read_is_not_called_damage(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved(tmp_path, tiny_model, "single_label", ["a", "b"], "mean")
    monkeypatch.setattr(os, "access", lambda path, _: Path(path).name != "model.safetensors")

    with pytest.raises(ModelError, match=r"'model\.safetensors' cannot be read by this user\. Give this user permission"):
        open_classifier(folder)
