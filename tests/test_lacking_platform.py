"""Server, command line and worker where the platform lacks what Windows lacks; see ``tests/lacking/sitecustomize.py``.

What a platform may lack is used in ``core/machine/platform_support.py``, or asked for by its name in the function that uses it.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.config.run_config import ComputeConfig, DataConfig, ModelConfig, RunConfig, TrainingConfig
from core.config.settings import PROJECT_ROOT, Settings
from core.datasets.dataset import Dataset
from core.runs.store.records import RunState
from core.workspace.workspace import Workspace
from tests.browser.server import Server, wait_for
from tests.lacking.lacking_names import MODULES, NAMES, POPEN
from tests.tiny import tiny_dataset

LACKING = PROJECT_ROOT / "tests" / "lacking"
OURS = sorted(path for room in ("core", "dashboard") for path in (PROJECT_ROOT / room).rglob("*.py"))
CODE_THAT_ASKS = frozenset({"counts_since_boot", "has_signals"})
"""Functions of ``core.machine.platform_support`` that ask for several names at once."""

ARGUED = {
    (
        "core/runs/process/processes.py",
        "pidfd_send_signal",
    ): "is used with a handle, which there is only where it is there as well"
}


@pytest.fixture
def lacking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have processes started from here find less than this platform has; the folder of their workspace."""
    home = tmp_path / "home"
    for name, value in {"PYTHONPATH": LACKING, "TUNEBOARD_HOME": home, "HF_HUB_OFFLINE": 1}.items():
        monkeypatch.setenv(name, str(value))
    return home


def start(*words: str) -> subprocess.Popen[str]:
    """Start a command of the command line."""
    command = [sys.executable, "-m", "core", *words, "--json"]
    return subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def answer(started: subprocess.Popen[str], *, code: int = 0) -> dict[str, Any]:
    """What a command answers in the end."""
    try:
        found, log = started.communicate(timeout=120)
    finally:
        started.kill()
    assert started.returncode == code, log
    said: dict[str, Any] = json.loads(found)
    return said


@pytest.fixture
def colours(lacking: Path, tmp_path: Path) -> Dataset:
    """A data set that was imported on such a platform."""
    tiny_dataset()[["text", "label"]].to_csv(tmp_path / "colours.csv", index=False)
    imported = answer(start("import", str(tmp_path / "colours.csv")))
    workspace = Workspace(Settings.from_environment({"TUNEBOARD_HOME": str(lacking)}))
    try:
        return workspace.dataset(imported["dataset"])
    finally:
        workspace.close()


def test_what_is_taken_away_is_gone_for_our_code_alone(lacking: Path) -> None:
    assert not lacking.exists()
    code = "exec(compile('import os; os.sysconf; import resource', 'x', 'exec'), {'__file__': '%s'})"
    for room, is_there in (("core", False), ("dashboard", False), ("tests", True)):
        ended = subprocess.run([sys.executable, "-c", code % (PROJECT_ROOT / room / "x.py")], capture_output=True, check=False)
        assert (ended.returncode == 0) is is_there


def test_the_command_line_reads_files_and_looks_at_the_machine(lacking: Path, tmp_path: Path) -> None:
    assert not lacking.exists()
    tiny_dataset()[["text", "label"]].to_excel(tmp_path / "colours.xlsx", index=False)

    imported = answer(start("import", str(tmp_path / "colours.xlsx")))

    assert answer(start("check", imported["dataset"]))["num_examples"] == len(tiny_dataset())
    assert answer(start("doctor"))["device"]["memory_mib"] > 0


@pytest.mark.training
def test_the_command_line_trains_and_stops_where_there_are_no_signals(colours: Dataset, lacking: Path, tiny_model: Path) -> None:
    options = ("--model", str(tiny_model), "--set", "batch_size=8")
    trained = answer(start("train", colours.id, *options, "--set", "epochs=1"))
    assert trained["status"] == "succeeded"
    assert trained["headline"] is not None

    endless = start(
        "train", colours.id, *options, "--set", "epochs=1000", "--set", "early_stopping_patience=0", "--name", "endless"
    )
    metrics = wait_for(
        lambda: next((path for path in lacking.rglob("metrics.jsonl") if trained["run"] not in str(path)), None), "it"
    )
    stopped = answer(start("cancel", "endless"))

    assert stopped["status"] == "cancelled"
    assert stopped["message"] == "Stopped; training progress is saved in a checkpoint."
    assert answer(endless, code=130)["status"] == "cancelled"
    assert (metrics.parent / "checkpoints").is_dir()
    assert not (metrics.parent / ".stop").exists()


@pytest.fixture
def server(lacking: Path) -> Iterator[Server]:
    server = Server(lacking)
    server.start()
    yield server
    server.end()


@pytest.mark.training
def test_the_server_has_its_worker_train(colours: Dataset, server: Server, tiny_model: Path) -> None:
    config = RunConfig(
        data=DataConfig(dataset=colours.id, dataset_hash=colours.content_hash, task=colours.task),
        model=ModelConfig(model=str(tiny_model)),
        training=TrainingConfig(epochs=1, batch_size=8),
        compute=ComputeConfig(device="cpu"),
    )

    run = server.workspace.launch(config)

    ended = wait_for(lambda: (now := server.workspace.run(run.id)).state.is_final and now, "the run to end")
    assert ended.state is RunState.SUCCEEDED, ended.message


def test_a_page_is_shown(lacking: Path) -> None:
    assert not lacking.exists()
    code = """
from streamlit.testing.v1 import AppTest
page = AppTest.from_file("dashboard/app.py", default_timeout=60).run()
for other in ("data", "train", "runs"):
    page = page.switch_page(f"app_pages/{other}.py").run()
    assert not page.exception and not page.error, (page.exception, page.error)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False, timeout=120
    )

    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(PROJECT_ROOT)))
def test_what_a_platform_may_lack_is_asked_for_where_it_is_used(path: Path) -> None:
    place = str(path.relative_to(PROJECT_ROOT))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [found for found in _unasked(tree) if (place, found) not in ARGUED] == []


@pytest.mark.parametrize(
    "code",
    [
        "import resource",
        "def f():\n    import fcntl",
        "import os\ncores = os.sysconf('SC_PAGE_SIZE')",
        "def f():\n    return signal.SIGKILL",
        "def f():\n    Popen([], start_new_session=True)",
        "from os import nice",
    ],
)
def test_use_without_asking_is_found(code: str) -> None:
    assert _unasked(ast.parse(code))


def _unasked(tree: ast.AST) -> list[str]:
    """What is used of what a platform may lack, in statements or functions that do not ask whether it is there."""
    found: list[str] = []

    def visit(node: ast.AST, scope: ast.AST, asks: bool) -> None:
        if isinstance(node, ast.stmt) and isinstance(scope, ast.Module):
            scope = node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            scope = node
        if isinstance(node, ast.Try | ast.With):
            asks = asks or any(isinstance(one, ast.Name) and one.id == "ImportError" for one in ast.walk(node))
        if isinstance(node, ast.Import):
            found.extend(alias.name for alias in node.names if alias.name in MODULES and not asks)
        elif isinstance(node, ast.ImportFrom):
            found.extend(alias.name for alias in node.names if alias.name in NAMES.get(str(node.module), ()))
            found.extend([str(node.module)] if node.module in MODULES and not asks else [])
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in NAMES.get(node.value.id, ()) and not _asks_for(node.attr, scope):
                found.append(node.attr)
        elif isinstance(node, ast.Call):
            found.extend(
                str(one.arg)
                for one in node.keywords
                if one.arg in POPEN and ast.unparse(node.func).startswith(("Popen", "subprocess."))
            )
        for child in ast.iter_child_nodes(node):
            visit(child, scope, asks)

    visit(tree, tree, asks=False)
    return found


def _asks_for(name: str, scope: ast.AST) -> bool:
    named = (node.value for node in ast.walk(scope) if isinstance(node, ast.Constant))
    called = (node.func.id for node in ast.walk(scope) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name))
    return name in named or bool(CODE_THAT_ASKS & set(called))
