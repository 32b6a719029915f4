"""``python -m core``: Tuneboard on the command line."""

import sys

from core.cli import main

if __name__ == "__main__":
    # Names and texts in every script must come out whatever the terminal's locale says.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]  # both are text files here
    sys.exit(main())
