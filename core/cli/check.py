"""``check``: what is wrong with a file or a data set, before anything is trained on it."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.answers import AsJson, Reply, answer, one_line, opened_workspace, remark
from core.errors import DatasetError, NotFoundError
from core.text_format import shown

if TYPE_CHECKING:
    from core.datasets.checks.finding import CheckReport, Finding
    from core.datasets.importing.import_summary import ImportSummary
    from core.models.hub import ModelInfo
    from core.workspace.workspace import Workspace

_MOST_IDS = 1000
"""Most row ids of a finding in the JSON answer; the count is always complete."""

_SILENT_S = 1.5
"""Seconds between two progress messages."""


def check(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(metavar="FILE|DATASET", help="A file, or the id or name of a data set.")],
    task: Annotated[
        str | None,
        typer.Option(help="Task of a file: single_label, multi_label or token_classification; auto-detected unless given."),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Encoding of a text file, such as gb18030; auto-detected unless given.")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="Delimiter of a CSV file, such as ';' or tab; auto-detected unless given.")
    ] = None,
    sheet: Annotated[
        str | None, typer.Option(help="Sheet of a workbook, or file in an archive; auto-detected unless given.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="Model to check lengths and vocabulary against; 'none' skips these checks.")
    ] = "bundled",
    as_json: AsJson = False,
) -> Reply:
    """Report what is wrong with a file or a data set. The exit code is 0 whatever is found, and 2 if the file cannot be read."""
    with opened_workspace(context) as workspace:
        reading_model = _model(model, workspace)
        path = Path(subject)
        reading = {"encoding": encoding, "delimiter": delimiter, "sheet": sheet}
        if _is_file(path):
            name, report, notes = _check_file(path, task, reading, reading_model, workspace)
        else:
            _refuse_options({"task": task, **reading}, subject)
            name, report, notes = _check_dataset(subject, reading_model, workspace)
    value = {"subject": name, **report.to_json(), "notes": notes, "findings": [_fields(finding) for finding in report.findings]}
    return answer(as_json, value, _in_words(name, report, notes))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for a file name, or with characters that no file name may have
        return False


def _check_file(
    path: Path, task: str | None, reading: Mapping[str, str | None], model: "ModelInfo | None", workspace: "Workspace"
) -> tuple[str, "CheckReport", list[str]]:
    from core.datasets.checks.run_checks import examine_prepared, refused
    from core.datasets.importing.prepare import guess_plan, prepare
    from core.datasets.readers.read_table import read_table
    from core.progress import SILENT
    from core.tasks import get_task

    if task is not None:
        get_task(task)
    table = read_table(
        path,
        encoding=reading["encoding"],
        delimiter=reading["delimiter"],
        sheet=reading["sheet"],
        **workspace.settings.reading_limits,
    )
    try:
        prepared = prepare({"main": table}, guess_plan(table, task), progress=SILENT, **workspace.settings.import_limits)
    except DatasetError as error:
        return path.name, refused(str(error), table.num_records), table.notes
    return path.name, examine_prepared(prepared, model, _Progress()), prepared.notes


def _refuse_options(given: Mapping[str, str | None], subject: str) -> None:
    """Refuse options for reading a file where no file is read, rather than ignore them."""
    named = [f"--{name}" for name, value in given.items() if value is not None]
    if named:
        raise NotFoundError(
            f"{', '.join(named)} applies to files only, and there is no file {shown(one_line(subject))}. "
            "Correct the path, or leave the option out."
        )


def _check_dataset(id_or_name: str, model: "ModelInfo | None", workspace: "Workspace") -> tuple[str, "CheckReport", list[str]]:
    from core.datasets.checks.report_cache import report_of

    try:
        record = workspace.dataset_record(id_or_name)
    except NotFoundError:
        raise NotFoundError(
            f"{shown(one_line(id_or_name))} is neither an existing file nor a data set. Correct the path or the name."
        ) from None
    dataset = workspace.dataset(record.id)
    return record.name, report_of(dataset, model, _Progress()), list(dataset.notes)


def _model(reference: str, workspace: "Workspace") -> "ModelInfo | None":
    from core.models.hub import describe

    return None if reference == "none" else describe(reference, workspace.settings.hub_models_folder)


class _Progress:
    """Reports progress on standard error when the work takes more than a moment."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def __call__(self, share: float, doing: str) -> None:
        now = time.monotonic()
        if now - self._said > _SILENT_S:
            self._said = now
            remark(f"{share:4.0%}  {doing} …")


def _fields(finding: "Finding") -> dict[str, object]:
    fields = finding.to_json()
    return {**fields, "rows": finding.rows[:_MOST_IDS].tolist(), "num_rows": len(finding.rows)}


def _in_words(name: str, report: "CheckReport", notes: Sequence[str]) -> str:
    num = len(report.findings)
    looked = f"{report.num_examined:,} of {report.num_examples:,} rows" if report.sampled else f"{report.num_examples:,} rows"
    lines = [f"{name}: {num or 'no'} finding{'' if num == 1 else 's'} in {looked}."]
    lines += _account_in_words(report.account) if report.account is not None else []
    lines += notes
    for finding in report.findings:
        lines.append(f"\n{finding.severity.upper()}: {finding.title}{' (in a sample)' if finding.sampled else ''}")
        lines.append(f"  {finding.effect}")
        lines += [
            f"  - {example.text}{f'  [{example.detail}]' if example.detail else ''}"
            + (f"  (record {example.record})" if example.record is not None else "")
            for example in finding.examples[:3]
        ]
        lines += [f"  repair: {', '.join(dict.fromkeys(offer.repair for offer in finding.offers))}"] if finding.offers else []
    lines += [f"\nChecks not completed: {', '.join(report.unfinished)}."] if report.unfinished else []
    return "\n".join(one_line(part) for line in lines for part in line.split("\n"))


def _account_in_words(account: "ImportSummary") -> list[str]:
    from core.text_format import counted

    head = f"{counted(account.num_records, 'record')} read: {account.kept:,} kept, {account.num_set_aside:,} skipped."
    return [head, *(f"  {number:,}: {kind.sentence}" for kind, number in account.by_kind.items())]
