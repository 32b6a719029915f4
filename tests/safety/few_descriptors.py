"""The dashboard as `python -m dashboard` starts it, in a process that may have few files and connections open."""

import resource
import sys

from dashboard.__main__ import main

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))
    sys.exit(main())
