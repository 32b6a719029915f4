"""Protection against CSV injection: cells that no spreadsheet program runs as formulas.

A program splits a file at the separator of its own locale: one that expects semicolons reads ``"a","x;=cmd()"`` as the cells
``a,"x`` and ``=cmd()``, with or without quotes, and one that does not expect a quote ends the row at a line break inside a cell.
So a cell must be harmless at its start and after every character that could end a cell.

Source: OWASP, "CSV Injection".
"""

from collections.abc import Iterator
from typing import Any

from core.files.text_patterns import FORMULA_SIGN

_ENDS = ";\t\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029"
"""Characters that could end a cell or a row, in addition to the file's own separator, which is quoted."""
_LOST = ("\t", "\r", "\n", "\x00")
"""Characters that some programs strip from the start of a cell before they interpret it."""


def guarded(cell: Any, *, separators: str = "") -> Any:
    """A cell with an apostrophe before everything that could become a formula; values other than text stay unchanged.

    Args:
        cell: of a table.
        separators: further characters at which a program could split the file, in addition to semicolons, tabs and line breaks.
    """
    if not isinstance(cell, str):
        return cell
    places = list(_formula_starts(cell, _ENDS + separators))
    if cell.startswith(_LOST) and 0 not in places:
        places.insert(0, 0)
    pieces = [cell[begin:end] for begin, end in zip([0, *places], [*places, len(cell)], strict=True)]
    return "'".join(pieces)


def _formula_starts(cell: str, ends: str) -> Iterator[int]:
    """Positions where a formula would start if a cell ended at any of these characters; linear in the length of the cell."""
    for match in FORMULA_SIGN.finditer(cell):
        place = match.start() - 1
        while place >= 0 and cell[place] not in ends and _is_skipped(cell[place]):
            place -= 1
        if place < 0 or cell[place] in ends:
            yield match.start()


def _is_skipped(letter: str) -> bool:
    """Whether a program may ignore a character at the start of a cell: quotes, spaces and invisible characters."""
    return letter == '"' or letter.isspace() or not letter.isprintable()
