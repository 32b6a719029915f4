"""Ragged arrays: rows of unequal length in one flat array, 4 bytes per number instead of about 40 in a Python list."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np


class RaggedRows(Sequence[np.ndarray]):
    """Whole numbers in rows of unequal length; can be used like a list of arrays.

    Args:
        values: all rows one after the other, int32, ``(total,)`` or ``(total, width)``.
        bounds: where each row begins and the last one ends, int64, ``(num_rows + 1,)``.
    """

    def __init__(self, values: np.ndarray, bounds: np.ndarray) -> None:
        self.values = values
        self.bounds = bounds

    @classmethod
    def of(cls, rows: Iterable[Sequence[int] | Sequence[Sequence[int]] | np.ndarray], *, width: int = 1) -> RaggedRows:
        """The same rows, each a list of numbers, or of groups of ``width`` numbers."""
        builder = RaggedBuilder(width)
        for row in rows:
            builder.append(row)
        return builder.built()

    @property
    def lengths(self) -> np.ndarray:
        """Length of each row, int64, ``(num_rows,)``."""
        return np.diff(self.bounds)

    def take(self, positions: np.ndarray) -> RaggedRows:
        """The rows at these positions, in this order."""
        lengths = self.lengths[positions]
        bounds = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
        places = np.repeat(self.bounds[positions] - bounds[:-1], lengths) + np.arange(bounds[-1])
        return RaggedRows(self.values[places], bounds)

    def tolist(self) -> list[list[int]]:
        """The rows as lists."""
        return [row.tolist() for row in self]

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @overload
    def __getitem__(self, place: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, place: slice) -> RaggedRows: ...

    def __getitem__(self, place: int | slice) -> np.ndarray | RaggedRows:
        if isinstance(place, slice):
            return self.take(np.arange(len(self))[place])
        place = range(len(self))[place]
        return self.values[self.bounds[place] : self.bounds[place + 1]]

    def __iter__(self) -> Iterator[np.ndarray]:
        for start, end in zip(self.bounds[:-1].tolist(), self.bounds[1:].tolist(), strict=True):
            yield self.values[start:end]


class RaggedBuilder:
    """Builds a ragged array row by row.

    Args:
        width: numbers in each entry of a row.
    """

    def __init__(self, width: int = 1) -> None:
        self._width = width
        self._values = array("i")
        self._bounds = array("q", [0])

    def append(self, row: Sequence[int] | Sequence[Sequence[int]] | np.ndarray) -> None:
        """Add a row."""
        if self._width == 1:
            self._values.extend(row)  # type: ignore[arg-type]  # one number each
        else:
            for group in row:
                self._values.extend(group)  # type: ignore[arg-type]  # several each
        self._bounds.append(len(self._values) // self._width)

    def built(self) -> RaggedRows:
        """All rows; no row may be added afterwards."""
        values = np.frombuffer(self._values, dtype=np.int32) if self._values else np.zeros(0, dtype=np.int32)
        return RaggedRows(
            values if self._width == 1 else values.reshape(-1, self._width), np.frombuffer(self._bounds, dtype=np.int64)
        )


def flat(rows: Any, *, width: int = 1) -> RaggedRows:
    """Convert lists of rows to flat rows; flat rows stay unchanged."""
    return rows if isinstance(rows, RaggedRows) else RaggedRows.of(rows, width=width)
