"""``backup`` and ``restore``: a workspace in one file, to keep it safe or to move it to another machine."""

from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.answers import AsJson, Reply, answer, opened_workspace, remark
from core.config.settings import Settings
from core.workspace.backup_format import DATASETS, RUNS, Manifest


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Target: a zip if the name ends in .zip, a folder otherwise.")],
    checkpoints: Annotated[
        bool,
        typer.Option(
            "--with-checkpoints/--without-checkpoints", help="Include checkpoints, so that unfinished runs can be resumed."
        ),
    ] = True,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it is an earlier backup.")] = False,
    as_json: AsJson = False,
) -> Reply:
    """Back up the workspace to one file or folder. Runs can continue meanwhile."""
    from core.workspace.backup import back_up

    with opened_workspace(context) as workspace:
        manifest = back_up(workspace.settings, file, with_checkpoints=checkpoints, replace=force, progress=remark)
    value = {"file": str(file), **_fields(manifest)}
    return answer(as_json, value, f"{_in_words(manifest)} written to {file}.")


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A zip or folder that 'backup' wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a workspace that is not empty; its content is kept in a subfolder.")
    ] = False,
    as_json: AsJson = False,
) -> Reply:
    """Restore a backup into the workspace, which must be empty and not in use."""
    from core.workspace.restore import restore as put_back

    settings = context.obj.settings or Settings.from_environment()
    manifest, before = put_back(settings, file, replace=replace, progress=remark)
    with opened_workspace(context):
        pass  # it opens, or says why not
    value = {"home": str(settings.home), "kept": None if before is None else str(before), **_fields(manifest)}
    kept = "" if before is None else f" The previous content is in {before}."
    return answer(as_json, value, f"{_in_words(manifest)} restored to {settings.home}.{kept}")


def _fields(manifest: Manifest) -> dict[str, Any]:
    return {
        "num_datasets": manifest.count(DATASETS),
        "num_runs": manifest.count(RUNS),
        "num_files": len(manifest.files),
        "bytes": manifest.size,
        "with_checkpoints": manifest.with_checkpoints,
        "created_at": manifest.created_at,
    }


def _in_words(manifest: Manifest) -> str:
    mib = manifest.size / 2**20
    return f"{manifest.count(DATASETS):,} data sets and {manifest.count(RUNS):,} runs, {mib:,.1f} MiB,"
