"""What a run that has ended should have left in its folder, and has not, or not any more."""

from core.errors import UserError
from core.files.safe_path import has_content
from core.runs.directory.run_dir import RunDir
from core.runs.store.records import RunState


def missing_parts(run_dir: RunDir, state: RunState) -> list[str]:
    """A sentence for each part that is gone or cannot be read, and what is lost with it; nothing where all is well.

    Args:
        run_dir: of a run that has ended.
        state: how it ended.
    """
    if not run_dir.folder.is_dir():
        return [
            "The folder of this run is gone, and with it everything it wrote; figures still shown here are remembered until the "
            "server is restarted. Put the folder back, or delete the run."
        ]
    found = []
    if not has_config(run_dir):
        found.append(
            "The config of this run is gone or damaged (config.yaml), so it cannot be resumed or trained again with changes."
        )
    if state is RunState.SUCCEEDED:
        if run_dir.result() is None:
            found.append("The result of this run is gone or damaged (result.json), so its scores cannot be shown.")
        if not has_content(run_dir.model):
            found.append(
                "The model of this run is gone, so nothing can be predicted with it. Launch the run again to have it back."
            )
    return found


def has_config(run_dir: RunDir) -> bool:
    """Whether the config of a run is there and can be read; without it nothing can be done with the run any more."""
    try:
        run_dir.config()
    except (OSError, ValueError, UserError):
        return False
    return True
