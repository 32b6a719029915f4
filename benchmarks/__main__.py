"""``python -m benchmarks quality``, ``speed``, ``launching``, ``pages`` …: see ``--help``."""

import sys

from benchmarks import checking, crowded, launching, pages, reading, repairing, speed, uneven  # noqa: F401  (they add their commands)
from benchmarks.quality import app

sys.exit(app())
