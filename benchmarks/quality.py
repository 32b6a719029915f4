"""Test scores of a recipe on public data sets, through the user's command line.

Each data set is imported, trained and shown by ``python -m core`` in a workspace of its own, so the results are those a user
would get. Timings depend on the machine and its load; scores do not.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

ROOT = Path(__file__).resolve().parent.parent

app = typer.Typer(add_completion=False, help="Measure Tuneboard.")


@dataclass(frozen=True)
class Subject:
    """A data set to measure on, as files below one of the two data folders."""

    name: str
    files: dict[str, str]
    scores: dict[str, str]
    ours: bool = False


ONE_LABEL = {"accuracy": "accuracy", "macro F1": "macro.f1"}
SEVERAL = {"micro F1": "micro.f1", "macro F1": "macro.f1"}
ENTITIES = {"entity F1": "entities.micro.f1", "macro F1": "entities.macro.f1"}

SUBJECTS = [
    Subject("banking77", {"main": "banking77/train.csv", "test": "banking77/test.csv"}, ONE_LABEL),
    Subject("nlupp_banking", {"main": "nlupp_banking/train.jsonl", "test": "nlupp_banking/test.jsonl"}, SEVERAL),
    Subject("wnut17", {"main": "wnut17/train.conll", "validation": "wnut17/dev.conll", "test": "wnut17/test.conll"}, ENTITIES),
    Subject("debian_sections", {"main": "debian_sections/train.csv", "test": "debian_sections/test.csv"}, ONE_LABEL),
    Subject("debian_tags", {"main": "debian_tags/train.csv", "test": "debian_tags/test.csv"}, SEVERAL),
    Subject("support_tickets", {"main": "support_tickets.csv"}, ONE_LABEL, ours=True),
    Subject("financial_news", {"main": "financial_news.csv"}, ONE_LABEL, ours=True),
    Subject("product_reviews", {"main": "product_reviews.csv"}, SEVERAL, ours=True),
    Subject("news_entities", {"main": "news_entities.conll"}, ENTITIES, ours=True),
]


@app.callback()
def _root() -> None:
    """Measure Tuneboard."""


@app.command()
def quality(
    data: Annotated[
        Path, typer.Option(help="Folder with banking77/, nlupp_banking/, wnut17/ and the output of packages; others are skipped.")
    ] = (ROOT / "benchmark-data"),
    only: Annotated[list[str] | None, typer.Option(help="Names of the data sets to measure; repeatable.")] = None,
    seeds: Annotated[int, typer.Option(help="Runs per data set.")] = 1,
    first_seed: Annotated[int, typer.Option(help="Seed of the first run; each further run adds 1.")] = 0,
    recipe: Annotated[str, typer.Option(help="Recipe to measure.")] = "automatic",
    values: Annotated[list[str] | None, typer.Option("--set", help="key=value passed on to train; repeatable.")] = None,
) -> None:
    """Measure test scores and times of a recipe, one line of Markdown for each run."""
    typer.echo("| data set | seed | " + "scores (test; validation) | epochs (best) | training |")
    typer.echo("|---|---|---|---|---|")
    for subject in SUBJECTS:
        if only and subject.name not in only:
            continue
        folder = ROOT / "data" if subject.ours else data
        if not (folder / subject.files["main"]).is_file():
            typer.echo(f"{subject.name}: not found in {folder}, skipped.", err=True)
            continue
        with tempfile.TemporaryDirectory() as workspace:
            dataset = _import(subject, folder, Path(workspace))
            for seed in range(first_seed, first_seed + seeds):
                result = _train(dataset, seed, recipe, values or [], Path(workspace))
                typer.echo(_line(subject, seed, result))


def _import(subject: Subject, folder: Path, workspace: Path) -> str:
    command = ["import", str(folder / subject.files["main"]), "--name", subject.name]
    for split in ("validation", "test"):
        if split in subject.files:
            command += [f"--{split}", str(folder / subject.files[split])]
    return str(tuneboard(command, workspace)["dataset"])


def _train(dataset: str, seed: int, recipe: str, values: list[str], workspace: Path) -> dict[str, Any]:
    settings = [part for value in [*values, f"seed={seed}"] for part in ("--set", value)]
    run = tuneboard(["train", dataset, "--recipe", recipe, *settings], workspace)["run"]
    return tuneboard(["show", str(run)], workspace)


def _line(subject: Subject, seed: int, result: dict[str, Any]) -> str:
    splits = result["splits"]
    scores = "; ".join(
        f"{title} {_dig(splits['test'], path):.4f} ({_dig(splits['validation'], path):.4f})"
        for title, path in subject.scores.items()
    )
    training = result["training"]
    epochs = f"{training['epochs']} ({training['best_epoch']})"
    return (
        f"| {subject.name} | {seed} | {scores} | {epochs} | {training['duration_s']:.0f} s, "
        f"{training['examples_per_s']:.0f} examples/s, {training['device']} {training['precision']} |"
    )


def _dig(value: Any, path: str) -> float:
    for key in path.split("."):
        value = value[key]
    return float(value)


def tuneboard(command: list[str], workspace: Path) -> dict[str, Any]:
    """The JSON output of a command."""
    done = subprocess.run(
        [sys.executable, "-m", "core", *command, "--json"],
        cwd=ROOT,
        env={**os.environ, "TUNEBOARD_HOME": str(workspace)},
        stdout=subprocess.PIPE,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
