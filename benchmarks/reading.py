"""Duration and extra memory of importing a large file."""

import csv
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

import psutil
import typer

from benchmarks.quality import ROOT, app
from core.datasets.importing.prepare import guess_plan, prepare, write
from core.datasets.readers.read_table import read_table

_LABELS = [f"intent {number:02d}" for number in range(60)]
_FEW = 1000


@dataclass(frozen=True)
class _Kind:
    """A file to measure: its encoding, and one broken row in every ``broken`` rows, 0 for none."""

    title: str
    encoding: str = "utf-8"
    broken: int = 0


_KINDS = {
    "sound": _Kind("sound, UTF-8"),
    "gb18030": _Kind("sound, GB18030", encoding="gb18030"),
    "broken": _Kind("one row in 1,000 broken", broken=1000),
}


@app.command()
def reading(
    rows: Annotated[int, typer.Option(help="Rows of the file.")] = 1_000_000,
    seed: Annotated[int, typer.Option(help="Seed of the file's content.")] = 1,
    only: Annotated[str | None, typer.Option(help=f"Measure only this file, in this process: {', '.join(_KINDS)}.")] = None,
) -> None:
    """Measure seconds and extra memory to read a large CSV file, and to import it as a data set."""
    if only is None:
        typer.echo("| file | MB | reading, s (CPU) | extra MiB | whole import, s (CPU) | extra MiB | skipped |")
        typer.echo("|---|---|---|---|---|---|---|")
        for name in _KINDS:  # each in a process of its own, so that memory held by one does not help the next
            options = ["--rows", str(rows), "--seed", str(seed), "--only", name]
            subprocess.run([sys.executable, "-m", "benchmarks", "reading", *options], cwd=ROOT, check=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        _import_once(Path(folder) / "few.csv", _FEW, seed, _KINDS[only])  # loads the libraries, which is not a cost of the rows
        typer.echo(_import_once(Path(folder) / "many.csv", rows, seed, _KINDS[only]))


def _import_once(path: Path, rows: int, seed: int, kind: _Kind) -> str:
    """Measure one file; a line of Markdown."""
    _write_csv(path, rows, seed, kind)
    with _Watch() as first:
        table = read_table(path, max_mib=1000, max_rows=2 * rows)
    with _Watch(first.before) as second:
        prepared = prepare({"main": table}, guess_plan(table), max_rows=2 * rows)
        write(prepared, path.with_suffix(".dataset"))
    assert prepared.source["records"] == prepared.source["kept"] + prepared.source["set_aside"]
    return (
        f"| {kind.title} | {path.stat().st_size / 1e6:.0f} | {first.seconds:.1f} ({first.cpu_s:.1f}) | {first.extra_mib:.0f} | "
        f"{first.seconds + second.seconds:.1f} ({first.cpu_s + second.cpu_s:.1f}) | "
        f"{max(first.extra_mib, second.extra_mib):.0f} | {len(prepared.set_aside):,} |"
    )


def _write_csv(path: Path, rows: int, seed: int, kind: _Kind) -> None:
    """Write a table of ids, texts of 6 to 18 words and one of 60 labels. One text in twenty has a second line, one in twenty
    non-ASCII letters, one in twenty quotation marks. A broken row has too many cells, or an unclosed quotation mark."""
    draw = random.Random(seed)
    words = (ROOT / "data" / "support_tickets.csv").read_text(encoding="utf-8").replace('"', "").replace(",", " ").split()
    with path.open("w", encoding=kind.encoding, newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label"])
        for number in range(rows):
            text = " ".join(draw.choices(words, k=draw.randint(6, 18)))
            chance = draw.random()
            if chance < 0.05:
                text += "\nand a second line, with a comma"
            elif chance < 0.1:
                text += " größer, 你好, 😀"
            elif chance < 0.15:
                text = f'She said "{text}"'
            if kind.broken and number % kind.broken == kind.broken - 1:
                file.write(f'{number},"{text.splitlines()[0]},x\r\n' if (number // kind.broken) % 2 else f"{number},a,b,c,d\r\n")
            else:
                writer.writerow([number, text, draw.choice(_LABELS)])


def _cpu_s() -> float:
    """CPU seconds of this process and of its ended child processes."""
    return sum(os.times()[:4])


class _Watch:
    """Measures seconds, CPU seconds, and this process's peak of extra memory.

    Args:
        before: memory to compare with, in bytes; by default the current one.
    """

    def __init__(self, before: int | None = None) -> None:
        self._process = psutil.Process()
        self.before = self._process.memory_info().rss if before is None else before
        self.seconds = self.cpu_s = self.extra_mib = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._begun, self._cpu_begun = time.perf_counter(), _cpu_s()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.seconds, self.cpu_s = time.perf_counter() - self._begun, _cpu_s() - self._cpu_begun
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.01):
            self.extra_mib = max(self.extra_mib, (self._process.memory_info().rss - self.before) / 2**20)
