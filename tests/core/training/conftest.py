"""Small data sets for short runs."""

from pathlib import Path

import pytest

from core.datasets.dataset import Dataset
from tests.tiny import tiny_dataset, write_tiny_dataset


@pytest.fixture
def colours(tmp_path: Path) -> Dataset:
    return write_tiny_dataset(tmp_path / "colours", tiny_dataset())
