"""``python -m benchmarks.gpu pack``, ``run`` or ``rehearse``; ``part`` is the process of a single part."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.gpu.bench import ROOT, Bench, notes_file

app = typer.Typer(help=__doc__, pretty_exceptions_enable=False)


@app.command()
def pack(
    data: Annotated[Path, typer.Argument(help="Folder with banking77/train.csv and banking77/test.csv.")] = (
        ROOT / "benchmark-data"
    ),
) -> None:
    """Write what the GPU machine may lack into ``.gpu/``: a float16 copy of the bundled model, BANKING77, wheels."""
    from benchmarks.gpu.pack import make_pack

    typer.echo(make_pack(data))


@app.command()
def run(
    names: Annotated[list[str] | None, typer.Argument(metavar="PART…", help="Parts to run; by default all.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for gpu.json and gpu.log; by default $OUT or gpu-results/.")] = None,
) -> None:
    """Run all or some parts on this machine's GPU."""
    from benchmarks.gpu.parts import run_parts

    folder = out or Path(os.environ.get("OUT") or ROOT / "gpu-results")
    sys.exit(0 if run_parts(folder, names or [], is_rehearsal=False) else 1)


@app.command()
def rehearse(
    names: Annotated[list[str] | None, typer.Argument(metavar="PART…", help="Parts to run; by default all.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for gpu.json and gpu.log.")] = ROOT / "gpu-results",
) -> None:
    """Run the parts on the CPU with a tiny model and few rows, to test that they work."""
    from benchmarks.gpu.parts import run_parts

    sys.exit(0 if run_parts(out, names or [], is_rehearsal=True) else 1)


@app.command(hidden=True)
def part(
    name: str, work: Path, answer: Path, is_rehearsal: Annotated[bool, typer.Option("--rehearsal/--on-gpu")] = False
) -> None:
    """Run one part in this process."""
    from benchmarks.gpu.parts import PARTS

    PARTS[name].carry_out(Bench(work, is_rehearsal=is_rehearsal, notes_file=notes_file(answer)), answer)


if __name__ == "__main__":
    app()
