"""What a saved model looks like from outside: to transformers, and to our own Predictor in a clean process."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import pipeline

from core.errors import ModelError
from core.inference import Predictor
from core.models.building import ModelCard, build_classifier, load_tokenizer, open_classifier, save_classifier
from core.models.catalogue import describe
from core.models.heads import HeadShape
from core.tasks import get_task

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

    with pytest.raises(ModelError, match=r"weights of model 'mine' are damaged or not whole\. Copy or download"):
        build_classifier(info, get_task("single_label"), ["a", "b"], pooling=pooling, head=HeadShape())
