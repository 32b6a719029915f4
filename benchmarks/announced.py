"""How accurate the estimated duration of a run is, on this machine."""

import csv
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.quality import ROOT, Subject, _import, app, tuneboard

TICKETS_TOGETHER = 14
"""Tickets of one label that are joined to a long text of a few hundred tokens."""


def _long(folder: Path) -> Subject:
    """A data set of long texts, each joined from several tickets of one label."""
    with (ROOT / "data" / "support_tickets.csv").open(newline="", encoding="utf-8") as file:
        records = list(csv.DictReader(file))
    names = list(records[0])
    label = next(name for name in ("label", "category") if name in names)
    text = next(name for name in names if name != label)
    texts: dict[str, list[str]] = defaultdict(list)
    for record in records:
        texts[record[label]].append(record[text])
    with (folder / "long.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for name, own in texts.items():
            for first in range(0, len(own), TICKETS_TOGETHER):
                for shift in range(0, TICKETS_TOGETHER, 5):
                    writer.writerow([" ".join(own[first + shift : first + shift + TICKETS_TOGETHER]), name])
    return Subject("long", {"main": "long.csv"}, {}, ours=True)


CASES: dict[str, tuple[Callable[[Path], Subject] | Subject, str, list[str]]] = {
    "short texts": (Subject("support_tickets", {"main": "support_tickets.csv"}, {}, ours=True), "quick_look", []),
    "long texts": (_long, "quick_look", ["epochs=2"]),
    "frozen encoder": (Subject("support_tickets", {"main": "support_tickets.csv"}, {}, ours=True), "frozen_encoder", []),
    "entities": (Subject("news_entities", {"main": "news_entities.conll"}, {}, ours=True), "quick_look", ["epochs=4"]),
}


@app.command()
def announced(
    only: Annotated[list[str] | None, typer.Option(help="Names of the cases to measure; repeatable.")] = None,
) -> None:
    """Measure the estimated duration of a run against its real one, in seconds."""
    from core.config.settings import Settings
    from core.models.hub import describe
    from core.runs.scheduler.worker_env import worker_environment
    from core.training.planning.estimates import Surroundings
    from core.training.planning.run_plan import new_run_config, plan
    from core.workspace.workspace import Workspace

    typer.echo("| case | estimated, s | actual, s | estimated / actual |")
    typer.echo("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as home:
        settings = Settings.from_environment({**os.environ, "TUNEBOARD_HOME": home})
        for name, (made, recipe, values) in CASES.items():
            if only and name not in only:
                continue
            subject = made if isinstance(made, Subject) else made(Path(home))
            dataset_id = _import(subject, ROOT / "data" if isinstance(made, Subject) else Path(home), Path(home))
            subprocess.run(
                [sys.executable, "-m", "core.training.planning.pace_benchmark", home, str(settings.threads)],
                cwd=ROOT,
                env=worker_environment(settings, "bundled"),
                check=True,
            )
            workspace = Workspace.open(settings)
            dataset = workspace.dataset(dataset_id)
            workspace.close()
            chosen = dict(value.split("=", 1) for value in values)
            config, _ = new_run_config(dataset, hub_folder=settings.hub_models_folder, recipe=recipe, values=chosen)
            surroundings = Surroundings(home=settings.home, threads=settings.threads)
            said = plan(config, dataset, describe("bundled", settings.hub_models_folder), surroundings).estimated_s
            began = time.monotonic()
            told = [part for value in values for part in ("--set", value)]
            run = tuneboard(["train", dataset_id, "--recipe", recipe, *told], Path(home))
            taken = float(run.get("duration_s") or time.monotonic() - began)
            typer.echo(f"| {name} | {said or 0:.0f} | {taken:.0f} | {(said or 0) / taken:.2f} |")
            (Path(home) / "pace.json").unlink(missing_ok=True)  # each case is estimated from a measurement of its own
