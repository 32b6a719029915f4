"""Files, data sets and runs for tests in which uploading and launching are not the point."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from core.datasets.importing.prepare import guess_plan, prepare
from core.datasets.readers.read_table import read_table
from core.runs.store.records import DatasetRecord, RunRecord
from core.training.planning.run_plan import new_run_config
from tests.browser.server import Server

THINGS, VERBS, COLOURS = ("sky", "sea", "grass", "leaf"), ("is", "was", "looks", "seems"), ("blue", "green", "deep")


def csv_of(rows: Iterable[dict[str, Any]]) -> str:
    """Rows as the text of a CSV file."""
    return pd.DataFrame(list(rows)).to_csv(index=False)


def colour_rows(num_rows: int) -> Iterator[dict[str, Any]]:
    """Messages about three colours; two in six are ambiguous, so some predictions will be wrong."""
    for i in range(num_rows):
        colour = COLOURS[i % 3]
        said = "light" if i % 6 < 2 else colour
        yield {"message": f"the {THINGS[(i // 6) % 4]} {VERBS[(i // 24) % 4]} very {said} and {i}", "topic": colour}


def slow_rows() -> Iterator[dict[str, Any]]:
    """Rows of which one epoch in batches of one takes several seconds, with little to validate and to test."""
    for i, row in enumerate(colour_rows(1500)):
        yield {**row, "split": ("validation", "test")[i % 2] if i < 24 else "train"}


def import_csv(server: Server, name: str, rows: Iterable[dict[str, Any]]) -> DatasetRecord:
    """Import rows as the Data page does without changed choices."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        file.write_text(csv_of(rows), encoding="utf-8")
        table = read_table(file)
    return server.workspace.save_dataset(prepare({"main": table}, guess_plan(table)), name)


def launch(server: Server, dataset: DatasetRecord, model: Path, **values: Any) -> RunRecord:
    """Queue a run; the server starts it."""
    workspace = server.workspace
    hub_folder = workspace.settings.hub_models_folder
    config, _ = new_run_config(workspace.dataset(dataset.id), hub_folder=hub_folder, model=str(model), values=values)
    return workspace.launch(config)


def launch_endless(server: Server, model: Path) -> RunRecord:
    """Queue a run that would train for hours unless it is stopped."""
    return launch(server, import_csv(server, "Endless", slow_rows()), model, epochs=1000, batch_size=1)
