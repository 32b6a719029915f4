"""Calibration of a trained model before it is tested, as seen in a run's results and in the saved model."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import pipeline

from core.datasets.dataset import Dataset
from core.errors import ConfigError
from core.inference import Predictor
from core.models.build import build_classifier, open_classifier
from core.models.heads import ArchitectureClassifier, HeadShape, PooledClassifier, can_scale_outputs, scale_outputs
from core.models.hub import describe
from core.tasks import get_task
from core.training.fine_tune import fine_tune
from core.training.planning.run_plan import check_config
from tests.core.training.tiny_runs import ListRecorder, config_for, places_in
from tests.tiny import tiny_dataset, tiny_multi_label_dataset, write_tiny_dataset, write_tiny_model

pytestmark = pytest.mark.training

HARDLY_LEARNED = {"trainable": "head", "learning_rate": 1e-6, "head_learning_rate": 1e-6, "epochs": 1}


@pytest.fixture
def more_colours(tmp_path: Path) -> Dataset:
    return write_tiny_dataset(tmp_path / "more", tiny_dataset(240))


@pytest.fixture
def disputed(tmp_path: Path) -> Dataset:
    """Colours with a wrong label for every third row of the validation split, so that a model is overconfident."""
    examples = tiny_dataset(240)
    wrong = (examples["split"] == "validation") & (np.arange(len(examples)) // 8 % 3 == 0)
    examples.loc[wrong, "label"] = examples.loc[wrong, "label"].map({"blue": "green", "green": "blue"})
    return write_tiny_dataset(tmp_path / "disputed", examples)


@pytest.mark.parametrize("task", ["single_label", "multi_label"])
def test_words_decide_where_the_encoder_has_learned_nothing(task: str, tiny_model: Path, tmp_path: Path) -> None:
    made = {"single_label": tiny_dataset, "multi_label": tiny_multi_label_dataset}[task](240)
    dataset, places, recorder = write_tiny_dataset(tmp_path / "data", made, task), places_in(tmp_path / "run"), ListRecorder()
    config = config_for(dataset, tiny_model).with_values({**HARDLY_LEARNED, "word_evidence": True})

    result = fine_tune(config, dataset, places, recorder)

    calibration = result["calibration"]
    assert calibration["evidence"] > 0
    assert calibration["loss"] < 0.5 * calibration["loss_before"]
    assert result["splits"]["test"]["micro"]["f1"] == 1.0
    assert any(message.startswith("TF-IDF classifier added: validation loss ") for _, message, _ in recorder.events)
    predicted = Predictor.load(places.model).predict(dataset.examples("test")["text"].tolist())
    kept = pd.read_parquet(places.predictions).query("split == 'test'")
    np.testing.assert_allclose(
        [list(row["probabilities"].values()) for row in predicted], np.stack(kept["probabilities"].tolist()), atol=1e-5
    )


def test_words_are_left_out_unless_asked_for(more_colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    places = places_in(tmp_path / "run")

    result = fine_tune(config_for(more_colours, tiny_model).with_values(HARDLY_LEARNED), more_colours, places, ListRecorder())

    assert result["calibration"]["evidence"] == 0
    classifier, _, card = open_classifier(places.model)
    assert isinstance(classifier, PooledClassifier)
    assert (classifier.words, card.num_word_features) == (None, 0)
    assert classifier.scale == card.scale == result["calibration"]["scale"]


def test_words_that_add_nothing_are_said_to_be_left_out(more_colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    examples = more_colours.examples()
    in_training = examples["split"] == "train"
    examples.loc[in_training, "text"] = [f"the sky is {('calm', 'fresh')[i // 3 % 2]}" for i in range(in_training.sum())]
    dataset, recorder = write_tiny_dataset(tmp_path / "shuffled", examples), ListRecorder()
    config = config_for(dataset, tiny_model).with_values({**HARDLY_LEARNED, "word_evidence": True})

    result = fine_tune(config, dataset, places_in(tmp_path / "run"), recorder)

    assert result["calibration"]["evidence"] == 0
    sentence = "The TF-IDF classifier does not lower the validation loss and is left out."
    assert any(message == sentence for _, message, _ in recorder.events)


def test_few_mistakes_decide_nothing(colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    recorder = ListRecorder()
    config = config_for(colours, tiny_model, epochs=1).with_values({"word_evidence": True})

    result = fine_tune(config, colours, places_in(tmp_path / "run"), recorder)

    mistakes = result["calibration"].pop("num_mistakes")
    assert mistakes < 10
    assert result["calibration"] == {"scale": 1.0, "evidence": 0.0, "loss_before": None, "loss": None}
    told = [message for _, message, _ in recorder.events]
    assert f"Too few errors on validation ({mistakes}) to fit a TF-IDF classifier and temperature scaling." in told


def test_calibration_can_be_switched_off_and_changes_no_label(disputed: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    def trained(name: str, *, calibration: bool) -> tuple[dict[str, float], pd.DataFrame]:
        places = places_in(tmp_path / name)
        config = config_for(disputed, tiny_model, epochs=6).with_values({"calibration": calibration})
        return fine_tune(config, disputed, places, ListRecorder())["calibration"], pd.read_parquet(places.predictions)

    plain, before = trained("off", calibration=False)
    calibrated, after = trained("on", calibration=True)

    assert plain["scale"] == 1
    assert calibrated["scale"] < 0.8
    assert before["predicted"].tolist() == after["predicted"].tolist()
    logits, scaled = (np.log(np.stack(table["probabilities"].tolist())) @ [-1, 1] for table in (before, after))
    np.testing.assert_allclose(scaled, calibrated["scale"] * logits, rtol=1e-3, atol=1e-4)


def test_an_architectures_own_head_is_scaled_in_its_weights(disputed: Dataset, tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "model", pooling=None)
    places = places_in(tmp_path / "run")

    result = fine_tune(config_for(disputed, tmp_path / "model", epochs=6), disputed, places, ListRecorder())

    assert result["calibration"]["scale"] < 0.8
    texts = disputed.examples("test")["text"].tolist()
    theirs = pipeline("text-classification", model=str(places.model), top_k=None)(texts)
    kept = pd.read_parquet(places.predictions).query("split == 'test'")
    for row, probabilities in zip(theirs, kept["probabilities"], strict=True):
        assert {entry["label"]: entry["score"] for entry in row} == pytest.approx(
            dict(zip(("blue", "green"), probabilities, strict=True)), abs=1e-4
        )


def test_mistakes_count_as_they_did_while_training(disputed: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    examples = disputed.examples()
    is_left_out = (examples["split"] == "train") & (examples["label"] == "green") & (np.arange(len(examples)) % 5 > 0)
    dataset = write_tiny_dataset(tmp_path / "uneven", examples[~is_left_out])

    def loss_before(class_weights: str) -> float:
        config = config_for(dataset, tiny_model).with_values({**HARDLY_LEARNED, "class_weights": class_weights})
        result = fine_tune(config, dataset, places_in(tmp_path / class_weights), ListRecorder())
        return float(result["calibration"]["loss_before"])

    # Hardly anything was learned, so that the two models are the same but for what mistakes count.
    assert loss_before("balanced") != pytest.approx(loss_before("none"), rel=0.01)


def test_scaling_multiplies_the_logits(tiny_model: Path, tmp_path: Path) -> None:
    inputs = torch.tensor([[2, 8, 9, 3]]), torch.ones(1, 4, dtype=torch.int64)
    for pooling, kind in (("mean", PooledClassifier), ("architecture", ArchitectureClassifier)):
        info, task = describe(str(tiny_model), tmp_path), get_task("single_label")
        classifier = build_classifier(info, task, ["a", "b"], pooling=pooling, head=HeadShape()).eval()
        assert isinstance(classifier, kind)
        with torch.no_grad():
            before = classifier(*inputs)
            scale_outputs(classifier, 0.5)
            torch.testing.assert_close(classifier(*inputs), 0.5 * before)
    assert isinstance(classifier, ArchitectureClassifier)
    assert can_scale_outputs(classifier)
    classifier.model.config.num_labels = 3  # as if the last linear layer were not what gives the logits
    assert not can_scale_outputs(classifier)


def test_a_model_saved_before_there_was_calibration_opens(more_colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    places = places_in(tmp_path / "run")
    config = config_for(more_colours, tiny_model, epochs=1).with_values({"calibration": False})
    fine_tune(config, more_colours, places, ListRecorder())
    file = places.model / "config.json"
    content = json.loads(file.read_text())
    before = Predictor.load(places.model).predict(["the sky is blue"])
    del content["tuneboard"]["scale"], content["tuneboard"]["num_word_features"]
    file.write_text(json.dumps(content))

    assert Predictor.load(places.model).predict(["the sky is blue"]) == before


def test_words_are_refused_where_the_architectures_own_head_has_no_place_for_them(more_colours: Dataset, tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "model", pooling=None)
    config = config_for(more_colours, tmp_path / "model").with_values({"word_evidence": True})

    with pytest.raises(ConfigError, match="word_evidence: is true, but a TF-IDF classifier cannot be added to the arch"):
        check_config(config, more_colours, describe(str(tmp_path / "model"), tmp_path))
