"""Small files that take much memory: measures the memory of the calling process while reading, preparing and saving."""

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from core.config.settings import PROJECT_ROOT

MOST_MIB = 200


def _gzipped_letters(path: Path) -> None:
    """10 million lines of one letter in some 90 KB."""
    path.write_bytes(gzip.compress(b"a\n" * 10_000_000, 1, mtime=0))
    assert path.stat().st_size < 120_000


def _lines(line: bytes, first: bytes = b"", mib: float = 20) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(first + line * (round(mib * 2**20) // len(line)))

    return write


def _repeated_cell(letters: int, rows: int) -> Callable[[Path], None]:
    """One text repeated many times, in a few hundred bytes."""

    def write(path: Path) -> None:
        texts = pyarrow.array(["x" * letters], pyarrow.large_string())
        cells = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * rows, pyarrow.int32()), texts)
        labels = pyarrow.array(["a", "b"] * (rows // 2))
        table = pyarrow.table({"text": cells.cast(pyarrow.large_string()), "label": labels})
        pyarrow.parquet.write_table(table, path, compression="zstd")
        assert path.stat().st_size < 50_000

    return write


FILES: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "gzipped letters": ("a.csv.gz", _gzipped_letters, "more than 2,000,000 rows"),
    "letters": ("a.csv", _lines(b"a\n"), "more than 2,000,000 rows"),
    "skipped rows": ("f.csv", _lines(b"a,b,c,d\n", b"text,label\nx,y\n", mib=3), r"1 rows, 39\d{4} skipped"),
    "rows without a label": (
        "g.csv",
        _lines(b"some text,\n", b"text,label\n" + b"".join(b"text %d,%c\n" % (i, b"ab"[i % 2]) for i in range(40)), mib=3),
        r"286\d{3} rows, 0 skipped; 40 kept, 285\d{3} not",
    ),
    "one cell a thousand times": ("h.parquet", _repeated_cell(1_000_000, 1000), "more than 512 million characters"),
    "one cell a hundred times": ("i.parquet", _repeated_cell(900_000, 100), "100 rows"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_hostile_file_costs_the_process_that_asked_for_it_little_memory(case: str, tmp_path: Path) -> None:
    name, write, expected = FILES[case]
    write(tmp_path / name)

    (found,) = growth_of(tmp_path / name)

    assert found["growth_mib"] < MOST_MIB, found
    assert re.search(expected, found["said"]), found


def test_two_uploads_one_after_the_other_cost_no_more_each(tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        rows = [f"text {i} of a file with some words in it,{i % 7}\n" for i in range(150_000)]
        (tmp_path / name).write_text("text,label\n" + "".join(rows), encoding="utf-8")

    found = growth_of(tmp_path / "one.csv", tmp_path / "two.csv")

    assert all(one["said"] == "150000 rows, 0 skipped; 150000 kept, 0 not" for one in found), found
    assert sum(one["growth_mib"] for one in found) < MOST_MIB, found


def growth_of(*files: Path) -> list[dict[str, int | str]]:
    command = [sys.executable, "-m", "tests.core.datasets.readers.growth", *map(str, files)]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=300, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]
