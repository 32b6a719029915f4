"""Names, labels, texts, tags and messages made to be read as markdown or HTML stay text, on every page and in every state."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.runs.store.records import RunState
from core.workspace.workspace import Workspace
from tests.dashboard import made_workspace
from tests.dashboard.conftest import OpenDialog, OpenPage

IMAGE = "![x](http://evil.example/x.png)"
HOSTILE = f"{IMAGE} <img src=http://evil.example/y> :red[zz] :material/skull: $zz$"
LIVE = ["![x](http", "<img src", ":red[zz", ":material/skull:", "$zz$", "http://evil.example"]
"""Parts of it that markdown would interpret unless they are escaped."""

LIVE_IN_CHARTS = ["<img src", "$zz$"]
"""Plotly reads a little HTML and TeX, and no markdown."""

READS_NO_MARKDOWN = {
    "arrow_data_frame", "code", "data_editor", "file_uploader", "json", "multiselect", "number_input", "selectbox", "text",
    "text_area", "text_input", "vega_lite_chart", "arrow_vega_lite_chart",
}  # fmt: skip
"""Elements whose content is shown literally; their labels and help are checked all the same."""

_ESCAPED = re.compile(r"\\.")

PAGES = [
    *[(page, task) for page in ("data", "results", "predict") for task in made_workspace.EXAMPLES],
    *[(page, "single_label") for page in ("train", "runs", "run")],
]


def hostile_dataset(workspace: Workspace, task: str) -> Any:
    """A data set of a task whose every text and label is hostile."""
    examples = made_workspace.EXAMPLES[task](copies=4)
    spoiled = {
        "text": lambda text: f"{text} {HOSTILE}" if task != "token_classification" else text,
        "label": lambda label: f"{label} {HOSTILE}",
        "labels": lambda labels: [f"{label} {HOSTILE}" for label in labels],
        # Predictions are made up of PER and ORG, so those stay types.
        "tags": lambda tags: [f"{tag}{HOSTILE.replace(' ', '_')}" if tag.endswith(("LOC", "PRODUCT")) else tag for tag in tags],
    }
    for column in examples.columns.intersection(list(spoiled)):
        examples[column] = examples[column].map(spoiled[column])
    return made_workspace.make_dataset(workspace, task, f"{task} {HOSTILE}"[:120], pd.DataFrame(examples))


@pytest.fixture(scope="module")
def _spoiled_home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    home = tmp_path_factory.mktemp("spoiled")
    workspace = made_workspace.open_workspace(home)
    ids = {}
    for task in made_workspace.EXAMPLES:
        dataset = hostile_dataset(workspace, task)
        ids[f"dataset {task}"] = dataset.id
        ids[task] = made_workspace.make_finished(workspace, dataset, f"{task} {HOSTILE}"[:120]).id
    ids["failed"] = made_workspace.make_failed(workspace, dataset, f"f {HOSTILE}"[:120], message=f"Cannot read {HOSTILE}").id
    ids["stopped"] = made_workspace.make_stopped(workspace, dataset, f"s {HOSTILE}"[:120]).id
    interrupted = made_workspace.make_running(workspace, dataset, f"i {HOSTILE}"[:120], steps=20)
    workspace.run_dir(interrupted.id).append_event("warning", f"Look at {HOSTILE}")
    ids["interrupted"] = workspace.store.end_run(interrupted.id, RunState.INTERRUPTED, message=f"Killed by {HOSTILE}").id
    ids["running"] = made_workspace.make_running(workspace, dataset, f"r {HOSTILE}"[:120]).id
    ids["queued"] = made_workspace.make_run(workspace, dataset, f"q {HOSTILE}"[:120]).id
    for run_id in ids.values():
        if run_id in {run.id for run in workspace.runs()}:
            workspace.tag_run(run_id, [HOSTILE[:120]])
    workspace.close()
    return home, ids


@pytest.fixture
def spoiled(_spoiled_home: tuple[Path, dict[str, str]], tmp_path: Path) -> dict[str, str]:
    """Fills the workspace with hostile names, labels and texts: a short word -> the id."""
    home, ids = _spoiled_home
    shutil.copytree(home, tmp_path / "workspace", dirs_exist_ok=True)
    return ids


def alive_on(app: AppTest) -> list[str]:
    """Every place of a page where hostile text would be interpreted as markup."""
    assert not app.exception
    return [
        f"{live} in {kind}: {said[:300]}"
        for kind, said in _said(app)
        for live in (LIVE_IN_CHARTS if kind == "chart" else LIVE)
        if live in _ESCAPED.sub("", said)
    ]


def _said(app: AppTest) -> Iterator[tuple[str, str]]:
    for element in app._tree:
        kind = str(getattr(element, "type", ""))
        proto = getattr(element, "proto", None)
        if proto is None:
            continue
        if kind == "plotly_chart" or type(proto).__name__ == "PlotlyChart":
            yield from (("chart", text) for text in _strings(json.loads(proto.spec)))
            continue
        fields = ("label", "help", "placeholder") if kind in READS_NO_MARKDOWN else None
        for field, value in proto.ListFields() if hasattr(proto, "ListFields") else ():
            if isinstance(value, str) and (fields is None or field.name in fields) and field.name not in {"id", "key"}:
                yield f"{kind}.{field.name}", value


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            if key not in {"customdata", "template", "meta"}:  # what Plotly draws nothing of by itself
                yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)


@pytest.mark.parametrize(("page", "task"), PAGES)
def test_no_page_reads_a_hostile_name_as_markup(spoiled: dict[str, str], open_page: OpenPage, page: str, task: str) -> None:
    app = open_page(page, dataset=spoiled[f"dataset {task}"], run=spoiled[task])

    assert alive_on(app) == []


@pytest.mark.parametrize("state", ["failed", "stopped", "interrupted", "running", "queued"])
def test_no_state_of_a_run_reads_a_hostile_message_as_markup(spoiled: dict[str, str], open_page: OpenPage, state: str) -> None:
    app = open_page("run", run=spoiled[state])

    assert HOSTILE[:20] in "".join(said for _, said in _said(app)).replace("\\", "").replace("\u2060", "")
    assert alive_on(app) == []


@pytest.mark.usefixtures("spoiled")
def test_an_address_somebody_else_made_is_not_read_as_markup(open_page: OpenPage) -> None:
    for page in ("run", "results", "predict", "data"):
        app = open_page(page, run=HOSTILE, dataset=HOSTILE)

        assert alive_on(app) == []


def test_no_dialog_reads_a_hostile_name_as_markup(spoiled: dict[str, str], workspace: Workspace, open_dialog: OpenDialog) -> None:
    run, dataset = workspace.run(spoiled["single_label"]), workspace.dataset_record(spoiled["dataset single_label"])

    for module, name, subject in [
        ("runs.dialogs", "rename_dialog", run),
        ("runs.dialogs", "tag_dialog", run),
        ("runs.dialogs", "delete_dialog", [run]),
        ("data.dataset_list", "rename_dialog", dataset),
        ("data.dataset_list", "delete_dialog", dataset),
    ]:
        assert alive_on(open_dialog(module, name, subject)) == []


def test_the_watch_would_notice() -> None:
    def script() -> None:
        import streamlit as st

        st.caption("of ![x](http://evil.example/x.png)")

    assert alive_on(AppTest.from_function(script).run())
