"""Uploaded files, written to the workspace immediately under generated names; a session holds only their ids."""

import json
import re
import secrets
import time
import weakref
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.config.settings import PROJECT_ROOT, Settings
from core.datasets.importing.sizes import size_of_table
from core.datasets.readers.previews import LOOKED_AT
from core.datasets.table import Table
from core.errors import InputFileError
from core.files import durable
from core.files.trash import remove_folder
from dashboard.shared import state
from dashboard.shared.cache import forget, kept
from dashboard.shared.progress import progress_bar

_ID = re.compile(r"[a-f0-9]{24}")
_CONTENT = "content"
_DESCRIPTION = "upload.json"
_KEPT_S = 24 * 3600


class Uploaded(Protocol):
    """What ``st.file_uploader`` returns."""

    name: str
    file_id: str

    def getbuffer(self) -> memoryview:
        """The bytes."""


@dataclass(frozen=True)
class Upload:
    """An uploaded file that is not a data set yet; ``file_name`` is the user's name for it, for display only."""

    id: str
    path: Path
    file_name: str


class Waiting:
    """Uploads of one session in the workspace; removed with the session, whose state holds this."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        """Streamlit's file id -> id of the upload."""
        self.folders: dict[Path, int] = {}
        """Folder of each upload, oldest first -> bytes."""
        weakref.finalize(self, _remove, self.folders)

    def make_room(self, new: int, settings: Settings) -> None:
        """Remove the oldest uploads until ``new`` more bytes fit."""
        while self.folders and (
            len(self.folders) >= settings.max_session_files or sum(self.folders.values()) + new > settings.max_session_bytes
        ):
            oldest = next(iter(self.folders))
            del self.folders[oldest]
            with suppress(OSError):
                remove_folder(oldest)


def keep(uploaded: Uploaded) -> Upload:
    """Write an uploaded file to disk, once for each upload however often the page is drawn."""
    waiting = _waiting()
    if uploaded.file_id in waiting.ids:
        found = find(waiting.ids[uploaded.file_id])
        if found is not None:
            return found
    content = uploaded.getbuffer()
    upload = _new_upload(uploaded.name, len(content))
    try:
        durable.write_bytes(upload.path, content)
    except OSError:
        discard(upload.id)  # a partial file would take disk space that is already short
        raise
    waiting.ids[uploaded.file_id] = upload.id
    return upload


def release(uploaded: Uploaded) -> None:
    """Free the copy in the server's memory of a file whose uploader is no longer drawn."""
    context = get_script_run_ctx()
    if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(session_id=context.session_id, file_id=uploaded.file_id)


def keep_sample(file_name: str) -> Upload:
    """A copy of a sample file, as if it had been uploaded."""
    sample = PROJECT_ROOT / "data" / file_name
    upload = _new_upload(file_name, sample.stat().st_size)
    durable.write_bytes(upload.path, sample.read_bytes())
    return upload


def find(upload_id: str) -> Upload | None:
    """The upload with this id, or None if it does not exist."""
    if not _ID.fullmatch(upload_id):
        return None
    folder = state.workspace().settings.uploads_folder / upload_id
    try:
        description = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return Upload(upload_id, folder / _CONTENT, str(description["file_name"]))


def discard(upload_id: str) -> None:
    """Remove an upload and its cached values."""
    forget(lambda key: upload_id in repr(key))
    if _ID.fullmatch(upload_id):
        folder = state.workspace().settings.uploads_folder / upload_id
        _waiting().folders.pop(folder, None)
        with suppress(OSError):
            remove_folder(folder)


def read(upload: Upload, **options: Any) -> Table:
    """The table of an upload, read once for each set of options.

    Args:
        options: ``encoding``, ``delimiter``, ``sheet`` or ``missing``, if the user chose them.

    Raises:
        InputFileError: the file cannot be read, or no longer exists.
    """
    if not upload.path.is_file():
        raise InputFileError("The uploaded file no longer exists; uploads are kept for one day. Upload it again.")
    from core.datasets.readers.read_table import read_table

    def make() -> Table:
        with progress_bar() as progress:
            return read_table(
                upload.path,
                file_name=upload.file_name,
                progress=progress,
                **state.workspace().settings.reading_limits,
                **options,
            )

    return kept(("table", upload.id, tuple(sorted(options.items()))), make, size_of_table)


def beginning(upload: Upload) -> bytes:
    """The first bytes of an upload, enough to preview other encodings and delimiters."""
    try:
        with upload.path.open("rb") as file:
            return file.read(LOOKED_AT)
    except OSError:
        return b""


def prune(folder: Path, now: float | None = None) -> None:
    """Remove uploads that did not become a data set within a day; those of ended sessions are removed already.

    Args:
        folder: of the uploads.
        now: Unix time in seconds.
    """
    oldest = (now if now is not None else time.time()) - _KEPT_S
    with suppress(FileNotFoundError):
        for upload in folder.iterdir():
            if _ID.fullmatch(upload.name) and upload.stat().st_mtime < oldest:
                with suppress(OSError):
                    remove_folder(upload)


def _waiting() -> Waiting:
    waiting: Waiting = st.session_state.setdefault("uploads", Waiting())
    return waiting


def _remove(folders: dict[Path, int]) -> None:
    for folder in folders:
        with suppress(OSError):
            remove_folder(folder)


def _new_upload(file_name: str, size: int) -> Upload:
    settings = state.workspace().settings
    upload_id = secrets.token_hex(12)
    folder = settings.uploads_folder / upload_id
    waiting = _waiting()
    waiting.make_room(size, settings)
    waiting.folders[folder] = size
    durable.make_folder(folder, exist_ok=False)
    durable.write_text(folder / _DESCRIPTION, json.dumps({"file_name": file_name}, ensure_ascii=True))
    return Upload(upload_id, folder / _CONTENT, file_name)
