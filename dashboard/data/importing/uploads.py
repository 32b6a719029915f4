"""Uploaded files, written to the workspace at once under names made here; a session keeps only their ids."""

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
    """What ``st.file_uploader`` hands out."""

    name: str
    file_id: str

    def getbuffer(self) -> memoryview:
        """The bytes."""


@dataclass(frozen=True)
class Upload:
    """A file that has not become a data set yet; ``file_name`` is what its owner calls it, for display only."""

    id: str
    path: Path
    file_name: str


class Waiting:
    """Uploads of one session that wait in the workspace; gone with the session, whose state holds this."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        """What Streamlit calls an upload -> what it is called here."""
        self.folders: dict[Path, int] = {}
        """Where they lie, oldest first -> bytes."""
        weakref.finalize(self, _remove, self.folders)

    def make_room(self, new: int, settings: Settings) -> None:
        """Remove the oldest until there is room for so many more bytes."""
        while self.folders and (
            len(self.folders) >= settings.max_session_files or sum(self.folders.values()) + new > settings.max_session_bytes
        ):
            oldest = next(iter(self.folders))
            del self.folders[oldest]
            with suppress(OSError):
                remove_folder(oldest)


def keep(uploaded: Uploaded) -> Upload:
    """Write an uploaded file to disk; the same upload is written once however often the page is drawn."""
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
        discard(upload.id)  # half a file takes up room that is wanting already
        raise
    waiting.ids[uploaded.file_id] = upload.id
    return upload


def release(uploaded: Uploaded) -> None:
    """Let go of the copy in the server's memory of a file whose uploader is not drawn any more."""
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
    """The upload of this id, or None if it is gone."""
    if not _ID.fullmatch(upload_id):
        return None
    folder = state.workspace().settings.uploads_folder / upload_id
    try:
        description = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return Upload(upload_id, folder / _CONTENT, str(description["file_name"]))


def discard(upload_id: str) -> None:
    """Remove an upload, and what was kept in memory of it."""
    forget(lambda key: upload_id in repr(key))
    if _ID.fullmatch(upload_id):
        folder = state.workspace().settings.uploads_folder / upload_id
        _waiting().folders.pop(folder, None)
        with suppress(OSError):
            remove_folder(folder)


def read(upload: Upload, **options: Any) -> Table:
    """The table an upload holds, read once for each way of reading it.

    Args:
        options: ``encoding``, ``delimiter``, ``sheet`` or ``missing``, where a person chose them.

    Raises:
        InputFileError: it cannot be read, or is gone.
    """
    if not upload.path.is_file():
        raise InputFileError("The uploaded file is gone; uploads are kept for a day. Upload it again.")
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
    """The first bytes of an upload, enough to see what it would be if it were read otherwise."""
    try:
        with upload.path.open("rb") as file:
            return file.read(LOOKED_AT)
    except OSError:
        return b""


def prune(folder: Path, now: float | None = None) -> None:
    """Remove uploads that nobody made a data set of within a day; those of sessions that ended are gone already.

    Args:
        folder: of the uploads.
        now: the time, in seconds since 1970.
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
