"""Hostile files in a model's folder."""

import json
from pathlib import Path

import pytest

from core.errors import ModelError
from core.models.model_files import LARGEST_SIZE, count_numbers


@pytest.mark.parametrize("shape", [[2] * 20_000, [LARGEST_SIZE - 1] * 60, [LARGEST_SIZE - 1, 2]])
def test_a_shape_of_more_numbers_than_any_file_holds_is_refused(tmp_path: Path, shape: list[int]) -> None:
    """The number of parameters has too many digits to be shown, and takes very long to compute."""
    header = json.dumps({"w": {"dtype": "F32", "shape": shape, "data_offsets": [0, 4]}}).encode()
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(len(header).to_bytes(8, "little") + header)

    with pytest.raises(ModelError, match="not a complete safetensors file"):
        count_numbers(weights)
