"""``python -m core``: Tuneboard on the command line."""

import os
import sys
from io import TextIOWrapper

from core.cli import main


def _run() -> int:
    for stream in (sys.stdout, sys.stderr):
        # Names and texts in any script must be printed, whatever the terminal's locale is.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the output has exited, as in `python -m core runs | head`; Python's own last flush must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


if __name__ == "__main__":
    sys.exit(_run())
