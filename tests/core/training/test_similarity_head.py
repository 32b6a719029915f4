"""The cosine (prototype) head."""

from pathlib import Path

import pytest
import torch

from core.datasets.dataset import Dataset
from core.inference import Predictor
from core.models.build import build_classifier, load_tokenizer
from core.models.heads import HeadShape
from core.models.hub import describe
from core.tasks import get_task
from core.training.fine_tune import fine_tune
from core.training.steps.head_init import start_from_label_means
from core.training.steps.predict import run_model
from tests.core.training.tiny_runs import ListRecorder, config_for, places_in
from tests.tiny import tiny_dataset

pytestmark = pytest.mark.training


def test_similarity_head_knows_the_labels_before_the_first_step(tiny_model: Path, tmp_path: Path) -> None:
    task, outputs, cpu = get_task("single_label"), ["blue", "green"], torch.device("cpu")
    tokenizer = load_tokenizer(tiny_model)
    classifier = build_classifier(
        describe(str(tiny_model), tmp_path), task, outputs, pooling="mean", head=HeadShape(kind="cosine")
    )
    encoded = task.encode(tiny_dataset(), tokenizer, {"blue": 0, "green": 1}, 32)

    def accuracy() -> float:
        ran = run_model(classifier, encoded, task, pad_token_id=0, batch_size=8, device=cpu)
        return sum(int(row.argmax()) == target for row, target in zip(ran.logits, encoded.targets, strict=True)) / 60

    start_from_label_means(classifier, encoded, 2, 0, cpu)

    assert accuracy() > 0.9


def test_similarity_head_is_trained_saved_and_opened_again(colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    places = places_in(tmp_path / "run")
    config = config_for(colours, tiny_model).with_values({"head": "cosine"})

    result = fine_tune(config, colours, places, ListRecorder())

    assert result["splits"]["test"]["accuracy"] == 1.0
    predicted = [row["label"] for row in Predictor.load(places.model).predict(colours.examples("test")["text"].tolist())]
    assert predicted == colours.examples("test")["label"].tolist()
