"""The end of a run's log, as it is displayed."""

from collections.abc import Sequence

from core.files.text_patterns import LOG_ENTRY

_TRACEBACK = "Traceback (most recent call last):"
_EXPECTED_ERROR = "core.errors."


def readable_tail(lines: Sequence[str], num_lines: int) -> list[str]:
    """The last lines of a log, without tracebacks of expected errors, whose message says everything.

    Tracebacks of unexpected errors stay: the page asks the user to report them.

    Args:
        lines: the end of the log; its first entry may be incomplete.
        num_lines: how many lines to return.
    """
    entries: list[list[str]] = [[]]
    for line in lines:
        if LOG_ENTRY.match(line):
            entries.append([])
        entries[-1].append(line)
    shown = [line for entry in entries if not _is_expected_traceback(entry) for line in entry]
    return shown[-num_lines:]


def _is_expected_traceback(entry: Sequence[str]) -> bool:
    is_traceback = any(line.endswith(_TRACEBACK) or line.startswith('  File "') for line in entry)
    return is_traceback and any(line.startswith(_EXPECTED_ERROR) for line in entry)
