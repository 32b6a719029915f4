"""Files that are small and take much memory: what the process pays that asked for them, measured."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from core.settings import PROJECT_ROOT

MOST_MIB = 200


def _gzipped_letters(path: Path) -> None:
    """10 million lines of one letter in some 90 KB."""
    path.write_bytes(gzip.compress(b"a\n" * 10_000_000, 1, mtime=0))
    assert path.stat().st_size < 100_000


def _repeated_cell(path: Path) -> None:
    """A text of a million letters in 300 rows: some 300 MB in less than a few hundred bytes."""
    texts = pyarrow.array(["x" * 900_000], pyarrow.string())
    cells = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 900, pyarrow.int32()), texts)
    pyarrow.parquet.write_table(pyarrow.table({"text": cells.cast(pyarrow.string())}), path, compression="zstd")
    assert path.stat().st_size < 10_000


def _plain(line: bytes, first: bytes = b"") -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(first + line * ((20 * 2**20) // len(line)))

    return write


def _distinct_rows(path: Path) -> None:
    path.write_text("text,label\n" + "".join(f"t{i:07d},b\n" for i in range(1_900_000)), encoding="ascii")


def _sparse_keys(path: Path) -> None:
    path.write_text("".join(f'{{"k{i % 1500}": 1}}\n' for i in range(1_500_000)), encoding="ascii")


FILES: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "gzipped letters": ("a.csv.gz", _gzipped_letters, "more than 2,000,000 rows|unpacks to more than"),
    "letters": ("a.csv", _plain(b"a\n"), "more than 2,000,000 rows"),
    "values that are no objects": ("b.jsonl", _plain(b"1\n"), "more than 2,000,000 rows"),
    "empty objects": ("c.jsonl", _plain(b"{}\n"), "more than 2,000,000 rows"),
    "a list of lists": ("d.json", _plain(b"[],", b"["), "not valid JSON"),
    "one sentence": ("e.conll", _plain(b"a B-X\n"), "1 rows, 0 skipped"),
    "skipped rows": ("f.csv", _plain(b"a,b,c,d,e,f\n", b"text,label\nx,y\n"), r"1 rows, 17\d{5} skipped"),
    "different rows": ("g.csv", _distinct_rows, "1900000 rows"),
    "keys that few objects have": ("h.jsonl", _sparse_keys, "cells, which is too much"),
    "one cell again and again": ("i.parquet", _repeated_cell, "900 rows"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_hostile_file_costs_the_process_that_asked_for_it_little_memory(case: str, tmp_path: Path) -> None:
    name, write, expected = FILES[case]
    write(tmp_path / name)

    (found,) = growth_of(tmp_path / name)

    assert found["growth_mib"] < MOST_MIB, found
    pytest.importorskip("re").search(expected, found["said"]) or pytest.fail(found["said"])


def growth_of(*files: Path) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "tests.core.datasets.growth", *map(str, files)]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=300, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]
