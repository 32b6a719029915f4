"""``runs``, ``show`` and ``queue``: listing runs, showing one, and managing the queue."""

from typing import Annotated, Any

import typer

from core.cli.answers import AsJson, Reply, RunArgument, answer, duration_in_words, one_line, opened_workspace, run_fields, table
from core.errors import UserError
from core.runs.store.queue import QueueMove
from core.runs.store.records import RunRecord
from core.workspace.workspace import Workspace

_NO_SCHEDULER = "No scheduler is running, so it does not start. Start the dashboard, or use 'train' or 'resume'."


def list_runs(context: typer.Context, as_json: AsJson = False) -> Reply:
    """List all runs, newest first."""
    with opened_workspace(context) as workspace:
        workspace.settle()
        names = {record.id: record.name for record in workspace.dataset_records()}
        records = workspace.runs()
        value = {"runs": [_all_fields(workspace, record) for record in records]}
    rows = [
        [
            record.id,
            record.name,
            record.state,
            names.get(record.dataset_id, record.dataset_id),
            record.model,
            _headline(record),
            duration_in_words(record.duration_s),
        ]
        for record in records
    ]
    header = ["RUN", "NAME", "STATUS", "DATA SET", "MODEL", "RESULT", "DURATION"]
    return answer(
        as_json, value, table(header, rows) if rows else "There are no runs yet. Start one with 'python -m core train'."
    )


def show(context: typer.Context, run: RunArgument, as_json: AsJson = False) -> Reply:
    """Show a run's status and results."""
    with opened_workspace(context) as workspace:
        workspace.settle()
        record = workspace.run(run)
        result = workspace.run_dir(record.id).result() or {}
        value = {**_all_fields(workspace, record), **result}
        dataset_name = workspace.dataset_record(record.dataset_id).name
    lines = [
        f"{one_line(record.name)} ({record.id}): {record.state}",
        *([one_line(record.message)] if record.message else []),
        f"Data set {one_line(dataset_name)}, model {one_line(record.model)}, recipe {one_line(record.recipe)}",
        f"Duration {duration_in_words(record.duration_s)}",
        f"Folder {value['run_dir']}",
        *_scores(record, result),
    ]
    return answer(as_json, value, "\n".join(lines))


def _all_fields(workspace: Workspace, record: RunRecord) -> dict[str, Any]:
    times = {name: getattr(record, name) for name in ("created_at", "started_at", "finished_at")}
    return {
        **run_fields(workspace, record),
        "task": record.task,
        "dataset_id": record.dataset_id,
        "model_reference": record.model,
        "recipe": record.recipe,
        "tags": list(record.tags),
        **{name: None if moment is None else moment.isoformat() for name, moment in times.items()},
    }


def _headline(record: RunRecord) -> str:
    return "–" if record.headline is None else f"{record.headline_name} {record.headline:.3f}"


def _scores(record: RunRecord, result: dict[str, Any]) -> list[str]:
    """The test scores, one line for each."""
    if not result:
        return []
    from core.tasks import get_task

    try:
        scores = {name: float(value) for name, value in get_task(record.task).flat_scores(result["splits"]["test"]).items()}
    except (UserError, LookupError, TypeError, ValueError, AttributeError):
        return ["", "The scores cannot be shown: result.json was changed or damaged. Restore the file, or train again."]
    return ["", "On the test split:", *(f"  {name:20} {value:.4f}" for name, value in scores.items())]


def queue(
    context: typer.Context,
    move: Annotated[
        str | None, typer.Option(metavar="RUN", help="Move a queued run to another place; see --to.", show_default=False)
    ] = None,
    to: Annotated[
        QueueMove | None, typer.Option(help="Where to move it: first, up, down or last; first unless given.", show_default=False)
    ] = None,
    pause: Annotated[
        bool | None, typer.Option("--pause/--go-on", help="Pause the queue, so that no further run starts, or resume it.")
    ] = None,
    at_once: Annotated[
        int | None, typer.Option(metavar="N", help="How many runs may train at the same time; 0 means one for each device.")
    ] = None,
    as_json: AsJson = False,
) -> Reply:
    """Show the queue and why each run waits; change its order, pause or resume it, or set how many runs train at once."""
    if to is not None and move is None:
        raise UserError("--to needs a run to move. Name the run with --move, or leave --to out.")
    with opened_workspace(context) as workspace:
        workspace.settle()
        desk = workspace.desk
        if move is not None:
            desk.move(move, to or "first")
        if pause is not None:
            desk.pause(pause)
        if at_once is not None:
            desk.set_at_once(at_once or None)
        working = workspace.store.running()
        paused, allowed, is_looked_after = desk.switches().paused, desk.at_once(), desk.is_looked_after()
        tells = desk.waits_for if paused or is_looked_after else lambda _: _NO_SCHEDULER
        waiting = [(run, tells(run)) for run in workspace.queue()]
    value = {
        "paused": paused,
        "at_once": allowed,
        "is_looked_after": is_looked_after,
        "running": [run.id for run in working],
        "waiting": [{"run": run.id, "name": run.name, "waits_for": reason} for run, reason in waiting],
    }
    head = f"{'Paused' if paused else 'Open'}, {allowed} at once; {len(working)} running, {len(waiting)} queued."
    rows = [[str(place), run.id, run.name, reason] for place, (run, reason) in enumerate(waiting, start=1)]
    listed = ["", table(["PLACE", "RUN", "NAME", "WAITS FOR"], rows)] if rows else []
    return answer(as_json, value, "\n".join([head, *listed]))
