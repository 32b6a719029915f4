"""Zip and gzip archives: selects the file inside and unpacks it within the size limits.

No file is ever written to disk under a name from an archive: members are read into memory, and their names are for display.
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
"""Maximum unpacked size of an archive, as a multiple of the upload limit."""
_RATIO_ALLOWED = 250
"""Maximum compression ratio; text compresses to about a tenth, a zip bomb far more."""
_SMALL = 16 * 2**20
"""Unpacked size in bytes up to which the ratio is not checked."""
_PIECE = 2**20
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
"""Accepted compression methods. LZMA is excluded: its header can demand up to 4 GB of memory, whatever the file contains."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One file inside an archive: its name there, for display only, and its bytes."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Unpacked:
    """The contents of an archive.

    Attributes:
        members: names of the files that can be read as tables, of which ``chosen`` is one.
        chosen: the selected table, if there is any.
        texts: text files in folders, if there is no table.
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
    """The table in a zip archive: the requested one, else one that is named train, else the first; or its folders of texts.

    Args:
        data: the archive.
        file_name: for display.
        chosen: name of the requested member, if given.
        limits: the limits for a file.

    Raises:
        InputFileError: the archive is damaged, encrypted, unsafe, unpacks to too much, or contains no readable file.
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
                held = ", ".join(shown(entry.filename) for entry in entries[:5]) or "no files"
                raise InputFileError(f"{shown(file_name)} contains {held}, but no table of texts. Supported formats: {READABLE}.")
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
    """Counts the bytes that may still be unpacked."""

    def __init__(self, file_name: str, packed: int, limits: ReadingLimits) -> None:
        self._file_name = file_name
        self._most = min(_GROWTH_ALLOWED * limits.max_mib * 2**20, max(_SMALL, _RATIO_ALLOWED * packed))
        if limits.max_unpacked is not None:
            self._most = min(self._most, limits.max_unpacked)
        self._spent = 0

    def spend(self, size: int) -> None:
        """Count bytes before or while they are unpacked.

        Raises:
            BeyondLimitsError: they are too many.
        """
        self._spent += size
        if self._spent > self._most:
            raise BeyondLimitsError(
                f"{shown(self._file_name)} unpacks to more than {self._most / 2**20:,.0f} MiB, which is more than allowed. "
                "Unpack it yourself and choose a smaller file."
            )


def _plain_files(archive: zipfile.ZipFile, file_name: str) -> list[zipfile.ZipInfo]:
    """The archive's files by name, without folders, links and files that operating systems create.

    Raises:
        InputFileError: there are too many, one is encrypted, or a path points outside the archive.
    """
    entries = archive.infolist()
    if len(entries) > MOST_MEMBERS:
        raise InputFileError(f"{shown(file_name)} contains {len(entries):,} files; at most {MOST_MEMBERS:,} can be read.")
    kept: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        path = PurePosixPath(entry.filename)
        if path.is_absolute() or ".." in path.parts:
            raise InputFileError(
                f"{shown(file_name)} contains a file whose path points outside the archive, as in malicious archives. "
                "Create the archive again, or upload the files one by one."
            )
        is_link = stat.S_ISLNK(entry.external_attr >> 16)
        if entry.is_dir() or is_link or any(part.startswith((".", "__MACOSX")) for part in path.parts):
            continue
        if entry.flag_bits & 1:
            raise InputFileError(f"{shown(file_name)} is password-protected. Unpack it yourself and choose the file inside.")
        if entry.compress_type not in _PACKINGS:
            raise InputFileError(
                f"{shown(file_name)} uses an unsupported compression method. Unpack it yourself and choose the file inside."
            )
        kept[entry.filename] = entry
    return [kept[name] for name in sorted(kept)]


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, budget: _Budget) -> Member:
    with archive.open(entry) as file:
        return Member(name=entry.filename, data=_read_all(file, budget))


def _read_all(file: IO[bytes] | gzip.GzipFile, budget: _Budget) -> bytes:
    unpacked = BytesIO()  # getvalue() does not copy
    while piece := file.read(_PIECE):
        budget.spend(len(piece))
        unpacked.write(piece)
    return unpacked.getvalue()
