"""``predict``: labels for new texts from the model of a run."""

from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.answers import AsJson, Reply, RunArgument, answer, one_line, opened_workspace
from core.errors import InputFileError, RunError, UserError
from core.files.safe_path import has_content
from core.runs.store.records import RunRecord, RunState
from core.text_format import shown
from core.workspace.workspace import Workspace


def predict(
    context: typer.Context,
    run: RunArgument,
    texts: Annotated[list[str] | None, typer.Argument(metavar="TEXT…", help="Texts to label.")] = None,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="File whose texts are labelled.")] = None,
    text_column: Annotated[str | None, typer.Option(help="Column with the texts; auto-detected unless given.")] = None,
    unlabelled: Annotated[bool, typer.Option("--unlabelled", help="Label the unlabelled rows of the run's data set.")] = False,
    as_json: AsJson = False,
) -> Reply:
    """Label new texts with the model of a run."""
    if unlabelled and (texts or file is not None):
        raise UserError("Give either texts, --file or --unlabelled, not several of them.")
    if text_column is not None and file is None:
        raise UserError("--text-column applies to files only. Name the file with --file, or leave --text-column out.")
    with opened_workspace(context) as workspace:
        record = workspace.run(run)
        inputs, set_aside = (
            _unlabelled(workspace, record) if unlabelled else _inputs(workspace, record, texts or [], file, text_column)
        )
        model_folder = _model_folder(workspace, record)
        from core.inference import Predictor

        predictions = Predictor.load(model_folder).predict([given["text"] for given in inputs])
    labelled = [{**given, **prediction} for given, prediction in zip(inputs, predictions, strict=True)]
    value = {"run": record.id, "task": record.task, "predictions": labelled, "set_aside": set_aside}
    return answer(as_json, value, "\n".join(_line(prediction) for prediction in labelled))


def _inputs(
    workspace: Workspace, record: RunRecord, texts: list[str], file: Path | None, text_column: str | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Texts to label, each with its record number if it comes from a file, and the skipped records without a text."""
    if bool(texts) == (file is not None):
        raise UserError("Give either texts, --file or --unlabelled, as in: predict RUN 'my card was stolen'.")
    if file is None:
        return [{"text": text} for text in texts], []
    from core.datasets.readers.read_table import read_table
    from core.text_format import quoted

    rows = read_table(file, **{**workspace.settings.reading_limits, "max_rows": None}).rows  # any number can be labelled
    column = text_column or _guess_text_column(record, rows)
    if column not in rows.columns:
        raise InputFileError(
            f"{file.name!r} has no column {shown(column)}; it has {quoted(rows.columns)}. Name one with --text-column."
        )
    records = list(zip(rows.index.tolist(), rows[column].tolist(), strict=True))
    set_aside = [{"record": number, "reason": f"Column {shown(column)} is empty."} for number, text in records if text is None]
    return [{"record": number, "text": text} for number, text in records if text is not None], set_aside


def _unlabelled(workspace: Workspace, record: RunRecord) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The unlabelled rows of the run's data set."""
    pool = workspace.dataset(record.dataset_id).unlabelled()
    if pool.empty:
        raise UserError(f"The data set of run {record.name!r} has no unlabelled rows. Give texts, or --file.")
    return [{"record": int(number), "text": text} for number, text in pool[["record", "text"]].itertuples(index=False)], []


def _guess_text_column(record: RunRecord, rows: Any) -> str:
    """The only column, the one that the run's task detects as text, or the one called ``text``."""
    from core.datasets.columns import column_reading
    from core.tasks import TASKS, get_task

    if len(rows.columns) == 1:
        return str(rows.columns[0])
    for task in (get_task(record.task), *TASKS.values()):
        guessed = column_reading(task).guess_roles(rows).get("text")
        if guessed:
            return guessed[0]
    return "text"


def _model_folder(workspace: Workspace, record: RunRecord) -> Path:
    run_dir = workspace.run_dir(record.id)
    if record.state is RunState.SUCCEEDED and run_dir.model.is_dir():
        return run_dir.model
    run = f"Run {record.name!r}"
    if record.state is RunState.SUCCEEDED:
        raise RunError(f"The model of run {record.name!r} is missing from its folder. Launch the run again to recreate it.")
    if not record.state.is_final:
        raise RunError(f"{run} is {record.state} and has no finished model yet. Wait for it, or choose a run that has succeeded.")
    verb, option = ("finish", " --finish") if has_content(run_dir.checkpoints) else ("resume", "")
    raise RunError(
        f"{run} ended early ({record.state}) and has no finished model. "
        f"Choose a run that has succeeded, or {verb} this one with 'python -m core resume {record.id}{option}'."
    )


def _line(prediction: dict[str, Any]) -> str:
    """A prediction on one line: what was found, then the text."""
    if "entities" in prediction:
        found = "; ".join(f"{entity['type']}: {entity['text']}" for entity in prediction["entities"]) or "–"
    elif "labels" in prediction:
        found = ", ".join(prediction["labels"]) or "–"
    else:
        found = f"{prediction['label']} ({prediction['probability']:.2f})"
    return one_line(f"{found}\t{prediction['text']}".replace("\t", "   "))
