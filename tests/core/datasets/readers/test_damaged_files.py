"""A data set whose files were damaged or deleted after it was saved."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.datasets.dataset import Dataset
from core.errors import DatasetError
from tests.tiny import tiny_dataset, write_tiny_dataset


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:200])


def overwrite(file: Path) -> None:
    file.write_bytes(b"PAR1 and then nonsense")


@pytest.mark.parametrize("damage", [cut, overwrite, Path.unlink])
@pytest.mark.parametrize("read", [Dataset.examples, lambda dataset: dataset.examples("test")], ids=["all", "one split"])
def test_rows_that_cannot_be_read_are_said_to_be_gone_or_damaged(
    tmp_path: Path, damage: Callable[[Path], None], read: Callable[[Dataset], object]
) -> None:
    dataset = write_tiny_dataset(tmp_path / "dataset", tiny_dataset())
    damage(dataset.folder / "examples.parquet")

    with pytest.raises(
        DatasetError, match=r"examples\.parquet in its folder is missing or damaged. Restore the file from a backup"
    ):
        read(dataset)


def test_a_pool_that_is_damaged_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    dataset = write_tiny_dataset(tmp_path / "dataset", tiny_dataset())
    assert dataset.unlabelled().empty
    overwrite(dataset.folder / "unlabelled.parquet")

    with pytest.raises(DatasetError, match=r"unlabelled\.parquet in its folder is missing or damaged"):
        dataset.unlabelled()
