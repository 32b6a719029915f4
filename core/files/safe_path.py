"""Paths that stay inside their root, folders with something in them, and folders that can be written to."""

import errno
import tempfile
from pathlib import Path

from core.errors import NotFoundError, UserError
from core.files.durable import make_folder

_LONGEST_NAME = 255


def inside(root: Path, *parts: str) -> Path:
    """The path of these parts below a root.

    Raises:
        NotFoundError: they lead to the root itself or out of it, by ``..``, an absolute path or a link.
    """
    root = root.resolve()
    try:
        path = root.joinpath(*parts).resolve()
    except (OSError, ValueError, RuntimeError):  # a NUL byte, a name too long, a circle of links
        path = root
    if path == root or not path.is_relative_to(root) or len(path.name) > _LONGEST_NAME:
        raise NotFoundError(
            f"{'/'.join(parts)[:80]!r} names nothing in this workspace. Choose it from a list, or check the link."
        )
    return path


def has_content(folder: Path) -> bool:
    """Whether a folder is there and holds anything that is not hidden."""
    try:
        return any(not entry.name.startswith(".") for entry in folder.iterdir())
    except OSError:
        return False


def expanded(path: str) -> Path:
    """A path with the home folder in place of ``~``; as it was written where nobody has that home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def is_folder(path: Path) -> bool:
    """Whether a path leads to a folder; one that no folder can have, for its length or its letters, does not."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def make_folders(home: Path, *below: Path) -> None:
    """Make the folders of a workspace where they are not there yet, and see that each can be written to.

    Raises:
        UserError: one cannot.
    """
    try:
        for folder in (home, *below):
            make_folder(folder)
            check_writable(folder)
    except OSError as error:
        raise UserError(
            f"The workspace {home} cannot be written to ({error.strerror}). "
            "Give this user write access, or set TUNEBOARD_HOME to another folder."
        ) from None


def check_writable(folder: Path) -> None:
    """Make sure that files can be made in a folder, now, by this process; whether there is room for them is another matter.

    Raises:
        OSError: they cannot.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".writable-"):
            pass
    except OSError as error:
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise
