"""Each option of a run has its effect, on the tiny model."""

from pathlib import Path
from typing import Any

import pytest
import torch

from core.config.run_config import RunConfig
from core.datasets.dataset import Dataset
from core.errors import ConfigError
from core.models.build import build_classifier, open_classifier
from core.models.freezing import choose_trainable, merge_adapters
from core.models.heads import HeadShape, PooledClassifier
from core.models.hub import describe
from core.tasks import get_task
from core.training.fine_tune import fine_tune
from core.training.loop import Loop
from core.training.tracking.recorder import TrainingStopped
from tests.core.training.tiny_runs import ListRecorder, config_for, places_in

pytestmark = pytest.mark.training


def trained(config: RunConfig, dataset: Dataset, folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any], ListRecorder]:
    """Weights of the saved model, result and recorder of a run."""
    places, recorder = places_in(folder), ListRecorder()
    result = fine_tune(config, dataset, places, recorder)
    return open_classifier(places.model)[0].state_dict(), result, recorder


def fresh_state(model: Path, folder: Path) -> dict[str, torch.Tensor]:
    classifier = build_classifier(
        describe(str(model), folder), get_task("single_label"), ["blue", "green"], pooling="mean", head=HeadShape()
    )
    return classifier.state_dict()


@pytest.mark.parametrize(
    ("values", "moving"),
    [
        ({"trainable": "everything"}, ("encoder.embeddings.", "encoder.encoder.layer.0.", "encoder.encoder.layer.1.", "head.")),
        (
            {"trainable": "all_but_embeddings"},
            (
                *("encoder.embeddings.LayerNorm", "encoder.embeddings.position", "encoder.embeddings.token_type"),
                *("encoder.encoder.layer.0.", "encoder.encoder.layer.1.", "head."),
            ),
        ),
        ({"trainable": "top_layers", "top_layers": 1}, ("encoder.encoder.layer.1.", "head.")),
        ({"trainable": "head"}, ("head.",)),
        ({"trainable": "lora"}, ("encoder.encoder.layer.0.", "encoder.encoder.layer.1.", "head.")),
    ],
)
def test_what_should_learn_moves_and_the_rest_stays_bit_by_bit(
    colours: Dataset, tiny_model: Path, tmp_path: Path, values: dict[str, Any], moving: tuple[str, ...]
) -> None:
    before = fresh_state(tiny_model, tmp_path)

    after, _, _ = trained(config_for(colours, tiny_model, epochs=1).with_values(values), colours, tmp_path / "run")

    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert all(name.startswith(moving) for name in moved), sorted(name for name in moved if not name.startswith(moving))
    for prefix in moving:
        assert any(name.startswith(prefix) for name in moved), prefix


def test_adapters_are_merged_into_a_model_that_answers_the_same(tiny_model: Path, tmp_path: Path) -> None:
    classifier = build_classifier(
        describe(str(tiny_model), tmp_path), get_task("single_label"), ["a", "b"], pooling="mean", head=HeadShape()
    )
    names = set(classifier.state_dict())
    choose_trainable(classifier, "lora", lora_rank=4, lora_alpha=8)
    with torch.no_grad():
        for name, parameter in classifier.named_parameters():
            if "lora_" in name:
                parameter.normal_(std=0.1)
    classifier.eval()
    ids, mask = torch.tensor([[2, 9, 12, 3]]), torch.ones(1, 4, dtype=torch.long)
    adapted = classifier(ids, mask)

    merge_adapters(classifier)

    assert set(classifier.state_dict()) == names
    assert torch.allclose(classifier(ids, mask), adapted, atol=1e-5)


def test_adapters_act_at_a_strength_below_one_too(tiny_model: Path, tmp_path: Path) -> None:
    classifier = build_classifier(
        describe(str(tiny_model), tmp_path), get_task("single_label"), ["a", "b"], pooling="mean", head=HeadShape()
    )
    choose_trainable(classifier, "lora", lora_rank=4, lora_alpha=0.5)
    scales = [module.scaling["default"] for module in classifier.modules() if hasattr(module, "lora_A")]
    assert set(scales) == {0.125}


def test_more_top_layers_than_there_are_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    classifier = build_classifier(
        describe(str(tiny_model), tmp_path), get_task("single_label"), ["a", "b"], pooling="mean", head=HeadShape()
    )

    with pytest.raises(ConfigError, match="has 2 layers"):
        choose_trainable(classifier, "top_layers", top_layers=3)


@pytest.mark.parametrize("head", ["linear", "cosine", "feed_forward"])
@pytest.mark.parametrize("pooling", ["mean", "first", "max", "attention"])
def test_every_head_on_every_pooling_learns_and_comes_back(
    colours: Dataset, tiny_model: Path, tmp_path: Path, head: str, pooling: str
) -> None:
    config = config_for(colours, tiny_model, epochs=10).with_values({"head": head, "pooling": pooling, "hidden_sizes": "24,12"})

    state, result, recorder = trained(config, colours, tmp_path / "run")

    losses = recorder.values("train/epoch_loss")
    assert losses[-1] < 0.7 * losses[0]
    assert result["model"]["pooling"] == pooling
    assert ("attention.question.weight" in state) == (pooling == "attention")
    assert ("head.hidden.2.weight" in state) == (head == "feed_forward")


def test_accumulated_batches_make_the_same_step_as_one_large_batch(colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    whole = config_for(colours, tiny_model, batch_size=8, epochs=2).with_values({"encoder_dropout": 0})
    parts = whole.with_values({"batch_size": 2, "gradient_accumulation": 4})

    one, _, first = trained(whole, colours, tmp_path / "whole")
    other, _, second = trained(parts, colours, tmp_path / "parts")

    assert second.values("train/epoch_loss") == pytest.approx(first.values("train/epoch_loss"), rel=1e-3)
    assert all(torch.allclose(one[name], other[name], atol=2e-3) for name in one)


def test_gradient_checkpointing_changes_nothing_but_memory(colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    config = config_for(colours, tiny_model, epochs=2).with_values({"encoder_dropout": 0})

    _, _, first = trained(config, colours, tmp_path / "plain")
    _, _, second = trained(config.with_values({"gradient_checkpointing": True}), colours, tmp_path / "checkpointed")

    assert second.values("train/epoch_loss") == pytest.approx(first.values("train/epoch_loss"), rel=1e-4)


def test_the_same_seed_gives_the_same_run_and_another_seed_another(colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    config = config_for(colours, tiny_model, epochs=2).with_values({"deterministic": True})

    losses = [
        trained(config.with_values({"seed": seed}), colours, tmp_path / name)[2].values("train/epoch_loss")
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    torch.use_deterministic_algorithms(False)

    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd", "adafactor"])
def test_every_optimizer_lowers_the_loss_of_a_run(colours: Dataset, tiny_model: Path, tmp_path: Path, optimizer: str) -> None:
    values: dict[str, Any] = {"optimizer": optimizer, "schedule": "constant"}
    if optimizer in {"sgd", "adafactor"}:
        values |= {"learning_rate": 0.05, "head_learning_rate": 0.2}

    _, _, recorder = trained(config_for(colours, tiny_model, epochs=6).with_values(values), colours, tmp_path / "run")

    losses = recorder.values("train/epoch_loss")
    assert losses[-1] < 0.8 * losses[0]


def test_a_frozen_encoder_reads_every_text_once(
    colours: Dataset, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = 0
    embed = PooledClassifier.embed

    def counted(self: PooledClassifier, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        nonlocal read
        read += len(input_ids)
        return embed(self, input_ids, attention_mask)

    monkeypatch.setattr(PooledClassifier, "embed", counted)
    config = config_for(colours, tiny_model, epochs=30).with_values({"trainable": "head"})

    _, _, recorder = trained(config, colours, tmp_path / "run")

    assert read == len(colours.examples())
    losses = recorder.values("train/epoch_loss")
    assert losses[-1] < 0.5 * losses[0]


def test_the_average_of_the_best_epochs_is_kept_where_it_is_no_worse(
    colours: Dataset, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[dict[str, torch.Tensor]] = []
    select_weights = Loop.select_weights

    def watched(self: Loop) -> Any:
        kept.extend(self.kept_weights)
        return select_weights(self)

    monkeypatch.setattr(Loop, "select_weights", watched)
    config = config_for(colours, tiny_model, epochs=6, average_best=3, weight_averaging=0.0)

    state, result, recorder = trained(config, colours, tmp_path / "run")

    assert len(kept) == 3
    (said,) = [message for _, message, _ in recorder.events if message.startswith("The average of the weights of epochs")]
    name = "encoder.encoder.layer.1.output.dense.weight"
    mean = torch.stack([weights[name] for weights in kept]).mean(dim=0)
    assert not torch.allclose(mean, kept[0][name])
    assert said.endswith("the average is kept.")
    assert f"epochs {', '.join(map(str, result['training']['from_epochs']))} reaches" in said
    assert torch.allclose(state[name], mean)
    best = max(recorder.values("validation/macro_f1"))
    assert result["splits"]["validation"]["macro"]["f1"] >= best - 1 / colours.num_examples["validation"]


def test_kept_weights_survive_a_stop(colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    config = config_for(colours, tiny_model, epochs=6, average_best=3).with_values({"encoder_dropout": 0})
    whole, _, _ = trained(config, colours, tmp_path / "whole")
    with pytest.raises(TrainingStopped):
        fine_tune(config, colours, places_in(tmp_path / "parts"), ListRecorder(stop_after=18))
    parts, _, _ = trained(config, colours, tmp_path / "parts")
    for name, tensor in whole.items():
        assert torch.allclose(parts[name], tensor, atol=1e-6), name


def test_tokens_and_the_use_of_the_device_are_told(colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    _, _, recorder = trained(config_for(colours, tiny_model), colours, tmp_path / "run")
    assert all(0 < use <= 1 for use in recorder.values("system/device_use"))
    line = next(line for line in recorder.lines if "train/tokens_per_s" in line)
    tokens_per_row = line["train/tokens_per_s"] / line["train/examples_per_s"]
    assert tokens_per_row == pytest.approx(7)  # every text has five words, and two special tokens


def test_an_automatic_batch_size_suits_the_number_of_rows(colours: Dataset, tiny_model: Path, tmp_path: Path) -> None:
    _, _, recorder = trained(config_for(colours, tiny_model, batch_size=None, epochs=1), colours, tmp_path / "run")
    (plan,) = [facts for kind, _, facts in recorder.events if kind == "plan"]
    assert (plan["batch_size"], plan["total_steps"]) == (16, 2)
