"""Ids of data sets and runs: short, sorted by creation time, and safe as the name of a folder."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from core.files import durable

_ALPHABET = "abcdefghjkmnpqrstvwxyz23456789"


def new_id() -> str:
    """A new id such as ``20260301-142530-k3fpq``: the time in UTC, then five random characters.

    Two ids of the same second may be equal; ``new_folder`` makes sure that only one of them is used.
    """
    drawn = "".join(secrets.choice(_ALPHABET) for _ in range(5))
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{drawn}"


def new_folder(root: Path, make: Callable[[Path], object] | None = None) -> Path:
    """Create a folder named by an id that is unique in ``root``, also if another process creates one at the same time.

    Args:
        root: parent folder.
        make: creates the folder, empty unless given; must raise ``FileExistsError``, and change nothing, if it exists already.

    Raises:
        OSError: it cannot be created there.
    """
    make = make or partial(durable.make_folder, exist_ok=False)
    while True:
        folder = root / new_id()
        try:
            make(folder)
        except FileExistsError:
            continue
        return folder
