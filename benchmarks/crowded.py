"""Duration of pages in a large workspace: 10,000 runs in the database, one of them with 100,000 logged steps.

Measured twice: with Streamlit's own test harness, which counts only the server's work, and in a real Chromium (``painting``). An
empty workspace is measured as well, which shows the time of the application itself.
"""

import json
import math
import os
import random
import shutil
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmarks.launching import SAMPLE
from benchmarks.painting import Painted, paint
from benchmarks.quality import ROOT, _import, app

if TYPE_CHECKING:
    from core.config.run_config import RunConfig
    from core.datasets.dataset import Dataset
    from core.workspace.workspace import Workspace


@app.command()
def crowded(
    num_runs: Annotated[int, typer.Option("--runs", help="Runs in the database.")] = 10_000,
    num_steps: Annotated[int, typer.Option("--steps", help="Logged steps of the longest run.")] = 100_000,
    repeats: Annotated[int, typer.Option(help="New tabs for each page.")] = 5,
    browser: Annotated[bool, typer.Option(help="Measure in Chromium too, if it is installed.")] = True,
) -> None:
    """Measure the seconds until a page is rendered, in a workspace with very many runs."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"TUNEBOARD_HOME": home, "STREAMLIT_LOGGER_LEVEL": "error", "TUNEBOARD_RESIDENT_WORKER": "0"}
        dataset_id = _import(SAMPLE, ROOT / "data", Path(home))
        finished, long = _fill(dataset_id, num_runs, num_steps)
        addresses = {"runs": {}, "run": {"run": long}, "results": {"run": finished}, "predict": {"run": finished}}
        typer.echo(f"{num_runs:,} runs, one of them with {num_steps:,} logged steps; medians of {repeats}, in seconds.\n")
        typer.echo("| page | server: first | server: then | cold: painted | drawn | warm: painted | drawn | from another page |")
        typer.echo("|---|---|---|---|---|---|---|---|")
        harness = {page: _by_harness(page, query, repeats) for page, query in addresses.items()}
        in_browser = browser and shutil.which("chromium") is not None
        for page, query in addresses.items():
            _tell(page, harness[page], paint(page, query, repeats) if in_browser else None)
    with tempfile.TemporaryDirectory() as home:
        os.environ["TUNEBOARD_HOME"] = home
        _tell("runs, none there", None, paint("runs", {}, repeats, wanted="no run") if in_browser else None)


def _tell(page: str, server: tuple[float, float] | None, painted: Painted | None) -> None:
    """Print a line of the table."""
    seconds: list[float | None] = [*(server or (None, None))]
    if painted is not None:
        seconds += [painted.cold.painted, painted.cold.drawn, painted.warm.painted, painted.warm.drawn, painted.within]
    cells = ["–" if value is None else f"{value:.2f}" for value in seconds]
    typer.echo(f"| {page} | {' | '.join([*cells, *['–'] * (7 - len(cells))])} |")


# --- the workspace ---------------------------------------------------------------------------------------------------------


def _fill(dataset_id: str, num_runs: int, num_steps: int) -> tuple[str, str]:
    """Create the runs; returns the ids of a real finished run and of the one with the long log."""
    from core.config.settings import Settings
    from core.runs.store.engine import changing, open_database, url_of
    from core.runs.store.records import RunState
    from core.runs.store.tables import row_of_run, runs
    from core.training.planning.run_plan import new_run_config
    from core.workspace.workspace import Workspace

    workspace = Workspace.open(Settings.from_environment())
    dataset = workspace.dataset(dataset_id)
    hub_folder = workspace.settings.hub_models_folder
    config, _ = new_run_config(dataset, hub_folder=hub_folder, recipe="frozen_encoder", values={"epochs": 1})
    finished = _real_run(workspace, config)
    now, chance = datetime.now(UTC), random.Random(0)
    states = [RunState.SUCCEEDED] * 7 + [RunState.FAILED, RunState.CANCELLED, RunState.INTERRUPTED]
    lines = []
    long = ""
    for number in range(num_runs):
        run_id, state = f"20260101-000000-{number:05d}", RunState.INTERRUPTED if number == 0 else chance.choice(states)
        began = now - timedelta(minutes=7 * number + 5)
        record = _record(run_id, number, state, began, dataset, config, chance)
        lines.append({**row_of_run(record), "queue_position": num_runs - number})
        run_dir = workspace.run_dir(run_id)
        run_dir.create(config)
        if number == 0:
            long = run_id
            _write_log(run_dir.metrics_file, num_steps)
            run_dir.append_event("plan", "A long run.", total_steps=num_steps, epochs=20, device="cpu", precision="bfloat16")
        elif state is not RunState.SUCCEEDED:
            _write_log(run_dir.metrics_file, 40)
            run_dir.append_event("plan", "A run.", total_steps=60, epochs=3, device="cpu", precision="bfloat16")
    engine = open_database(url_of(workspace.settings))
    with changing(engine) as connection:
        connection.execute(runs.insert(), lines)
    engine.dispose()
    workspace.close()
    return finished, long


def _real_run(workspace: "Workspace", config: "RunConfig") -> str:
    run_id = workspace.launch(config).id
    workspace.start_launcher()
    while not workspace.run(run_id).state.is_final:
        time.sleep(0.2)  # polling interval
    return run_id


def _record(
    run_id: str, number: int, state: Any, began: datetime, dataset: "Dataset", config: "RunConfig", chance: random.Random
) -> Any:
    from core.runs.store.records import RunRecord, RunState

    done = state is RunState.SUCCEEDED
    return RunRecord(
        id=run_id,
        name=f"tickets, another try {number}",
        dataset_id=dataset.id,
        task=dataset.task,
        model=config.model.model,
        recipe=config.recipe,
        state=state,
        created_at=began,
        started_at=began,
        finished_at=began + timedelta(seconds=chance.randint(20, 4000)),
        headline_name="macro F1" if done else None,
        headline=chance.random() if done else None,
        message=None if done else "The worker process was killed (SIGKILL) by a person or another program.",
        tags=("baseline",) if number % 9 == 0 else (),
    )


def _write_log(file: Path, num_steps: int) -> None:
    """Lines of metrics as the training loop writes them, with 20 validations."""
    chance = random.Random(1)
    with file.open("w", encoding="utf-8") as lines:
        for step in range(1, num_steps + 1):
            when = {"step": step, "epoch": round(20 * step / num_steps, 4), "time_s": round(0.9 * step, 3)}
            loss = 2 * math.exp(-4 * step / num_steps) + chance.random() / 4
            figures = {
                "train/loss": loss,
                "train/learning_rate": 2e-4 * (1 - step / num_steps),
                "train/head_learning_rate": 2e-3 * (1 - step / num_steps),
                "train/examples_per_s": 200 + 20 * chance.random(),
                "train/tokens_per_s": 3000 + 300 * chance.random(),
                "train/gradient_norm": 1 + chance.random(),
                "system/memory_mib": 1420.0,
                "system/device_use": 0.97,
            }
            lines.write(json.dumps({**when, **figures}) + "\n")
            if step % max(1, num_steps // 20) == 0:
                scores = {"validation/macro_f1": 1 - loss / 3, "validation/accuracy": 1 - loss / 4}
                lines.write(json.dumps({**when, "validation/loss": loss, **scores}) + "\n")


# --- the server's part -----------------------------------------------------------------------------------------------


def _by_harness(page: str, query: dict[str, str], repeats: int) -> tuple[float, float]:
    """Seconds of the page's first rendering in this process, and the median of those in further new tabs."""
    from streamlit.testing.v1 import AppTest

    seconds = []
    for _ in range(repeats + 1):
        tab = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=60)
        tab.run()
        tab.switch_page(f"app_pages/{page}.py")
        for name, value in query.items():
            tab.query_params[name] = value
        began = time.perf_counter()
        tab.run()
        seconds.append(time.perf_counter() - began)
        if tab.exception or tab.error:
            raise typer.Exit(1)
    return seconds[0], statistics.median(seconds[1:])
