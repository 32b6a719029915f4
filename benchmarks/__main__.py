"""``python -m benchmarks quality --data FOLDER``, ``python -m benchmarks launching``: see ``--help``."""

import sys

from benchmarks import launching, speed  # noqa: F401  (they add their commands)
from benchmarks.quality import app

sys.exit(app())
