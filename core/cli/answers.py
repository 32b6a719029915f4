"""Shared by all commands: opening the workspace, and the format of answers."""

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from core.config.settings import Settings
from core.runs.store.records import RunRecord, RunState
from core.workspace.workspace import Workspace

DONE, FAILED, MISTAKE, CANCELLED = 0, 1, 2, 130

EXIT_CODES = {
    RunState.SUCCEEDED: DONE,
    RunState.FAILED: FAILED,
    RunState.INTERRUPTED: FAILED,
    RunState.CANCELLED: CANCELLED,
}
"""Exit code of a command that followed a run to its end."""

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output and nothing else there.")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Id or name of the run.")]


@dataclass(frozen=True)
class Surroundings:
    """Arguments of ``main`` that commands find in their context."""

    settings: Settings | None
    worker_command: tuple[str, ...]


@dataclass(frozen=True)
class Reply:
    """What a command prints on standard output, and the exit code."""

    text: str
    exit_code: int = DONE


def answer(as_json: bool, value: Mapping[str, Any], text: str, exit_code: int = DONE) -> Reply:
    """The answer of a command, as one JSON object or as text for people."""
    return Reply(json.dumps(value, ensure_ascii=False, allow_nan=False) if as_json else text, exit_code)


def remark(text: str) -> None:
    """Print a message on standard error."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def opened_workspace(context: typer.Context) -> Iterator[Workspace]:
    """The workspace of this command."""
    surroundings: Surroundings = context.obj
    workspace = Workspace(surroundings.settings or Settings.from_environment(), worker_command=surroundings.worker_command)
    try:
        yield workspace
    finally:
        workspace.close()


def run_fields(workspace: Workspace, record: RunRecord) -> dict[str, Any]:
    """Fields about a run that every answer has."""
    return {
        "run": record.id,
        "name": record.name,
        "status": str(record.state),
        "run_dir": str(workspace.run_dir(record.id).folder),
        "message": record.message,
        "headline_name": record.headline_name,
        "headline": record.headline,
        "duration_s": record.duration_s,
    }


def one_line(text: str) -> str:
    """Untrusted text on one line, without control characters that a terminal would act on."""
    return "".join(character if character.isprintable() else " " for character in text)


def duration_in_words(seconds: float | None) -> str:
    """Such as ``4 min 3 s``; a dash for ``None``."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of text in aligned columns."""
    lines = [list(header), *([one_line(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
