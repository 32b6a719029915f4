"""No text can become markdown, HTML or code: checked in the source of every module.

What is shown as markdown must be written in the source, made by a function that escapes, or stand in ``ours.txt`` beside this
file: one line for each expression of a module that somebody has looked at and found to hold no text of a user's.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard import __main__ as start

ROOT = Path(__file__).resolve().parents[2]
SCREENS = sorted((ROOT / "dashboard").rglob("*.py"))
MODULES = sorted([*SCREENS, *(ROOT / "core").rglob("*.py")])
OURS = {
    tuple(part.strip() for part in line.split(" | ", 1))
    for line in (Path(__file__).parent / "ours.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
}

READ_AS_MARKDOWN = {
    "badge", "button", "caption", "checkbox", "error", "exception", "expander", "header", "info", "link_button", "markdown",
    "metric", "popover", "spinner", "status", "subheader", "success", "tab", "title", "toast", "toggle", "warning", "write",
    "write_stream",
}  # fmt: skip
"""Methods of Streamlit whose first argument is markdown."""

MARKDOWN_ARGUMENTS = {"help", "title", "placeholder_help"}
"""Arguments that are markdown wherever they are."""

ESCAPES = {"markdown_text", "markdown_piece", "highlighted", "change_markdown"}
"""Functions that escape what they are given."""

OF_OUR_OWN_WORDS = {"formats", "str.format"}
"""Modules that format only numbers and dates."""


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def name_of(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def owner_of(function: ast.expr) -> str:
    return function.value.id if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) else ""


def unescaped(value: ast.expr, module: str) -> Iterator[str]:
    """Every piece of an expression that is neither ours nor escaped."""
    if isinstance(value, ast.Constant) or (module, ast.unparse(value)) in OURS:
        return
    if isinstance(value, ast.JoinedStr):
        for piece in value.values:
            yield from unescaped(piece, module)
    elif isinstance(value, ast.FormattedValue):
        is_number = value.format_spec is not None and any(
            isinstance(part, ast.Constant) and str(part.value)[-1:] in {",", "f", "d", "%", "e", "g"}
            for part in getattr(value.format_spec, "values", [])
        )
        if not is_number:
            yield from unescaped(value.value, module)
    elif isinstance(value, ast.BinOp):
        yield from unescaped(value.left, module)
        yield from unescaped(value.right, module)
    elif isinstance(value, ast.BoolOp):
        for part in value.values:
            yield from unescaped(part, module)
    elif isinstance(value, ast.IfExp):
        yield from unescaped(value.body, module)
        yield from unescaped(value.orelse, module)
    elif isinstance(value, ast.Name) and value.id.isupper():
        return  # a constant of the module
    elif isinstance(value, ast.Call):
        if name_of(value.func) in ESCAPES or owner_of(value.func) in OF_OUR_OWN_WORDS:
            return
        if name_of(value.func) == "join" and isinstance(value.args[0], ast.GeneratorExp):
            yield from unescaped(value.args[0].elt, module)
        elif name_of(value.func) in {"capitalize", "lower", "strip"} and isinstance(value.func, ast.Attribute):
            yield from unescaped(value.func.value, module)
        else:
            yield ast.unparse(value)
    else:
        yield ast.unparse(value)


def shown_as_markdown(tree: ast.AST) -> Iterator[ast.expr]:
    for call in calls(tree):
        if not isinstance(call.func, ast.Attribute) or owner_of(call.func) in {"self", "app", "logging", "_log", "widgets"}:
            continue
        if name_of(call.func) in READ_AS_MARKDOWN and call.args:
            yield from call.args[: 2 if name_of(call.func) == "metric" else 1]
        if owner_of(call.func) == "st":
            yield from (one.value for one in call.keywords if one.arg in MARKDOWN_ARGUMENTS)


@pytest.mark.parametrize("path", SCREENS, ids=lambda path: str(path.relative_to(ROOT)))
def test_whatever_is_shown_as_markdown_is_ours_or_escaped(path: Path) -> None:
    module = str(path.relative_to(ROOT / "dashboard"))
    tree = ast.parse(path.read_text(encoding="utf-8"))

    found = {piece for value in shown_as_markdown(tree) for piece in unescaped(value, module)}

    assert not found, (
        f"{module} shows these as markdown: {sorted(found)}. Pass what may hold a user's text through dashboard.shared.escaping; "
        "what cannot goes into tests/safety/ours.txt."
    )


TABLE_WRITERS = {"core/datasets/versions/export.py", "dashboard/shared/downloads.py"}
"""The only modules that write tables as text, each behind ``core.datasets.formula_guard``."""


def test_tables_leave_through_the_formula_guard_only() -> None:
    for path in MODULES:
        module = str(path.relative_to(ROOT))
        source = path.read_text(encoding="utf-8")
        writes = [name for name in ("to_csv", "csv.writer", "DictWriter", "to_excel", "Workbook(") if name in source]
        assert not writes or module in TABLE_WRITERS, f"{module} uses {writes}; call dashboard.shared.downloads.csv_bytes instead"
        assert module not in TABLE_WRITERS or "guarded(" in source or "map(guarded)" in source


def test_tables_on_pages_have_no_export_of_streamlits_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It writes CSV files in the browser, without the guard."""
    started: dict[str, object] = {}
    monkeypatch.setattr(start.st.App, "run", lambda _, config: started.update(config))
    monkeypatch.setattr(start.security, "put_in_force", lambda: None)
    monkeypatch.setattr(start.connections, "prepare", lambda: None)
    monkeypatch.chdir(tmp_path)

    assert start.main(["--headless"]) == 0

    assert started["client.disableDataExport"] is True


def is_constant(value: ast.expr | None, wanted: bool) -> bool:
    return isinstance(value, ast.Constant) and value.value is wanted


UNPICKLING = {"pickle", "_pickle", "dill", "joblib", "cloudpickle", "shelve", "marshal", "multiprocessing"}
PICKLES = {"torch.load", "torch.save", "pd.read_pickle", "np.load", "np.save"}
PICKLED = {"to_pickle", "all_gather_object", "gather_object", "broadcast_object_list", "scatter_object_list", "send_object_list"}
"""What pickles objects to pass them on, to files or to other processes."""

FETCHING = {"html", "iframe", "component", "image", "video", "audio", "link_button", "write_stream"}
YAML_DOORS = {"load", "load_all", "full_load", "unsafe_load"}
RUNNING = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "pd.read_html", "pd.eval"}
SWITCHES = {"trust_remote_code", "shell", "allow_pickle", "unsafe_allow_html", "unsafe_allow_javascript"}


def opened_doors(tree: ast.AST) -> Iterator[str]:
    """Calls and imports that no module of ours makes."""
    for node in ast.walk(tree):
        module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names if isinstance(node, ast.Import | ast.ImportFrom) else ():
            whole = f"{module}.{alias.name}".lstrip(".")
            if whole.split(".")[0] in UNPICKLING or whole.startswith("streamlit.components"):
                yield f"imports {whole}"
    for call in calls(tree):
        name, owner, source = name_of(call.func), owner_of(call.func), ast.unparse(call.func)
        given = {one.arg: one.value for one in call.keywords}
        for switch in SWITCHES & set(given):
            if not is_constant(given[switch], False):
                yield f"{source}({switch}=…)"
        if (
            source in RUNNING
            or source in PICKLES
            or name in PICKLED
            or (owner == "yaml" and name in {"load", "load_all", "full_load", "unsafe_load"})
        ):
            yield source
        if owner == "st" and (name in FETCHING or (name == "write" and not isinstance(call.args[0], ast.Constant))):
            yield source


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_opens_a_door_to_code_or_markup(path: Path) -> None:
    assert list(opened_doors(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "source",
    [
        "st.markdown(name)",
        "st.error(f'{error}')",
        "st.caption('of ' + name)",
        "column.metric(label, 3)",
        "st.text_input('Name', help=name)",
        "st.markdown(f'**{record.name}**')",
        "st.toast(' · '.join(one.name for one in records))",
    ],
)
def test_the_rule_would_notice(source: str) -> None:
    assert [piece for value in shown_as_markdown(ast.parse(source)) for piece in unescaped(value, "x.py")]


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from streamlit.components import v1",
        "st.html(x)",
        "st.markdown(x, unsafe_allow_html=True)",
        "torch.load(path)",
        "torch.load(path, weights_only=True)",
        "torch.save(state, path)",
        "distributed.all_gather_object(values, value)",
        "yaml.load(text)",
        "eval(text)",
        "subprocess.run(text, shell=True)",
        "AutoModel.from_pretrained(x, trust_remote_code=True)",
        "AutoModel.from_pretrained(x, trust_remote_code=flag)",
        "st.image(address)",
    ],
)
def test_the_ban_would_notice(source: str) -> None:
    assert list(opened_doors(ast.parse(source)))
