"""Paths that stay inside their root, non-empty folders, and writable folders."""

import errno
import tempfile
from pathlib import Path

from core.errors import NotFoundError, UserError
from core.files.durable import make_folder

_LONGEST_NAME = 255


def inside(root: Path, *parts: str) -> Path:
    """Join parts to a path below a root.

    Raises:
        NotFoundError: the path is the root itself or outside of it, by ``..``, an absolute path or a link.
    """
    root = root.resolve()
    try:
        path = root.joinpath(*parts).resolve()
    except (OSError, ValueError, RuntimeError):  # a NUL byte, a name that is too long, a loop of links
        path = root
    if path == root or not path.is_relative_to(root) or len(path.name) > _LONGEST_NAME:
        raise NotFoundError(
            f"{'/'.join(parts)[:80]!r} does not exist in this workspace. Choose it from a list, or check the link."
        )
    return path


def has_content(folder: Path) -> bool:
    """Whether a folder exists and contains anything that is not hidden."""
    try:
        return any(not entry.name.startswith(".") for entry in folder.iterdir())
    except OSError:
        return False


def expanded(path: str) -> Path:
    """A path with ``~`` expanded to the home folder; unchanged if that user does not exist."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def is_folder(path: Path) -> bool:
    """Whether a path is a folder; ``False`` for invalid paths."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def make_folders(home: Path, *below: Path) -> None:
    """Create the missing folders of a workspace, and check that each is writable.

    Raises:
        UserError: a folder is not writable.
    """
    try:
        for folder in (home, *below):
            make_folder(folder)
            check_writable(folder)
    except OSError as error:
        raise UserError(
            f"The workspace {home} is not writable ({error.strerror}). "
            "Give this user write access, or set TUNEBOARD_HOME to another folder."
        ) from None


def check_writable(folder: Path) -> None:
    """Check that this process can create files in a folder; free disk space is not checked.

    Raises:
        OSError: it cannot.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".writable-"):
            pass
    except OSError as error:
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise
