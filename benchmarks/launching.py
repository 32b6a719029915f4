"""Time between "Launch" and the first point on the curve, by phase.

This process acts as the server: it opens a workspace, runs its scheduler and launches runs through the same function as the page.
The times are read from the worker's events, so they are the ones a person sees.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

from benchmarks.quality import ROOT, Subject, _import, app
from core.config.settings import Settings
from core.runs.directory.run_dir import RunDir
from core.runs.scheduler.warm_worker import WarmWorker
from core.workspace.workspace import Workspace

SAMPLE = Subject("support_tickets", {"main": "support_tickets.csv"}, {}, ours=True)
PHASES = ("started", "up", "prepared", "training", "first point")
DEADLINE_S = 120.0


@app.command()
def launching(
    repeats: Annotated[int, typer.Option(help="Launches to measure.")] = 5,
    warm_worker: Annotated[bool, typer.Option(help="Keep a warm worker with its imports done, as while a page is open.")] = True,
) -> None:
    """Measure the seconds from launch to the first point on the curve of the bundled model, by phase."""
    with tempfile.TemporaryDirectory() as home:
        dataset_id = _import(SAMPLE, ROOT / "data", Path(home))
        switch = {"TUNEBOARD_HOME": home, "TUNEBOARD_RESIDENT_WORKER": str(int(warm_worker))}
        workspace = Workspace.open(Settings.from_environment({**os.environ, **switch}))
        scheduler = workspace.start_launcher()
        try:
            measured = []
            for _ in range(repeats):
                if warm_worker:
                    scheduler.expect_launch()
                    _wait(lambda: _is_ready(scheduler.warm_worker))
                measured.append(_launch_once(workspace, dataset_id))
        finally:
            workspace.close()
    typer.echo(f"| {'warm worker' if warm_worker else 'cold worker'} | median s | longest s |")
    typer.echo("|---|---|---|")
    for phase in PHASES:
        seconds = [launch[phase] for launch in measured]
        typer.echo(f"| {phase} | {statistics.median(seconds):.2f} | {max(seconds):.2f} |")


def _launch_once(workspace: Workspace, dataset_id: str) -> dict[str, float]:
    """Seconds from launch to each phase; the run is stopped after its first point and deleted."""
    from core.training.planning.run_plan import new_run_config

    config, _ = new_run_config(workspace.dataset(dataset_id), hub_folder=workspace.settings.hub_models_folder)
    launched_at, clock = datetime.now(UTC), time.monotonic()
    run = workspace.launch(config)
    run_dir = workspace.run_dir(run.id)
    _wait(lambda: workspace.run(run.id).worker is not None)
    started_s = time.monotonic() - clock
    _wait(lambda: bool(run_dir.metrics()))
    first_point_s = time.monotonic() - clock
    workspace.stop(run.id)
    _wait(lambda: workspace.run(run.id).state.is_final)
    times = {"started": started_s, **_from_events(run_dir, launched_at), "first point": first_point_s}
    workspace.delete_run(run.id)
    return times


def _is_ready(warm_worker: WarmWorker) -> bool:
    """Whether the warm worker has loaded everything: it is idle."""
    if warm_worker.worker is None:
        return False
    process = psutil.Process(warm_worker.worker.pid)
    before = sum(process.cpu_times()[:2])
    time.sleep(2.0)  # idle means two seconds without CPU time
    return bool(sum(process.cpu_times()[:2]) - before < 0.05 and before > 2.0)


def _from_events(run_dir: RunDir, launched_at: datetime) -> dict[str, float]:
    def seconds(wanted: Callable[[dict[str, Any]], bool]) -> float:
        event = next(event for event in run_dir.events() if wanted(event))
        return (datetime.fromisoformat(event["time"]) - launched_at).total_seconds()

    return {
        "up": seconds(lambda event: event["kind"] == "state"),
        "prepared": seconds(lambda event: event["kind"] == "plan"),
        "training": seconds(lambda event: event.get("phase") == "training"),
    }


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("a launch took too long to be measured")
        time.sleep(0.01)  # polling interval
