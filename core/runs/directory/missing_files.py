"""Missing or damaged files in the folder of a run that has ended."""

from core.errors import UserError
from core.files.safe_path import has_content
from core.runs.directory.run_dir import RunDir
from core.runs.store.records import RunState


def missing_parts(run_dir: RunDir, state: RunState) -> list[str]:
    """A sentence for each part that is missing or cannot be read, and what is lost with it; empty if all is intact.

    Args:
        run_dir: of a run that has ended.
        state: how it ended.
    """
    if not run_dir.folder.is_dir():
        return [
            "The folder of this run is missing, and with it everything it wrote; metrics still shown here are cached until the "
            "server is restarted. Restore the folder, or delete the run."
        ]
    found = []
    if not has_config(run_dir):
        found.append(
            "The config of this run is missing or damaged (config.yaml), so it cannot be resumed or trained again with changes."
        )
    if state is RunState.SUCCEEDED:
        if run_dir.result() is None:
            found.append("The result of this run is missing or damaged (result.json), so its scores cannot be shown.")
        if not has_content(run_dir.model):
            found.append(
                "The model of this run is missing, so it cannot be used for predictions. Launch the run again to recreate it."
            )
    return found


def has_config(run_dir: RunDir) -> bool:
    """Whether the config of a run exists and can be read; without it the run can only be viewed or deleted."""
    try:
        run_dir.config()
    except (OSError, ValueError, UserError):
        return False
    return True
