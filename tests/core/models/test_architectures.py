"""Assumptions about architectures, compared with the installed transformers on tiny random models."""

from pathlib import Path
from typing import Any

import pytest
import torch

from core.errors import ConfigError
from core.models import encoder_dropout
from core.models.architectures import (
    POSITIONS_AFTER_PADDING,
    WITHOUT_CHECKPOINTING,
    WITHOUT_NUMBERED_LAYERS,
    WITHOUT_WORD_EMBEDDINGS,
    position_limit,
)
from core.models.build import build_classifier
from core.models.freezing import check_layer_decay, choose_trainable, num_layers
from core.models.heads import ArchitectureClassifier, Classifier, HeadShape
from core.models.hub import ModelInfo, describe
from core.tasks import get_task
from core.training.steps.out_of_memory import can_checkpoint_gradients
from tests.core.models.architectures import DECODERS, KNOWN, NUM_POSITIONS, tiny_config, tiny_encoder

UNBOUNDED = {"esmc", "eurobert", "funnel", "gte", "jina_embeddings_v3", "modernbert", "nomic_bert", "ultrabert", "xlnet"}
"""Encoders that know positions by how far tokens are apart, so that any number of tokens can be read."""

OF_EACH_KIND = {
    "albert": "another name in its config",
    "mpnet": "the encoder's name for the head",
    "eurobert": "no dropout in its head",
    "markuplm": "a dropout in its head that is never called",
    "mpt": "no name for the encoder's",
}
"""Architecture -> how it keeps its dropout, other than BERT does."""


def reads(encoder: Any, num_tokens: int) -> bool:
    """Whether a model can read this many tokens, none of them padding."""
    ids = torch.full((1, num_tokens), 7)
    try:
        with torch.inference_mode():
            encoder(input_ids=ids, attention_mask=torch.ones_like(ids))
    except (IndexError, RuntimeError, ValueError):
        return False
    return True


def check_longest_input(model_type: str, **changes: Any) -> None:
    config = tiny_config(model_type, **changes)
    limit = position_limit(config.to_dict())
    encoder = tiny_encoder(model_type, **changes)

    if limit is None:
        assert reads(encoder, 2 * NUM_POSITIONS)
        return
    assert reads(encoder, limit)
    assert reads(encoder, limit + 1) is (model_type in UNBOUNDED | set(DECODERS) - {"gpt2", "opt"})


@pytest.mark.parametrize("model_type", sorted((POSITIONS_AFTER_PADDING - {"layoutlmv3"}) | {"bert", "gpt2"}))
def test_the_longest_input_is_the_longest_that_can_be_read(model_type: str) -> None:
    check_longest_input(model_type)


@pytest.mark.parametrize("padding", [0, 4])
def test_positions_behind_another_padding_token_are_counted_from_there(padding: int) -> None:
    check_longest_input("roberta", pad_token_id=padding)
    check_longest_input("mpnet", pad_token_id=padding)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"model_type": "roberta", "max_position_embeddings": 514}, 512),
        ({"model_type": "luke", "max_position_embeddings": 514, "pad_token_id": None}, 512),
        ({"model_type": "markuplm", "max_position_embeddings": 514}, 513),
        ({"model_type": "bert", "max_position_embeddings": 512, "pad_token_id": 0}, 512),
        ({"model_type": "gpt2", "n_positions": 1024}, 1024),
        ({"model_type": "bert", "max_position_embeddings": True}, None),
        ({"model_type": "bert", "max_position_embeddings": "512"}, None),
        ({"model_type": "roberta", "max_position_embeddings": 1}, 1),
        ({"model_type": ["roberta"], "max_position_embeddings": 9}, 9),
    ],
)
def test_the_longest_input_is_read_off_a_config(config: dict[str, Any], expected: int | None) -> None:
    assert position_limit(config) == expected


def test_a_folder_without_a_limit_of_its_tokenizer_is_read_as_far_as_its_positions_go(tmp_path: Path) -> None:
    tiny_encoder("xlm-roberta-xl").save_pretrained(tmp_path / "model")

    assert describe(str(tmp_path / "model"), tmp_path).max_length == NUM_POSITIONS - 2


def classifier_of(
    folder: Path, model_type: str, task_name: str, pooling: str, *, encoder: float | None, head: float
) -> Classifier:
    task = get_task(task_name)
    if not folder.exists():
        tiny_encoder(model_type).save_pretrained(folder)
    info = ModelInfo(reference=str(folder), title=model_type, folder=folder, architecture=model_type)
    return build_classifier(
        info,
        task,
        task.output_labels(["a", "b"]),
        pooling=pooling,
        head=HeadShape(dropout=head),
        encoder_dropout=encoder,
    )


def varies(classifier: Classifier, *, encoder_alone: bool) -> bool:
    """Whether the outputs of a classifier, or of its encoder alone, differ between two passes in training mode."""
    ids = torch.arange(5, 85).reshape(8, 10)
    classifier.train()

    def said() -> torch.Tensor:
        with torch.no_grad():
            if encoder_alone:
                hidden: torch.Tensor = classifier.pretrained(input_ids=ids, attention_mask=torch.ones_like(ids))[0]
                return hidden
            logits: torch.Tensor = classifier(ids, torch.ones_like(ids))
            return logits

    return not torch.equal(said(), said())


def check_dropouts(folder: Path, model_type: str) -> None:
    pooled = classifier_of(folder, model_type, "single_label", "mean", encoder=0.9, head=0.0)
    assert varies(pooled, encoder_alone=True), "the encoder's dropout does nothing"
    for task_name in ("single_label", "token_classification"):
        if task_name == "token_classification" and model_type == "opt":
            continue  # transformers has no such head for it
        held = classifier_of(folder, model_type, task_name, "architecture", encoder=0.0, head=0.0)
        assert not varies(held, encoder_alone=False), "something drops that was not asked for"
        head = classifier_of(folder, model_type, task_name, "architecture", encoder=0.0, head=0.9)
        assert not varies(head, encoder_alone=True), "the head's dropout acts on the encoder"
        assert varies(head, encoder_alone=False), "the head's dropout does nothing"


@pytest.mark.parametrize("model_type", [name for name in OF_EACH_KIND if name in KNOWN])
def test_dropouts_act(model_type: str, tmp_path: Path) -> None:
    check_dropouts(tmp_path / "model", model_type)


@pytest.mark.parametrize("pooling", ["architecture", "mean"])
def test_an_encoder_dropout_that_could_do_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pooling: str
) -> None:
    monkeypatch.setattr(encoder_dropout, "_ENDINGS", ("no such name",))
    monkeypatch.setattr(encoder_dropout.nn, "Dropout", type("NoDropout", (torch.nn.Module,), {}))

    with pytest.raises(ConfigError, match=r"encoder_dropout: is 0\.9, but a model of type 'llama' has no dropout"):
        classifier_of(tmp_path / "model", "llama", "single_label", pooling, encoder=0.9, head=0.0)


def test_a_head_dropout_that_has_no_place_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ArchitectureClassifier, "output_layer", None)

    with pytest.raises(ConfigError, match=r"head\.dropout: is 0\.9, but the head of a model of type 'eurobert'"):
        classifier_of(tmp_path / "model", "eurobert", "single_label", "architecture", encoder=None, head=0.9)


def test_a_pooler_that_an_encoder_calls_in_any_case_is_not_taken_from_it(tmp_path: Path) -> None:
    classifier = classifier_of(tmp_path / "model", "squeezebert", "single_label", "mean", encoder=None, head=0.0)

    assert classifier(torch.tensor([[5, 6]]), torch.tensor([[1, 1]])).shape == (1, 2)
    assert not any("pooler" in name for name in classifier.state_dict())


def check_lists(model_type: str) -> None:
    encoder = tiny_encoder(model_type)
    holder: Any = type("Holder", (), {"pretrained": encoder})

    assert (num_layers(encoder) == 0) is (model_type in WITHOUT_NUMBERED_LAYERS)
    assert can_checkpoint_gradients(holder) is (model_type not in WITHOUT_CHECKPOINTING)
    try:
        choose_trainable(holder, "all_but_embeddings")
    except ConfigError:
        assert model_type in WITHOUT_WORD_EMBEDDINGS
    else:
        assert not all(parameter.requires_grad for parameter in encoder.parameters())
        assert model_type not in WITHOUT_WORD_EMBEDDINGS


@pytest.mark.parametrize("model_type", ["albert", "bert", "canine", "mpnet"])
def test_what_an_architecture_lacks_is_known(model_type: str) -> None:
    check_lists(model_type)


def test_a_decay_by_layers_that_cannot_be_told_apart_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"layer_decay: is 0\.9, but the model has no numbered layers"):
        check_layer_decay(tiny_encoder("albert"), 0.9)
    check_layer_decay(tiny_encoder("albert"), 1.0)
    check_layer_decay(tiny_encoder("bert"), 0.9)


@pytest.mark.training
@pytest.mark.parametrize("model_type", KNOWN)
def test_every_architecture_is_as_it_is_taken_to_be(model_type: str, tmp_path: Path) -> None:
    check_longest_input(model_type)
    check_lists(model_type)
    check_dropouts(tmp_path / "model", model_type)
