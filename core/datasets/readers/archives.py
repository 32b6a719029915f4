"""Zip and gzip archives: which file inside is meant, and its bytes, never more of them than allowed.

Nothing is ever written to disk under a name from an archive: members are read into memory, and their names are for display.
"""

import gzip
import stat
import zipfile
import zlib
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import PurePosixPath
from typing import IO

from core.datasets.readers.file_types import READABLE, SUFFIXES, shown, suffix_of
from core.datasets.readers.limits import BeyondLimitsError, ReadingLimits
from core.errors import InputFileError

MOST_MEMBERS = 200_000
_GROWTH_ALLOWED = 10
"""How many times the upload limit an archive may take unpacked."""
_RATIO_ALLOWED = 250
"""How many times its size an archive may unpack to; text shrinks to a tenth or so, a file made to fill the memory far more."""
_SMALL = 16 * 2**20
"""Below this many bytes unpacked, the ratio does not matter."""
_PIECE = 2**20
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
"""How files in archives may be packed. What says LZMA names the memory that unpacking takes, up to 4 GB, whatever it holds."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One file inside an archive: its name there, for display only, and its bytes."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Unpacked:
    """What an archive holds.

    Attributes:
        members: names of the files that can be read as tables, of which ``chosen`` is one.
        chosen: the table that is meant, where there is any.
        texts: text files in folders, where there is no table.
    """

    members: list[str]
    chosen: Member | None = None
    texts: list[Member] = field(default_factory=list)


def unpack_gzip(data: bytes, *, file_name: str, limits: ReadingLimits) -> Member:
    """The one file in a gzip archive, under the archive's name without ``.gz``.

    Raises:
        InputFileError: it is damaged or unpacks to too much.
    """
    budget = _Budget(file_name, len(data), limits)
    try:
        with gzip.GzipFile(fileobj=BytesIO(data)) as file:
            unpacked = _read_all(file, budget)
    except (OSError, EOFError, zlib.error):
        raise InputFileError(f"{shown(file_name)} is a damaged gzip archive. Export it again.") from None
    return Member(name=PurePosixPath(file_name).stem or file_name, data=unpacked)


def unpack_zip(data: bytes, *, file_name: str, chosen: str | None, limits: ReadingLimits) -> Unpacked:
    """The table in a zip archive: the one asked for, else one that is called train, else the first; or its folders of texts.

    Args:
        data: the archive.
        file_name: for display.
        chosen: name of the member that is meant, if the person said so.
        limits: what a file may hold.

    Raises:
        InputFileError: the archive is damaged, locked, unsafe, unpacks to too much, or holds nothing that can be read.
    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            entries = _plain_files(archive, file_name)
            budget = _Budget(file_name, len(data), limits)
            tables = [
                entry for entry in entries if SUFFIXES.get(suffix_of(entry.filename), "text") not in ("text", "zip", "gzip")
            ]
            texts = [entry for entry in entries if suffix_of(entry.filename) in (".txt", ".text", "")]
            folders = {PurePosixPath(entry.filename).parent for entry in texts if "/" in entry.filename}
            if not tables and len(folders) > 1:
                return Unpacked(members=[], texts=[_read(archive, entry, budget) for entry in texts])
            readable = tables or texts
            names = [entry.filename for entry in readable]
            if not readable:
                held = ", ".join(shown(entry.filename) for entry in entries[:5]) or "nothing"
                raise InputFileError(f"{shown(file_name)} holds {held}, and no table of texts. Readable are {READABLE}.")
            wanted = next((entry for entry in readable if entry.filename == chosen), None) or min(
                readable, key=lambda entry: "train" not in PurePosixPath(entry.filename).name.lower()
            )
            return Unpacked(members=names, chosen=_read(archive, wanted, budget))
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise InputFileError(
            f"{shown(file_name)} is a zip archive that cannot be unpacked ({str(error)[:100] or type(error).__name__}). "
            "Unpack it yourself and choose the file inside."
        ) from None


class _Budget:
    """How many bytes may still be unpacked."""

    def __init__(self, file_name: str, packed: int, limits: ReadingLimits) -> None:
        self._file_name = file_name
        self._most = min(_GROWTH_ALLOWED * limits.max_mib * 2**20, max(_SMALL, _RATIO_ALLOWED * packed))
        if limits.max_unpacked is not None:
            self._most = min(self._most, limits.max_unpacked)
        self._spent = 0

    def spend(self, size: int) -> None:
        """Count bytes before or as they are unpacked.

        Raises:
            BeyondLimitsError: they are too many.
        """
        self._spent += size
        if self._spent > self._most:
            raise BeyondLimitsError(
                f"{shown(self._file_name)} unpacks to more than {self._most / 2**20:,.0f} MiB, which is too much. "
                "Unpack it yourself and choose a smaller file."
            )


def _plain_files(archive: zipfile.ZipFile, file_name: str) -> list[zipfile.ZipInfo]:
    """Files that a person put there, by name; not folders, links or what operating systems leave behind.

    Raises:
        InputFileError: there are too many, one is locked, or a name leads out of the archive.
    """
    entries = archive.infolist()
    if len(entries) > MOST_MEMBERS:
        raise InputFileError(f"{shown(file_name)} holds {len(entries):,} files; at most {MOST_MEMBERS:,} can be read.")
    kept: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        path = PurePosixPath(entry.filename)
        if path.is_absolute() or ".." in path.parts:
            raise InputFileError(
                f"{shown(file_name)} holds a file whose name leads out of the archive, as harmful archives have. "
                "Pack the files again, or choose them one by one."
            )
        is_link = stat.S_ISLNK(entry.external_attr >> 16)
        if entry.is_dir() or is_link or any(part.startswith((".", "__MACOSX")) for part in path.parts):
            continue
        if entry.flag_bits & 1:
            raise InputFileError(f"{shown(file_name)} is protected by a password. Unpack it yourself and choose the file inside.")
        if entry.compress_type not in _PACKINGS:
            raise InputFileError(
                f"{shown(file_name)} is packed in a way that is not read here. Unpack it yourself and choose the file inside."
            )
        kept[entry.filename] = entry
    return [kept[name] for name in sorted(kept)]


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, budget: _Budget) -> Member:
    with archive.open(entry) as file:
        return Member(name=entry.filename, data=_read_all(file, budget))


def _read_all(file: IO[bytes] | gzip.GzipFile, budget: _Budget) -> bytes:
    unpacked = BytesIO()  # whose value is no copy
    while piece := file.read(_PIECE):
        budget.spend(len(piece))
        unpacked.write(piece)
    return unpacked.getvalue()
