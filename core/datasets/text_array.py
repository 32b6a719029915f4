"""Text columns in Arrow memory, possibly memory-mapped; cells become Python strings only on access.

A pandas column of Python strings takes some 60 bytes per cell in addition to the text, in the process's own memory. Here a cell
takes only its bytes, the system can page out those from a file, and equal cells can share one text.
"""

import builtins
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow
from pandas.api.extensions import ExtensionArray, ExtensionDtype


class TextDtype(ExtensionDtype):
    """Cells that are ``str`` or ``None``; not registered with pandas, so that no file refers to it."""

    name = "tuneboard-text"
    type = str
    kind = "O"
    na_value = None

    @classmethod
    def construct_array_type(cls) -> "builtins.type[TextArray]":
        """The array of this type."""
        return TextArray


class TextArray(ExtensionArray):
    """A column of ``str`` or ``None``; or of lists of texts or numbers.

    Args:
        cells: of type ``large_string``, or ``dictionary`` of it where many cells are equal; or of lists.
    """

    def __init__(self, cells: pyarrow.ChunkedArray) -> None:
        self._cells = cells

    @property
    def dtype(self) -> TextDtype:
        """Text."""
        return TextDtype()

    @property
    def nbytes(self) -> int:
        """Bytes of the Arrow memory, mapped files included."""
        return int(self._cells.nbytes)

    def __len__(self) -> int:
        return len(self._cells)

    def __getitem__(self, item: Any) -> Any:
        item = pd.api.indexers.check_array_indexer(self, item)
        if isinstance(item, int | np.integer):
            place = int(item) + (len(self) if item < 0 else 0)
            if not 0 <= place < len(self):
                raise IndexError(f"Index {item} is out of range for {len(self)} cells.")
            return self._cells[place].as_py()
        if isinstance(item, slice):
            begin, end, step = item.indices(len(self))
            if step == 1:
                return type(self)(self._cells.slice(begin, max(0, end - begin)))
            item = np.arange(begin, end, step)
        item = np.asarray(item)
        return self.take(np.flatnonzero(item) if item.dtype == bool else item)

    def __iter__(self) -> Iterator[str | None]:
        return iter(self.tolist())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        del copy
        cells = np.fromiter(self.tolist(), dtype=object, count=len(self))
        return cells if dtype is None else cells.astype(dtype)

    def __eq__(self, other: object) -> Any:
        if isinstance(other, pd.Series | pd.Index | pd.DataFrame):
            return NotImplemented
        others = other if isinstance(other, TextArray | list | np.ndarray) else [other] * len(self)
        return np.fromiter((one == another for one, another in zip(self, others, strict=True)), dtype=bool, count=len(self))

    def __arrow_array__(self, type: pyarrow.DataType | None = None) -> pyarrow.ChunkedArray:  # noqa: A002 - Arrow's own name
        """The cells for Arrow, without a copy unless they are dictionary-encoded or another type is requested."""
        wanted = pyarrow.large_string() if type is None and pyarrow.types.is_dictionary(self._cells.type) else type
        return self._cells if wanted is None else self._cells.cast(wanted)

    @property
    def arrow(self) -> pyarrow.ChunkedArray:
        """The cells as stored, possibly dictionary-encoded."""
        return self._cells

    def tolist(self) -> list[str | None]:
        """All cells as Python strings; cells of a dictionary share one string per entry."""
        return texts_of(self._cells)

    def isna(self) -> np.ndarray:
        """A mask of the missing cells."""
        return np.asarray(self._cells.is_null().to_numpy(), dtype=bool)

    def take(self, indices: Any, *, allow_fill: bool = False, fill_value: Any = None) -> Self:
        """The cells at these positions; with ``allow_fill``, -1 gives a missing cell. Other fill values are not supported."""
        del fill_value
        places = np.asarray(indices, dtype="int64")
        if not allow_fill:
            places = np.where(places < 0, places + len(self), places)
        if len(places) and (places.max() >= len(self) or places.min() < -1 or (places.min() < 0 and not allow_fill)):
            raise IndexError("A position is out of range.")
        return type(self)(_chunked(self._cells.take(pyarrow.array(places, mask=places < 0))))

    def copy(self) -> Self:
        """The same array; cells are never changed."""
        return type(self)(self._cells)

    @classmethod
    def _from_sequence(cls, scalars: Any, *, dtype: Any = None, copy: bool = False) -> Self:
        del dtype, copy
        if isinstance(scalars, cls):
            return cls(scalars._cells)
        texts = [None if cell is None or cell is pd.NA or cell != cell else cell for cell in scalars]
        return cls(_chunked(pyarrow.array(texts, pyarrow.large_string())))

    @classmethod
    def _concat_same_type(cls, to_concat: Sequence["TextArray"]) -> Self:
        chunks = [chunk for part in to_concat for chunk in part._cells.cast(pyarrow.large_string()).chunks]
        return cls(pyarrow.chunked_array(chunks, pyarrow.large_string()))


def as_plain(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows in standard pandas types: texts as ``str``, everything else as objects."""
    columns = {place: _plain(rows.iloc[:, place]) for place in range(rows.shape[1])}
    plain = pd.DataFrame(columns, index=rows.index)
    plain.columns = rows.columns
    return plain


def as_texts(cells: Any) -> Any:
    """Arrow texts as a pandas string column, without a copy if they are ``large_string``."""
    return pd.array(cells, dtype=pd.StringDtype("pyarrow", na_value=np.nan))


def _plain(cells: pd.Series) -> pd.Series:
    array = cells.array
    if not isinstance(array, TextArray):
        return cells
    if pyarrow.types.is_list(array.arrow.type):
        return cells.astype(object)
    return pd.Series(as_texts(array.__arrow_array__()), index=cells.index)


def texts_of(cells: pyarrow.ChunkedArray) -> list[str | None]:
    """The cells as Python strings; cells of a dictionary share one string per entry."""
    texts: list[str | None] = []
    known: tuple[Any, list[str | None]] = None, []
    for chunk in cells.chunks:
        if not pyarrow.types.is_dictionary(chunk.type):
            texts += chunk.to_pylist()
            continue
        if known[0] is None or not known[0].equals(chunk.dictionary):
            known = chunk.dictionary, chunk.dictionary.to_pylist()
        entries = known[1]
        texts += [None if code is None else entries[code] for code in chunk.indices.to_pylist()]
    return texts


def _chunked(cells: Any) -> pyarrow.ChunkedArray:
    return cells if isinstance(cells, pyarrow.ChunkedArray) else pyarrow.chunked_array([cells])
