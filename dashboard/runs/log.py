"""The end of a run's log, as it is shown to a person."""

from collections.abc import Sequence

from core.files.text_patterns import LOG_ENTRY

_TRACEBACK = "Traceback (most recent call last):"
_FORESEEN = "core.errors."


def readable_tail(lines: Sequence[str], num_lines: int) -> list[str]:
    """The last lines of a log, without the traceback of a failure that was foreseen, since a sentence says all of it.

    A traceback that nobody foresaw stays: the page asks its reader to report it.

    Args:
        lines: the end of the log; its first entry may lack its beginning.
        num_lines: how many are wanted.
    """
    entries: list[list[str]] = [[]]
    for line in lines:
        if LOG_ENTRY.match(line):
            entries.append([])
        entries[-1].append(line)
    shown = [line for entry in entries if not _is_foreseen_traceback(entry) for line in entry]
    return shown[-num_lines:]


def _is_foreseen_traceback(entry: Sequence[str]) -> bool:
    is_traceback = any(line.endswith(_TRACEBACK) or line.startswith('  File "') for line in entry)
    return is_traceback and any(line.startswith(_FORESEEN) for line in entry)
