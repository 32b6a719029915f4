"""Settings without effect for a model's architecture are refused before a run is launched, and no recipe chooses them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from core.datasets.dataset import Dataset
from core.errors import ConfigError
from core.training.planning.run_plan import new_run_config


def as_architecture(tiny_model: Path, folder: Path, model_type: str) -> str:
    """A model whose config names another architecture; nothing else is checked before a launch."""
    shutil.copytree(tiny_model, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": model_type}))
    return str(folder)


@pytest.mark.parametrize(
    ("model_type", "values", "said"),
    [
        ("albert", {"layer_decay": 0.9}, r"learning\.layer_decay: is 0\.9, but a model of type albert has no numbered layers"),
        ("xlm", {"trainable": "top_layers", "top_layers": 1}, r"learning\.trainable: is top_layers, but a model of type xlm"),
        ("canine", {"trainable": "all_but_embeddings"}, r"learning\.trainable: is all_but_embeddings, but .* no word embeddings"),
        ("mpnet", {"gradient_checkpointing": True}, r"compute\.gradient_checkpointing: is true, but a model of type mpnet"),
    ],
)
def test_what_an_architecture_has_nothing_for_is_refused(
    colours: Dataset, tiny_model: Path, tmp_path: Path, model_type: str, values: dict[str, Any], said: str
) -> None:
    others, another = (as_architecture(tiny_model, tmp_path / name, name) for name in ("bert", model_type))

    new_run_config(colours, hub_folder=tmp_path, model=others, values=values)
    with pytest.raises(ConfigError, match=said):
        new_run_config(colours, hub_folder=tmp_path, model=another, values=values)


@pytest.mark.parametrize("recipe", ["automatic", "thorough", "frozen_encoder"])
@pytest.mark.parametrize("model_type", ["albert", "canine", "mpnet", "xlm"])
def test_no_recipe_chooses_what_an_architecture_has_nothing_for(
    colours: Dataset, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_type: str, recipe: str
) -> None:
    monkeypatch.setattr("core.training.planning.recipes.LARGE_DATASET", 10)
    monkeypatch.setattr("core.training.planning.recipes.DEEP", 2)
    monkeypatch.setattr("core.training.planning.recipes.LARGE_BATCH", 1)
    monkeypatch.setattr("core.training.planning.recipes.STEPS_WANTED", 1)

    config, reasons = new_run_config(
        colours, hub_folder=tmp_path, model=as_architecture(tiny_model, tmp_path / "model", model_type), recipe=recipe
    )

    numbered = model_type not in {"albert", "xlm"}
    if recipe != "frozen_encoder" and model_type != "canine":
        assert (config.learning.layer_decay < 1) is numbered
        assert config.learning.trainable == ("top_layers" if numbered else "everything")
    assert "layer_decay" not in reasons or config.learning.layer_decay < 1
