"""``python -m core.runs.worker``: the process that carries out one run."""

import sys

from core.runs.worker.worker import main

if __name__ == "__main__":
    sys.exit(main())
