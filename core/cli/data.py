"""``import``: from a file to a data set."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.answers import AsJson, Reply, answer, one_line, opened_workspace
from core.cli.versions import parsed_steps, repair_import
from core.errors import DatasetError
from core.text_format import shown

if TYPE_CHECKING:
    from core.datasets.importing.prepare import ImportPlan


def import_file(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, JSON, Parquet, Arrow, a workbook or CoNLL; also zipped.")],
    name: Annotated[str | None, typer.Option(help="Name of the data set; the file's name unless given.")] = None,
    task: Annotated[
        str | None, typer.Option(help="single_label, multi_label or token_classification; auto-detected unless given.")
    ] = None,
    text_column: Annotated[str | None, typer.Option(help="Column with the texts; auto-detected unless given.")] = None,
    label_column: Annotated[
        list[str] | None, typer.Option(help="Column with the labels; repeatable; auto-detected unless given.")
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE=COLUMN", help="Column for another role of the task, such as sentence=sentence_id."),
    ] = None,
    split_column: Annotated[str | None, typer.Option(help="Column that says train, validation or test.")] = None,
    group_column: Annotated[str | None, typer.Option(help="Column with groups; each group stays in one split.")] = None,
    time_column: Annotated[
        str | None, typer.Option(help="Column with dates: train on the oldest rows, test on the newest.")
    ] = None,
    validation: Annotated[Path | None, typer.Option(metavar="FILE", help="File with the validation examples.")] = None,
    test: Annotated[Path | None, typer.Option(metavar="FILE", help="File with the test examples.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the split.")] = 0,
    encoding: Annotated[
        str | None, typer.Option(help="Encoding of text files, such as gb18030; auto-detected unless given.")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="Delimiter of a CSV file, such as ';' or tab; auto-detected unless given.")
    ] = None,
    sheet: Annotated[
        str | None, typer.Option(help="Sheet of a workbook FILE, or file in an archive FILE; auto-detected unless given.")
    ] = None,
    missing: Annotated[
        list[str] | None,
        typer.Option(metavar="WORD", help="Missing-value marker: a cell with only this, such as NA, is empty; repeatable."),
    ] = None,
    repair: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Repair to apply after the import, see 'repair --list'; repeatable. The rows as read stay."
        ),
    ] = None,
    as_json: AsJson = False,
) -> Reply:
    """Import a file of labelled text as a data set."""
    from core.datasets.importing.prepare import guess_plan, prepare
    from core.datasets.readers.read_table import read_table
    from core.progress import SILENT
    from core.tasks import get_task

    if task is not None:
        get_task(task)
    steps = parsed_steps(repair or [])
    with opened_workspace(context) as workspace:
        files = {"main": file, "validation": validation, "test": test}
        tables = {
            part: read_table(
                path,
                encoding=encoding,
                delimiter=delimiter,
                sheet=sheet if part == "main" else None,
                missing=missing or (),
                **workspace.settings.reading_limits,
            )
            for part, path in files.items()
            if path is not None
        }
        plan = dataclasses.replace(guess_plan(tables["main"], task), seed=seed)
        if split_column is not None:
            plan = dataclasses.replace(plan, split_column=split_column)
        plan = dataclasses.replace(plan, group_column=group_column, time_column=time_column)
        plan = _with_roles(plan, text_column, label_column or [], role or [])
        prepared = prepare(tables, plan, progress=SILENT, **workspace.settings.import_limits)
        record = workspace.save_dataset(prepared, name or file.stem)
        repaired: dict[str, Any] = {}
        if steps:
            record, repaired = repair_import(workspace, record, steps)
        dataset = workspace.dataset(record.id)

    value = {
        "dataset": dataset.id,
        "name": record.name,
        "task": dataset.task,
        "num_examples": dict(dataset.num_examples),
        "labels": list(dataset.labels),
        "num_unlabelled": dataset.num_unlabelled,
        "num_records": prepared.account.num_records,
        "num_kept": prepared.account.kept,
        "num_set_aside": prepared.account.num_set_aside,
        "set_aside_by_kind": {str(kind): number for kind, number in prepared.account.by_kind.items()},
        "set_aside": [{**dataclasses.asdict(entry), "reason": entry.reason} for entry in prepared.set_aside[:20]],
        "notes": list(dataset.notes),
        "content_hash": dataset.content_hash,
        **repaired,
    }
    return answer(as_json, value, _summary(value))


def _with_roles(plan: "ImportPlan", text_column: str | None, label_columns: list[str], others: list[str]) -> "ImportPlan":
    """The plan with the columns the user named in place of detected ones; a task's first two roles are text and labels."""
    from core.datasets.columns import column_reading
    from core.tasks import get_task

    task = get_task(plan.task)
    known = [declared.name for declared in column_reading(task).ROLES]
    chosen: dict[str, list[str]] = {}
    if text_column is not None:
        chosen[known[0]] = [text_column]
    if label_columns:
        chosen[known[1]] = label_columns
    for pair in others:
        role, _, column = pair.partition("=")
        if role not in known or not column:
            raise DatasetError(f"--role {shown(pair)} is not of the form ROLE=COLUMN; roles of this task are {', '.join(known)}.")
        chosen.setdefault(role, []).append(column)
    return dataclasses.replace(plan, roles={**plan.roles, **{role: tuple(columns) for role, columns in chosen.items()}})


def _summary(value: dict[str, object]) -> str:
    from core.tasks import Reason

    counts, labels = value["num_examples"], value["labels"]
    assert isinstance(counts, dict)
    assert isinstance(labels, list)
    lines = [
        f"Data set {value['name']} ({value['dataset']}): {value['task']}, {len(labels)} labels, "
        + ", ".join(f"{count:,} {split}" for split, count in counts.items())
        + "."
    ]
    by_kind = value["set_aside_by_kind"]
    assert isinstance(by_kind, dict)
    if by_kind:
        lines.append(
            f"{value['num_records']:,} records read: {value['num_kept']:,} kept, {value['num_set_aside']:,} skipped. "
            "The Data page lists them."
        )
        lines += [f"  {number:,}: {Reason(kind).sentence}" for kind, number in by_kind.items()]
    notes = value["notes"]
    assert isinstance(notes, list)
    notes = [*notes, f"To check it for problems: python -m core check {value['dataset']}"]
    return "\n".join(one_line(line) for line in [*lines, *notes])
