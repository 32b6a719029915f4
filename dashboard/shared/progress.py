"""A progress bar for longer work."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from core.progress import Progress

_PAUSE_S = 0.1


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar on the page while the work runs; work that takes under 0.1 s shows none."""
    place = st.empty()
    shown_at = time.monotonic()

    def show(share: float, doing: str) -> None:
        nonlocal shown_at
        now = time.monotonic()
        if now - shown_at >= _PAUSE_S:
            shown_at = now
            place.progress(min(1.0, max(0.0, share)), text=f"{doing}…")

    try:
        yield show
    finally:
        place.empty()
