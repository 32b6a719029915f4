"""The one check that a path stays where it belongs."""

from pathlib import Path

from core.errors import NotFoundError

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
