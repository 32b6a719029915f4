"""``python -m benchmarks quality``, ``speed``, ``launching``, ``pages`` …: see ``--help``."""

import sys

from benchmarks import (  # noqa: F401  (importing them registers their commands)
    announced,
    checking,
    crowded,
    launching,
    memory,
    packages,
    pages,
    reading,
    repairing,
    speed,
    uneven,
    words,
)
from benchmarks.quality import app

sys.exit(app())
