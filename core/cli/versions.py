"""``repair``, ``versions`` and ``export``: repairing a data set, its history, and exporting it to a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.answers import AsJson, Reply, answer, one_line, opened_workspace, table
from core.errors import DatasetError, UserError
from core.runs.store.records import DatasetRecord
from core.workspace.workspace import Workspace

if TYPE_CHECKING:
    from core.datasets.repairs import RepairStep
    from core.datasets.versions.draft import Draft

DatasetArgument = Annotated[str, typer.Argument(metavar="DATASET", help="Id or name of the data set.")]


def parsed_steps(written: list[str]) -> "list[RepairStep]":
    """Repairs as they were written on the command line."""
    from core.datasets.repairs import parse_step

    return [parse_step(one) for one in written]


def repair(
    context: typer.Context,
    dataset: Annotated[str | None, typer.Argument(metavar="DATASET", help="Id or name of the data set.")] = None,
    repairs: Annotated[
        list[str] | None,
        typer.Option(
            "--repair",
            metavar="NAME",
            help="NAME, NAME:parameter=value;parameter=value or NAME:{JSON}; repeatable, applied in this order.",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the new version; numbered unless given.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Only show what would change.")] = False,
    show_list: Annotated[bool, typer.Option("--list", help="List all repairs with their parameters.")] = False,
    as_json: AsJson = False,
) -> Reply:
    """Create a repaired version of a data set. The data set itself stays unchanged."""
    if show_list:
        return _list_repairs(as_json)
    if dataset is None or not repairs:
        raise UserError("Name a data set and at least one repair, as in: repair tickets --repair strip_whitespace.")
    from core.workspace import dataset_versions

    steps = parsed_steps(repairs)
    with opened_workspace(context) as workspace:
        record = workspace.dataset_record(dataset)
        draft = dataset_versions.draft(workspace, record.id, steps)
        value = {"parent": record.id, **draft_fields(draft)}
        if not dry_run:
            made = dataset_versions.save(workspace, draft, name=name)
            value |= {"dataset": made.id, "name": made.name, "version": workspace.dataset(made.id).version}
    head = "Nothing was saved. This is what would change:" if dry_run else f"Data set {value['name']} ({value['dataset']}):"
    return answer(as_json, value, "\n".join([one_line(head), *_lines(draft)]))


def repair_import(workspace: Workspace, record: DatasetRecord, steps: "list[RepairStep]") -> tuple[DatasetRecord, dict[str, Any]]:
    """Repair a data set that was just imported. The repaired version takes its name; the rows as read get another name.

    Returns:
        The repaired version, and its fields of the answer.

    Raises:
        UserError: the repairs cannot be applied; then the imported data set is deleted.
    """
    from core.workspace import dataset_versions

    try:
        draft = dataset_versions.draft(workspace, record.id, steps)
        fields = draft_fields(draft)
        if not draft.changes_anything:
            return record, fields
        as_read = workspace.rename_dataset(record.id, f"{record.name[:100]} as read")
        made = dataset_versions.save(workspace, draft, name=record.name)
    except UserError:
        workspace.delete_dataset(record.id)
        raise
    return made, {**fields, "as_read": {"dataset": as_read.id, "name": as_read.name}}


def draft_fields(draft: "Draft") -> dict[str, Any]:
    """Fields about repairs that every answer has."""
    return {
        "repairs": [
            {
                "repair": step.repair,
                "title": step.title,
                "parameters": dict(step.parameters),
                "num_changed": step.num_changed,
                "num_removed": step.num_removed,
                "notes": list(step.notes),
            }
            for step in draft.steps
        ],
        "num_changed": len(draft.compared.changed),
        "num_removed": len(draft.compared.removed),
        "num_examples": draft.num_examples,
        "test_changed": draft.changes_test,
    }


def _lines(draft: "Draft") -> list[str]:
    lines = [f"  {step.line}." for step in draft.steps]
    lines += [f"  {note}" for step in draft.steps for note in step.notes]
    if draft.changes_test:
        lines.append("  The test split has changed, so scores before and after cannot be compared.")
    return [one_line(line) for line in lines]


def _list_repairs(as_json: bool) -> Reply:
    from core.datasets.repairs import REPAIRS

    value = {
        "repairs": [
            {
                "repair": one.name,
                "title": one.title,
                "help": one.help,
                "parameters": [
                    {
                        "name": parameter.name,
                        "kind": parameter.kind,
                        "help": parameter.help,
                        "default": parameter.default,
                        "choices": list(parameter.choices),
                    }
                    for parameter in one.parameters
                ],
            }
            for one in REPAIRS.values()
        ]
    }
    lines = []
    for one in REPAIRS.values():
        lines += [f"{one.name}: {one.title}. {one.help}"]
        lines += [
            f"    {parameter.name}: {parameter.help}"
            + (f" One of {', '.join(parameter.choices)}." if parameter.kind == "choice" else "")
            + (f" {parameter.default} unless given." if parameter.default not in (None, "", []) else "")
            for parameter in one.parameters
        ]
    return answer(as_json, value, "\n".join(lines))


def list_versions(context: typer.Context, dataset: DatasetArgument, as_json: AsJson = False) -> Reply:
    """Show the history of a data set: every version, what was changed, and which runs used it."""
    from core.workspace import dataset_versions

    with opened_workspace(context) as workspace:
        found = dataset_versions.versions(workspace, workspace.dataset_record(dataset).id)
        rows: list[dict[str, Any]] = [
            {
                "version": one.dataset.version,
                "dataset": one.record.id,
                "name": one.record.name,
                "parent": one.dataset.parent,
                "change": one.record.change,
                "num_examples": dict(one.dataset.num_examples),
                "test_hash": one.dataset.test_hash,
                "created_at": one.record.created_at.isoformat(),
                "runs": [run.name for run in workspace.runs_of_dataset(one.record.id)],
            }
            for one in found
        ]
        history = list(max(found, key=lambda one: one.dataset.version).dataset.changes)
    lines = [
        [
            str(row["version"]),
            row["name"],
            f"{sum(row['num_examples'].values()):,}",
            ", ".join(row["runs"]) or "–",
            row["change"] or "as imported",
        ]
        for row in rows
    ]
    text = table(["version", "name", "rows", "runs", "change"], lines)
    return answer(as_json, {"versions": rows, "history": history}, text)


def export_dataset(
    context: typer.Context,
    dataset: DatasetArgument,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="File to write; its extension sets the format unless --format does.")
    ],
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format", help="csv, tsv, excel, jsonl, json, parquet, arrow or conll (a zip with one file for each split)."
        ),
    ] = None,
    guard: Annotated[
        bool, typer.Option("--guard", help="For spreadsheets: an apostrophe before CSV cells that would run as formulas.")
    ] = False,
    columns: Annotated[bool, typer.Option("--columns", help="Also write the other columns of the imported file.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    as_json: AsJson = False,
) -> Reply:
    """Write a data set to a file that can be imported again."""
    from core.datasets.versions.export import FORMATS, export

    with opened_workspace(context) as workspace:
        opened = workspace.dataset(workspace.dataset_record(dataset).id)
        chosen = file_format or next(
            (name for name, one in FORMATS.items() if one.suffix == file.suffix.lower()), file.suffix.lstrip(".") or "csv"
        )
        if file.exists() and not force:
            raise DatasetError(f"The file {file.name!r} already exists. Choose another name, or replace it with --force.")
        content = export(opened, chosen, exact=not guard, with_columns=columns)
    try:
        file.write_bytes(content)
    except OSError as error:
        raise DatasetError(f"{file.name!r} cannot be written: {error.strerror or type(error).__name__}.") from None
    value = {"file": str(file), "format": chosen, "num_examples": sum(opened.num_examples.values()), "bytes": len(content)}
    return answer(as_json, value, f"{value['num_examples']:,} rows written to {file} as {FORMATS[chosen].title}.")
