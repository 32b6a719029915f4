"""How much one session may have uploaded, in the server's memory and in the workspace, and how long it stays there."""

import gc
import http.client
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec
from streamlit.web.server.starlette.starlette_app_utils import generate_xsrf_token_string

from core.config.settings import Settings
from core.workspace.workspace import Workspace
from dashboard.data.importing import uploads
from tests.dashboard import made_workspace
from tests.safety.knocking import Served, serving

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of which one session may hold four files and three MiB."""
    limits = {"TUNEBOARD_MAX_SESSION_FILES": "4", "TUNEBOARD_MAX_SESSION_MIB": "3", "TUNEBOARD_MAX_UPLOAD_MIB": "2"}
    with serving(tmp_path_factory.mktemp("small"), ["dashboard", "--headless", "--port", "PORT"], **limits) as server:
        yield server


def send(server: Served, method: str, session: str, file: str, size: int = 0, *, is_chunked: bool = False) -> tuple[int, str]:
    """Upload or remove a file of a session, as the page does; status and text of the answer."""
    token, edge = generate_xsrf_token_string(), "edge"
    head = f'--{edge}\r\nContent-Disposition: form-data; name="f"; filename="f.csv"\r\n\r\n'.encode()
    body = head + b"x" * size + f"\r\n--{edge}--\r\n".encode() if method == "PUT" else b""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    headers = {
        "Cookie": f"_streamlit_xsrf={token}",
        "X-Xsrftoken": token,
        "Content-Type": f"multipart/form-data; boundary={edge}",
    }
    try:
        pieces: Any = (body[place : place + 65536] for place in range(0, len(body), 65536)) if is_chunked else body
        path = f"/_stcore/upload_file/{session}/{file}"
        connection.request(method, path, body=pieces, headers=headers, encode_chunked=is_chunked)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_a_session_holds_so_many_files_and_no_more(small: Served) -> None:
    with small.session_id() as session:
        assert [send(small, "PUT", session, str(number), 10)[0] for number in range(4)] == [204] * 4
        status, said = send(small, "PUT", session, "4", 10)
        assert (status, "4 files" in said, "TUNEBOARD_MAX_SESSION_FILES" in said) == (413, True, True)
        assert send(small, "PUT", session, "3", 20)[0] == 204, "in place of another one"
        assert send(small, "DELETE", session, "0")[0] == 204
        assert send(small, "PUT", session, "4", 10)[0] == 204


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_session_holds_so_many_bytes_and_no_more(small: Served, is_chunked: bool) -> None:
    with small.session_id() as session:
        assert send(small, "PUT", session, "a", 2 * MIB - 1000, is_chunked=is_chunked)[0] == 204
        status, said = send(small, "PUT", session, "b", 2 * MIB - 1000, is_chunked=is_chunked)
        assert (status, "3 MiB" in said, "TUNEBOARD_MAX_SESSION_MIB" in said) == (413, True, True)
        assert send(small, "PUT", session, "b", MIB // 2, is_chunked=is_chunked)[0] == 204
    with small.session_id() as another:
        assert send(small, "PUT", another, "a", 2 * MIB - 1000, is_chunked=is_chunked)[0] == 204


def test_files_on_their_way_count_like_those_that_have_arrived(small: Served) -> None:
    with small.session_id() as session:
        token = generate_xsrf_token_string()
        slow = []
        for number in range(4):
            connection = http.client.HTTPConnection("127.0.0.1", small.port, timeout=20)
            connection.putrequest("PUT", f"/_stcore/upload_file/{session}/{number}")
            for name, value in {
                "Cookie": f"_streamlit_xsrf={token}", "X-Xsrftoken": token, "Content-Length": "1000",
                "Content-Type": "multipart/form-data; boundary=edge",
            }.items():  # fmt: skip
                connection.putheader(name, value)
            connection.endheaders(b"--edge\r\n")
            slow.append(connection)
        deadline = time.monotonic() + 20
        while (status := send(small, "PUT", session, "x", 10)[0]) == 204 and time.monotonic() < deadline:
            send(small, "DELETE", session, "x")
        assert status == 413
        for connection in slow:
            connection.close()
        while (status := send(small, "PUT", session, "x", 10)[0]) == 413 and time.monotonic() < deadline:
            time.sleep(0.05)  # between two looks whether the server has noticed
        assert status == 204


@pytest.mark.parametrize(("variable", "value"), [("FILES", "0"), ("MIB", "-1"), ("MIB", "many")])
def test_a_cap_that_is_no_number_is_refused(variable: str, value: str) -> None:
    with pytest.raises(Exception, match=f"TUNEBOARD_MAX_SESSION_{variable}"):
        Settings.from_environment({f"TUNEBOARD_MAX_SESSION_{variable}": value})


def test_a_session_may_hold_training_validation_and_test_unless_told_otherwise() -> None:
    assert Settings.from_environment({"TUNEBOARD_MAX_UPLOAD_MIB": "7"}).max_session_bytes == 21 * MIB
    assert Settings.from_environment({"TUNEBOARD_MAX_SESSION_MIB": "5"}).max_session_bytes == 5 * MIB


class File:
    """What the uploader hands out."""

    def __init__(self, number: int, size: int = 10) -> None:
        self.name, self.file_id, self.size = f"{number}.csv", str(number), size

    def getbuffer(self) -> memoryview:
        return memoryview(b"x" * self.size)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A workspace that the page sees, in a session of its own."""
    opened = made_workspace.open_workspace(tmp_path)
    opened.settings = replace(opened.settings, max_session_files=3, max_session_mib=1)
    monkeypatch.setattr("dashboard.shared.state.workspace", lambda: opened)
    monkeypatch.setattr(st, "session_state", Session())
    yield opened
    opened.close()


class Session(dict[str, Any]):
    """A session's state, which ends when it is let go of."""


def waiting(workspace: Workspace) -> set[str]:
    return {folder.name for folder in workspace.settings.uploads_folder.iterdir()}


def test_of_the_files_that_wait_in_the_workspace_a_session_keeps_the_newest(workspace: Workspace) -> None:
    kept = [uploads.keep(File(number)).id for number in range(5)]
    assert waiting(workspace) == set(kept[2:])
    large = uploads.keep(File(9, size=MIB - 5)).id
    assert waiting(workspace) == {large}
    assert uploads.keep(File(9, size=MIB - 5)).id == large, "the same upload is written once"


def test_what_waits_is_gone_when_its_session_is(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = uploads.keep(File(1)).id
    sample = uploads.keep_sample("support_tickets.csv").id
    assert waiting(workspace) == {mine, sample}
    monkeypatch.setattr(st, "session_state", Session())
    theirs = uploads.keep(File(1)).id
    monkeypatch.undo()
    gc.collect()
    assert mine not in waiting(workspace)
    assert sample not in waiting(workspace)
    assert theirs not in waiting(workspace), "the second session has ended, too"


def test_a_server_that_starts_removes_what_waited_too_long(tmp_path: Path) -> None:
    folder = tmp_path / "workspace" / "uploads"
    for name, age_h in (("a" * 24, 25), ("b" * 24, 1)):
        (folder / name).mkdir(parents=True)
        os.utime(folder / name, (time.time() - age_h * 3600,) * 2)
    with serving(tmp_path, ["dashboard", "--headless", "--port", "PORT"]):
        deadline = time.monotonic() + 20
        # What is deleted is hidden in a folder of its own first, which goes at last.
        while (left := {entry.name for entry in folder.iterdir()}) != {"b" * 24} and time.monotonic() < deadline:
            time.sleep(0.05)  # between two looks
        assert left == {"b" * 24}


def test_a_file_that_waits_in_the_workspace_is_let_go_of_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = MemoryUploadedFileManager("/_stcore/upload_file")
    for file in ("1", "2"):
        manager.add_file("mine", UploadedFileRec(file_id=file, name="a.csv", type="text/csv", data=b"x"))
    monkeypatch.setattr(uploads, "get_script_run_ctx", lambda: SimpleNamespace(uploaded_file_mgr=manager, session_id="mine"))

    uploads.release(File(1))

    assert set(manager.file_storage["mine"]) == {"2"}
