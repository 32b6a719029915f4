"""Cells of text files that no spreadsheet program runs as formulas.

A program takes a file apart at the separator of its own language: one that expects semicolons sees ``"a","x;=cmd()"`` as the
cells ``a,"x`` and ``=cmd()``, quotes or not, and one that does not expect a quote ends the row at a line end inside a cell. So a
cell must be harmless at its start and after everything that could end one.

Source: OWASP, "CSV Injection".
"""

from collections.abc import Iterator
from typing import Any

from core.files.text_patterns import FORMULA_SIGN

_ENDS = ";\t\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029"
"""What could end a cell or a row, beside the file's own separator, which the quotes keep."""
_LOST = ("\t", "\r", "\n", "\x00")
"""What some programs drop from the start of a cell before they look what it is."""


def guarded(cell: Any, *, separators: str = "") -> Any:
    """A cell with an apostrophe before everything in it that could become a formula; what is no text stays as it is.

    Args:
        cell: of a table.
        separators: at which a program could take the file apart beside semicolons, tabs and line ends.
    """
    if not isinstance(cell, str):
        return cell
    places = list(_formula_starts(cell, _ENDS + separators))
    if cell.startswith(_LOST) and 0 not in places:
        places.insert(0, 0)
    pieces = [cell[begin:end] for begin, end in zip([0, *places], [*places, len(cell)], strict=True)]
    return "'".join(pieces)


def _formula_starts(cell: str, ends: str) -> Iterator[int]:
    """Where a formula would start if a cell ended at any of these. Linear: no letter is looked back at for two starts."""
    for match in FORMULA_SIGN.finditer(cell):
        place = match.start() - 1
        while place >= 0 and cell[place] not in ends and _is_skipped(cell[place]):
            place -= 1
        if place < 0 or cell[place] in ends:
            yield match.start()


def _is_skipped(letter: str) -> bool:
    """Whether a program may not count a letter as part of a cell: quotes, blanks and what is not seen."""
    return letter == '"' or letter.isspace() or not letter.isprintable()
