"""Response time of pages while a run trains on every core.

Pages are run by Streamlit's own test harness, in a process like the server's: the times are those of a rerun without the browser.
A run of the bundled model trains at the same time with its usual number of threads.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.launching import SAMPLE
from benchmarks.quality import ROOT, _import, app

PAGES = ("data", "train", "runs", "run", "results", "predict")
DEADLINE_S = 300.0


@app.command()
def pages(repeats: Annotated[int, typer.Option(help="Reruns of each page.")] = 20) -> None:
    """Measure the milliseconds of each page's rerun while a run trains."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"TUNEBOARD_HOME": home, "STREAMLIT_LOGGER_LEVEL": "error"}
        dataset_id = _import(SAMPLE, ROOT / "data", Path(home))
        from core.config.settings import Settings
        from core.training.planning.run_plan import new_run_config
        from core.workspace.workspace import Workspace
        from dashboard.shared import state

        workspace = Workspace.open(Settings.from_environment())
        dataset = workspace.dataset(dataset_id)
        quick, _ = new_run_config(dataset, hub_folder=workspace.settings.hub_models_folder, recipe="frozen_encoder")
        long, _ = new_run_config(dataset, hub_folder=workspace.settings.hub_models_folder, values={"epochs": 1000})
        state.workspace().start_launcher()
        finished = workspace.launch(quick).id
        _wait_until(lambda: workspace.run(finished).state.is_final)
        training = workspace.launch(long).id
        _wait_until(lambda: bool(workspace.run_dir(training).metrics()))
        try:
            times = {page: _rerun(page, repeats, dataset_id, finished, training) for page in PAGES}
        finally:
            workspace.stop(training)
            _wait_until(lambda: workspace.run(training).state.is_final)
            state.workspace().close()
            workspace.close()
    typer.echo("| page | opened, ms | rerun, median ms | 95 % of reruns under, ms |")
    typer.echo("|---|---|---|---|")
    for page, (opened, reruns) in times.items():
        typer.echo(f"| {page} | {opened:.0f} | {statistics.median(reruns):.0f} | {_share_under(reruns):.0f} |")
    every = [milliseconds for _, reruns in times.values() for milliseconds in reruns]
    typer.echo(f"\n{len(every)} reruns: 95 % under {_share_under(every):.0f} ms, longest {max(every):.0f} ms.")


def _rerun(page: str, repeats: int, dataset: str, finished: str, training: str) -> tuple[float, list[float]]:
    """Milliseconds of a page's first run in a new tab, and of its reruns."""
    from streamlit.testing.v1 import AppTest

    tab = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=60)
    tab.run()
    query = {"data": {"dataset": dataset}, "train": {"dataset": dataset}, "run": {"run": training}, "results": {"run": finished}}
    started = time.perf_counter()
    if page != "data":
        tab.switch_page(f"app_pages/{page}.py")
    for name, value in query.get(page, {}).items():
        tab.query_params[name] = value
    tab.run()
    opened = 1000 * (time.perf_counter() - started)
    reruns = []
    for _ in range(repeats):
        started = time.perf_counter()
        tab.run()
        reruns.append(1000 * (time.perf_counter() - started))
    if tab.exception or tab.error:
        raise typer.Exit(1)
    return opened, reruns


def _share_under(milliseconds: list[float]) -> float:
    return statistics.quantiles(milliseconds, n=20)[-1]


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("The run did not reach the expected state in time.")
        time.sleep(0.2)  # polling interval
