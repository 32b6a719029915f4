"""Ids of data sets and runs: short, in the order of their making, and safe as the name of a folder."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from core.files import durable

_ALPHABET = "abcdefghjkmnpqrstvwxyz23456789"


def new_id() -> str:
    """A new id such as ``20260301-142530-k3fpq``: the time in UTC, then five characters drawn at random.

    Two drawn in the same second may be the same; ``new_folder`` makes sure that only one of them is used.
    """
    drawn = "".join(secrets.choice(_ALPHABET) for _ in range(5))
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{drawn}"


def new_folder(root: Path, make: Callable[[Path], object] | None = None) -> Path:
    """Make a folder named by an id that nothing else in ``root`` has, not even what another process makes at this moment.

    Args:
        root: where it is to lie.
        make: makes the folder, empty unless given; must raise ``FileExistsError``, and touch nothing, where there is one already.

    Raises:
        OSError: it cannot be made there.
    """
    make = make or partial(durable.make_folder, exist_ok=False)
    while True:
        folder = root / new_id()
        try:
            make(folder)
        except FileExistsError:
            continue
        return folder
