"""``python -m benchmarks quality --data FOLDER``: see ``--help``."""

import sys

from benchmarks.quality import app

sys.exit(app())
