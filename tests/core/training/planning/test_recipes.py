"""Recipes: their choices for given facts, and the effect of a person's own choices on them."""

import json
import shutil
from pathlib import Path

import pytest

from core.datasets.dataset import Dataset
from core.errors import ConfigError
from core.training.planning.recipes import RECIPES, Facts
from core.training.planning.run_plan import new_run_config
from tests.tiny import tiny_dataset, tiny_entities_dataset, write_tiny_dataset


@pytest.fixture
def names(tmp_path: Path) -> Dataset:
    return write_tiny_dataset(tmp_path / "names", tiny_entities_dataset(), "token_classification")


def facts(**values: object) -> Facts:
    plain = {
        "head_level": "text", "exclusive_labels": True, "num_train": 9000, "num_labels": 77,
        "smallest_label": 30, "largest_label": 170, "num_parameters": 22_700_000, "num_layers": 6,
        "pooling": "mean", "max_length": 512, "token_lengths": (12, 16, 93), "has_gpu": False, "precision": "bfloat16",
    }  # fmt: skip
    return Facts(**{**plain, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_every_recipe_gives_a_config_that_is_allowed_and_says_why(
    colours: Dataset, names: Dataset, tmp_path: Path, recipe: str
) -> None:
    for dataset in (colours, names):
        config, reasons = new_run_config(dataset, hub_folder=tmp_path, recipe=recipe)

        assert config.recipe == recipe
        assert {"epochs", "batch_size", "learning_rate"} <= set(reasons)
        assert all(reason.endswith(".") for reason in reasons.values())


def test_many_texts_are_learned_with_words_hidden_and_the_lowest_third_of_a_deep_model_as_it_is() -> None:
    automatic = RECIPES["automatic"].recommend

    def choices(**values: object) -> tuple[object, object, object]:
        chosen = automatic(facts(**values)).values
        return chosen.get("token_masking", 0.0), chosen.get("trainable", "everything"), chosen.get("top_layers")

    assert choices() == choices(num_train=3000) == (0.1, "top_layers", 4)
    assert choices(num_layers=12) == (0.1, "top_layers", 8)
    assert choices(num_layers=2) == choices(num_layers=None) == (0.1, "all_but_embeddings", None)
    assert choices(num_train=2000) == (0.0, "all_but_embeddings", None)
    assert choices(num_parameters=110_000_000, num_layers=12) == (0.1, "everything", None)
    assert choices(exclusive_labels=False) == (0.1, "top_layers", 4)
    assert choices(exclusive_labels=False, num_train=2000) == (0.0, "all_but_embeddings", None)
    assert choices(pooling=None) == choices(head_level="token", pooling=None) == (0.0, "all_but_embeddings", None)


def test_words_are_weighed_where_one_vector_a_text_is_pooled() -> None:
    automatic = RECIPES["automatic"].recommend

    def weighs(**values: object) -> bool:
        return bool(automatic(facts(**values)).values.get("word_evidence", False))

    assert weighs()
    assert weighs(exclusive_labels=False)
    assert weighs(num_train=100)
    assert not weighs(pooling=None)
    assert not weighs(head_level="token", pooling=None)


def test_batches_are_large_where_the_fewest_epochs_of_them_are_steps_enough() -> None:
    automatic = RECIPES["automatic"].recommend

    def choices(**values: object) -> tuple[object, ...]:
        chosen = automatic(facts(**values)).values
        return tuple(chosen.get(name) for name in ("batch_size", "epochs", "learning_rate", "layer_decay"))

    assert choices() == choices(num_train=5334) == choices(num_layers=12) == (64, 6, 4e-4, 0.85)
    assert choices(exclusive_labels=False) == (64, 6, 4e-4, 0.85)
    assert choices(num_train=5333) == choices(num_layers=2) == choices(num_layers=None) == (32, 6, 2e-4, None)
    assert choices(num_parameters=110_000_000, num_layers=12) == (32, 6, 5e-5, None)
    assert choices(head_level="token", pooling=None) == (32, 6, 3e-4, None)


def test_the_reason_for_the_length_says_what_is_cut() -> None:
    automatic = RECIPES["automatic"].recommend

    def reason(**values: object) -> str:
        chosen = automatic(facts(**values))
        assert chosen.values["max_length"] is None
        return chosen.reasons["max_length"]

    assert reason() == "No text is truncated: the longest of 3 sampled texts has 93 tokens, the limit is 512."
    assert reason(max_length=15) == "The model's own limit of 15 tokens: 2 of 3 sampled texts are longer and are truncated."
    assert "overlapping windows" in reason(max_length=15, head_level="token", pooling=None)
    assert "max_length" not in automatic(facts(token_lengths=())).reasons


def test_the_reason_for_the_precision_names_what_computes() -> None:
    automatic = RECIPES["automatic"].recommend

    assert automatic(facts()).reasons["precision"].startswith("This CPU has native bfloat16")
    assert automatic(facts(has_gpu=True)).reasons["precision"].startswith("This GPU has native bfloat16")
    assert automatic(facts(precision="float32")).reasons["precision"].startswith("float32, because this CPU")


def test_where_the_most_frequent_label_has_ten_times_as_many_examples_it_is_said_what_weights_would_do() -> None:
    def said(**values: object) -> str | None:
        chosen = RECIPES["automatic"].recommend(facts(**values))
        assert chosen.values.get("class_weights", "none") == "none"
        return chosen.reasons.get("class_weights")

    assert said(smallest_label=30, largest_label=299) is None
    assert said(smallest_label=0, largest_label=9) is None
    for uneven in (
        said(smallest_label=30, largest_label=300),
        said(smallest_label=30, largest_label=300, exclusive_labels=False),
    ):
        assert uneven is not None
        assert uneven.startswith("The most frequent of 77 labels has 300 examples, the rarest 30. Class weights would")
    types = said(smallest_label=1, largest_label=300, head_level="token", pooling=None)
    assert types is not None
    assert types.startswith("The most frequent of 77 entity types")


def test_few_examples_get_more_epochs_and_many_get_no_fewer_than_six() -> None:
    automatic = RECIPES["automatic"].recommend

    epochs = [automatic(facts(num_train=n)).values["epochs"] for n in (100, 600, 1500, 9000, 200_000)]

    assert epochs == sorted(epochs, reverse=True)
    assert (epochs[0], epochs[-1]) == (20, 6)


def test_a_large_model_takes_small_steps() -> None:
    automatic = RECIPES["automatic"].recommend

    assert automatic(facts(num_parameters=110_000_000)).values["learning_rate"] == 5e-5
    assert automatic(facts(num_train=1000)).values["learning_rate"] == 2e-4


def test_what_a_recipe_chose_for_one_way_of_learning_goes_with_it(tmp_path: Path) -> None:
    texts = write_tiny_dataset(tmp_path / "many", tiny_dataset(6000))

    def chosen(**values: object) -> tuple[str, int]:
        config, _ = new_run_config(texts, hub_folder=tmp_path, values=values)
        return config.learning.trainable, config.learning.top_layers

    assert chosen() == ("top_layers", 4)
    assert chosen(trainable="everything") == ("everything", 2)
    _, reasons = new_run_config(texts, hub_folder=tmp_path, values={"trainable": "everything"})
    assert "top_layers" not in reasons
    assert {"epochs", "token_masking"} <= set(reasons)
    assert chosen(top_layers=1) == ("top_layers", 1)
    with pytest.raises(ConfigError, match="top_layers: is 3, which has an effect only if trainable is top_layers"):
        chosen(trainable="everything", top_layers=3)
    config, reasons = new_run_config(texts, hub_folder=tmp_path, recipe="frozen_encoder")
    assert (config.learning.trainable, config.learning.top_layers, "top_layers" in reasons) == ("head", 2, False)
    for values in ({"trainable": "head"}, {"learning.trainable": "head"}):
        config, reasons = new_run_config(texts, hub_folder=tmp_path, values=values)
        assert (config.learning.layer_decay, config.model.token_masking) == (1.0, 0.0)
        assert not {"layer_decay", "token_masking"} & set(reasons)


def test_a_recipe_hides_no_words_where_the_model_has_nothing_to_put_in_their_place(tiny_model: Path, tmp_path: Path) -> None:
    texts = write_tiny_dataset(tmp_path / "many", tiny_dataset(6000))
    maskless = tmp_path / "maskless"
    shutil.copytree(tiny_model, maskless)
    tokenizer = json.loads((maskless / "tokenizer_config.json").read_text())
    (maskless / "tokenizer_config.json").write_text(json.dumps({**tokenizer, "mask_token": None, "unk_token": None}))

    chosen, _ = new_run_config(texts, hub_folder=tmp_path, model=str(tiny_model))
    config, reasons = new_run_config(texts, hub_folder=tmp_path, model=str(maskless))

    assert (chosen.model.token_masking, config.model.token_masking) == (0.1, 0.0)
    assert "token_masking" not in reasons


def test_an_unknown_recipe_is_refused(colours: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected one of automatic"):
        new_run_config(colours, hub_folder=tmp_path, recipe="magic")
