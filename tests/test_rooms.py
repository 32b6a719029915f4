"""The plan of the house, held by importing each module and reading what it imports."""

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
    "core.models.building",
    "core.models.cards",
    "core.models.dropouts",
    "core.models.heads",
    "core.models.processor_attention",
    "core.models.processor_dropout",
    "core.models.processor_projections",
    "core.models.recomputed_attention",
    "core.models.trainable",
    "core.models.word_evidence",
    "core.training",
    "core.inference",
    "core.runs.worker",
)
LOADS_NO_TORCH = (
    "core.training",
    "core.training.preparing",
    "core.training.recipes",
    "core.training.recorder",
    "core.training.checkpoints",
    "core.training.kept_epoch",
    "core.runs.worker",
)

# Room -> rooms it may import from, itself aside. A longer name is a room within a room.
ARROWS = {
    "core.errors": set(),
    "core.system": set(),
    "core.devices": {"core.system"},
    "core.main_memory": {"core.devices", "core.system"},
    "core.files": {"core.errors"},
    "core.settings": {"core.errors", "core.files"},
    "core.access": {"core.errors", "core.settings", "core.names", "core.origins"},
    "core.origins": set(),
    "core.paths": {"core.errors"},
    "core.options": {"core.errors"},
    "core.config": {"core.errors", "core.options", "core.config_places", "core.config_sections", "core.config_yaml"},
    "core.config_places": {"core.errors"},
    "core.config_yaml": {"core.errors", "core.config_places"},
    "core.config_sections": {"core.errors", "core.options"},
    "core.evaluation": set(),
    "core.tasks": {"core.errors", "core.evaluation", "core.files"},
    "core.models": {"core.errors", "core.files", "core.folders", "core.tasks"},
    "core.datasets": {"core.errors", "core.evaluation", "core.files", "core.tasks", "core.settings", "core.work_folders"},
    "core.training": {
        "core.errors", "core.config", "core.options", "core.devices", "core.files", "core.main_memory", "core.system",
        "core.evaluation", "core.tasks", "core.models", "core.datasets.dataset",
    },
    "core.inference": {"core.errors", "core.models", "core.tasks", "core.training"},
    "core.names": {"core.errors", "core.files"},
    "core.folders": {"core.errors", "core.files"},
    "core.work_folders": {"core.files"},
    "core.admission": {
        "core.errors",
        "core.config",
        "core.settings",
        "core.runs.records",
        "core.runs.store",
        "core.datasets.dataset",
    },
    "core.versioning": {"core.errors", "core.files", "core.names", "core.runs", "core.workspace", "core.datasets"},
    "core.runs": {
        "core.errors", "core.config", "core.settings", "core.folders", "core.main_memory", "core.system", "core.tasks",
        "core.models", "core.datasets.dataset", "core.training", "core.files",
    },
}  # fmt: skip


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
