"""The rules about imports between packages ("rooms"), checked by importing each module and reading what it imports."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for room in ("core", "dashboard")
    for path in (ROOT / room).rglob("*.py")
)

MAY_LOAD_TORCH = (
    "core.models.build",
    "core.models.model_card",
    "core.models.encoder_dropout",
    "core.models.heads",
    "core.models.cpu.attention",
    "core.models.cpu.dropout",
    "core.models.cpu.fused_qkv",
    "core.models.cpu.blockwise_attention",
    "core.models.freezing",
    "core.models.tfidf_head",
    "core.training",
    "core.inference",
    "core.runs.worker.preload",
    "core.runs.worker.worker",
)
LOADS_NO_TORCH = (
    "core.training",
    "core.training.planning.run_plan",
    "core.training.planning.recipes",
    "core.training.tracking.recorder",
    "core.training.checkpoint.manager",
    "core.training.tracking.kept_epoch",
    "core.runs.worker.worker",
)

# Room -> rooms it may import from, itself aside, lowest first. A longer name is a room within a room and stands before it.
LOW = {"core.errors", "core.files", "core.progress", "core.text_format"}
ARROWS: dict[str, set[str]] = {
    "core.text_format": set(),
    "core.errors": {"core.text_format"},
    "core.progress": set(),
    "core.machine": set(),
    "core.evaluation": set(),
    "core.files": {"core.errors", "core.text_format"},
    "core.names": {"core.errors", "core.files", "core.text_format"},
    "core.config": {"core.errors", "core.files", "core.names", "core.text_format"},
    "core.tasks": {"core.errors", "core.files", "core.evaluation", "core.text_format"},
    "core.models.cpu": {"core.models.sizes"},
    "core.models": {"core.errors", "core.files", "core.tasks", "core.text_format"},
    # data sets
    "core.datasets.columns": LOW | {"core.tasks"},
    "core.datasets.readers.text": LOW,
    "core.datasets.readers": LOW | {
        "core.config.settings", "core.tasks", "core.datasets.columns.names", "core.datasets.table",
        "core.datasets.text_array", "core.datasets.skip_log", "core.datasets.split_column",
    },
    "core.datasets.splitting": LOW | {
        "core.tasks", "core.datasets.columns", "core.datasets.table", "core.datasets.import_plan", "core.datasets.split_column",
    },
    "core.datasets.importing": LOW | {"core.config.settings", "core.tasks", "core.datasets"},
    "core.datasets.checks": LOW | {
        "core.evaluation", "core.tasks", "core.datasets.dataset", "core.datasets.text_array", "core.datasets.importing",
    },
    "core.datasets.repairs": LOW | {
        "core.tasks", "core.datasets.columns", "core.datasets.row_diff", "core.datasets.checks", "core.datasets.splitting",
    },
    "core.datasets.versions": LOW | {"core.config.settings", "core.tasks", "core.datasets"},
    "core.datasets": LOW | {"core.tasks", "core.datasets.columns"},
    # training
    "core.training.tracking": {"core.evaluation", "core.machine", "core.tasks", "core.training.device"},
    "core.training.checkpoint": {"core.files"},
    "core.training.planning": LOW | {
        "core.config", "core.machine", "core.tasks", "core.models", "core.datasets.dataset", "core.training.device",
    },
    "core.training.steps": {"core.errors", "core.tasks", "core.models", "core.training.distributed"},
    "core.training.calibration": {"core.tasks", "core.models", "core.training.steps", "core.training.tracking"},
    "core.training": LOW | {
        "core.config", "core.machine", "core.evaluation", "core.tasks", "core.models", "core.datasets.dataset",
    },
    "core.inference": {"core.errors", "core.models", "core.tasks", "core.training.steps"},
    # runs
    "core.runs.store": LOW | {"core.config.settings"},
    "core.runs.directory": LOW | {"core.config.run_config", "core.runs.store.records"},
    "core.runs.process": LOW | {"core.machine", "core.tasks", "core.runs.directory", "core.runs.store"},
    "core.runs.worker": LOW | {
        "core.config", "core.machine", "core.tasks", "core.models", "core.datasets.dataset", "core.training",
        "core.runs.directory", "core.runs.process", "core.runs.store.records",
    },
    "core.runs.scheduler": LOW | {
        "core.config", "core.machine", "core.models.hub", "core.models.policy", "core.datasets.dataset",
        "core.runs.directory", "core.runs.process", "core.runs.store",
    },
    "core.runs.recovery": LOW | {
        "core.config.settings", "core.datasets.dataset", "core.runs.directory", "core.runs.process", "core.runs.store",
    },
    "core.workspace": LOW | {"core.config", "core.names", "core.tasks", "core.datasets", "core.models.policy", "core.runs"},
}  # fmt: skip

MOST_SIDE_BY_SIDE = 12
"""Maximum number of modules in one folder, so that one can still be found by looking."""


FOLDERS = sorted({path.parent.relative_to(ROOT) for room in ("core", "dashboard") for path in (ROOT / room).rglob("*.py")})


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_a_folder_holds_no_more_modules_than_can_be_looked_over(folder: Path) -> None:
    modules = [path.name for path in (ROOT / folder).glob("*.py") if not path.name.startswith("__")]

    assert len(modules) <= MOST_SIDE_BY_SIDE, f"{folder} holds {len(modules)} modules side by side"


def imports_of(module: str) -> set[str]:
    """Names of our own modules that a module imports, anywhere in its body."""
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return {name for name in found if name.split(".")[0] in {"core", "dashboard"} and name not in {"core", "dashboard"}}


def is_in(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


@pytest.mark.parametrize("module", [name for name in MODULES if not name.endswith("__init__")])
def test_a_module_imports_only_from_rooms_below_its_own(module: str) -> None:
    room = next((room for room in ARROWS if is_in(module, room)), None)
    for name in imports_of(module):
        if module.startswith("core."):
            assert not is_in(name, "dashboard"), f"{module} imports {name}"
        if room is not None:
            allowed = {room, *ARROWS[room]}
            assert any(is_in(name, other) for other in allowed), f"{module} imports {name}"


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("core.")])
def test_core_never_imports_streamlit(module: str) -> None:
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")

    assert "streamlit" not in {name.split(".")[0] for name in _all_imports(path)}


def _all_imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def test_what_pages_and_commands_import_loads_neither_torch_nor_transformers() -> None:
    light = [
        module.removesuffix(".__init__")
        for module in MODULES
        if module != "core.__main__"
        and not is_in(module, "dashboard.app_pages")
        and module != "dashboard.app"
        and (module in LOADS_NO_TORCH or not any(is_in(module, heavy) for heavy in MAY_LOAD_TORCH))
    ]
    program = (
        "import importlib, sys\n"
        f"for name in {light!r}:\n"
        "    importlib.import_module(name)\n"
        "    assert not {'torch', 'transformers'} & set(sys.modules), name\n"
    )

    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-600:]


def test_no_screen_imports_torch_while_it_opens() -> None:
    for module in MODULES:
        if is_in(module, "dashboard"):
            tree = ast.parse(ROOT.joinpath(*module.split(".")).with_suffix(".py").read_text(encoding="utf-8"))
            top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
            names = {alias.name for node in top if isinstance(node, ast.Import) for alias in node.names}
            names |= {node.module for node in top if isinstance(node, ast.ImportFrom) and node.module}
            heavy = {name for name in names if any(is_in(name, room) for room in ("torch", "transformers", "core.inference"))}
            assert not heavy, f"{module} imports {heavy}"


DOORS = ("unsafe_allow_html", "unsafe_allow_javascript", "components.v1", "trust_remote_code=True", "pickle.load")


@pytest.mark.parametrize("door", DOORS)
def test_doors_through_which_hostile_text_or_code_could_come_stay_shut(door: str) -> None:
    for module in MODULES:
        text = ROOT.joinpath(*module.split(".")).with_suffix(".py").read_text(encoding="utf-8")
        assert door not in text, f"{module} uses {door}"
