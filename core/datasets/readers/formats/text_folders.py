"""Archives with a folder for each label and a file for each text, optionally inside a folder for each split."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from core.datasets.readers.archives import Member
from core.datasets.readers.build_table import build_table
from core.datasets.readers.text.decode import Decoded, decode
from core.datasets.split_column import split_of
from core.datasets.table import Table

_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def read_text_folders(texts: Sequence[Member], *, file_name: str, encoding: str | None) -> Table:
    """Each file as a row: ``text``, ``label`` (its folder), ``file``, and ``split`` if a parent folder names one.

    Args:
        texts: the files, by name.
        file_name: of the archive, for display.
        encoding: of all files; detected from all files together if not given, since one short text is not enough.

    Raises:
        InputFileError: the encoding does not fit.
    """
    together = decode(b"\n".join(member.data for member in texts if not member.data.startswith(_MARKS)), encoding)
    paths = [PurePosixPath(member.name) for member in texts]
    columns: dict[str, list[str | None]] = {
        "text": [_text(member.data, together) for member in texts],
        "label": [path.parent.name or None for path in paths],
    }
    splits: list[str | None] = [next((part for part in path.parts[:-2] if split_of(part)), None) for path in paths]
    if all(splits):
        columns["split"] = splits
    columns["file"] = [str(path) for path in paths]
    num_labels = len(set(columns["label"]))
    return build_table(
        list(columns),
        list(columns.values()),
        range(1, len(texts) + 1),
        file_name=file_name,
        file_format="folders",
        reading={"encoding": together.encoding, "encoding_certain": together.certain},
        notes=[f"Each of the {len(texts):,} files became a row, labelled with its folder ({num_labels:,} folders)."],
    )


def _text(data: bytes, together: Decoded) -> str:
    if data.startswith(_MARKS):
        return decode(data).text
    return Decoded(data, together.encoding, certain=True, codec=together.codec, damaged=together.damaged).text
