"""Ids of data sets and runs: short, in the order of their making, and safe as the name of a folder."""

import secrets
from datetime import UTC, datetime

_ALPHABET = "abcdefghjkmnpqrstvwxyz23456789"


def new_id() -> str:
    """A new id such as ``20260301-142530-k3fpq``: the time in UTC, then five characters drawn at random."""
    drawn = "".join(secrets.choice(_ALPHABET) for _ in range(5))
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{drawn}"
