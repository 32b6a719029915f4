"""A cache of large results for the whole server, limited in age, number and bytes (LRU).

Streamlit's own caches cannot show progress while a value is computed.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import streamlit as st

T = TypeVar("T")

_MOST_BYTES = 256 * 2**20
_MOST_ENTRIES = 8
_KEPT_S = 1800.0


@dataclass
class _Entry:
    value: Any
    size: int
    used_at: float


@dataclass
class _Shelf:
    """Values by key, least recently used first."""

    entries: OrderedDict[Hashable, _Entry] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)


def kept(key: Hashable, make: Callable[[], T], size: Callable[[T], int]) -> T:
    """The cached value of a key, computed if it is missing; errors are not cached.

    Args:
        key: identifies everything the value depends on.
        make: computes it; may draw on the page.
        size: how many bytes the value takes; older entries are evicted to make room.
    """
    shelf = _shelf()
    now = time.monotonic()
    with shelf.lock:
        for old in [old for old, entry in shelf.entries.items() if now - entry.used_at > _KEPT_S]:
            del shelf.entries[old]
        if (entry := shelf.entries.get(key)) is not None:
            entry.used_at = now
            shelf.entries.move_to_end(key)
            value: T = entry.value
            return value
    made = make()
    with shelf.lock:
        shelf.entries[key] = _Entry(made, size(made), time.monotonic())
        shelf.entries.move_to_end(key)
        while len(shelf.entries) > _MOST_ENTRIES or (
            len(shelf.entries) > 1 and sum(entry.size for entry in shelf.entries.values()) > _MOST_BYTES
        ):
            shelf.entries.popitem(last=False)
    return made


def forget(concerns: Callable[[Hashable], bool]) -> None:
    """Remove the values of some keys.

    Args:
        concerns: whether a key is to be removed.
    """
    shelf = _shelf()
    with shelf.lock:
        for key in [key for key in shelf.entries if concerns(key)]:
            del shelf.entries[key]


@st.cache_resource(show_spinner=False)
def _shelf() -> _Shelf:
    return _Shelf()
