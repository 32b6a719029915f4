"""The sandboxed process that reads files: limits, number of processes, and messages for early ends."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from core.config.settings import PROJECT_ROOT
from core.datasets.readers import read_table as reader
from core.datasets.readers import sandbox
from core.datasets.readers.read_table import read_table
from core.datasets.readers.sandbox import run_isolated
from core.errors import InputFileError
from core.progress import SILENT

LONG = "text,label\n" + "a text of some words,b\n" * 20_000
"""More than is read in the calling process."""


def command_of(tmp_path: Path, body: str) -> tuple[str, ...]:
    """A process like the real one with another body."""
    script = tmp_path / "does.py"
    script.write_text(
        "import sys, time, os, signal\nfrom pathlib import Path\nfrom core.datasets.importing import sandbox_main\n"
        f"def does(asked, folder):\n    {body}\n"
        "sandbox_main.TASKS['read'] = lambda: does\nsandbox_main.main(Path(sys.argv[1]))\n"
    )
    return sys.executable, str(script)


@pytest.fixture
def does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Replace the body of the process."""
    monkeypatch.setenv("PYTHONPATH", str(PROJECT_ROOT))

    def set_body(body: str) -> Path:
        monkeypatch.setattr(sandbox, "_COMMAND", command_of(tmp_path, body))
        folder = tmp_path / "work"
        folder.mkdir(exist_ok=True)
        return folder

    return set_body


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise MemoryError", r"takes more than the 3,072 MiB of memory allowed, so reading was stopped"),
        (
            "sys.stderr.write('memory allocation of 7 bytes failed'); sys.stderr.flush(); os.abort()",
            r"3,072 MiB of memory allowed,",
        ),
        ("raise PermissionError(13, 'Permission denied')", r"Permission denied, on the disk of the workspace"),
        ("raise OSError(28, 'No space left on device')", r"No space left on device.*Free up disk space"),
        ("raise KeyError('x' * 10000)", r"unexpected error \(KeyError\)"),
        ("os.abort()", r"or cannot be read at all"),
    ],
)
def test_what_befell_the_process_is_said_and_never_called_damage(does, body: str, said: str) -> None:
    with pytest.raises(InputFileError, match=said) as caught:
        run_isolated("read", {}, does(body), subject="a.csv")

    assert "damaged" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on processor time there")
def test_a_process_that_computes_too_long_is_ended_by_the_system(does, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = does("\n    while True: pass")
    monkeypatch.setattr(sandbox.time, "monotonic", lambda: 0.0)  # so that the calling process does not end it

    with pytest.raises(InputFileError, match="more than the 1 seconds allowed"):
        run_isolated("read", {}, folder, subject="a.csv", time_s=1.0)


def test_the_process_ends_with_the_one_that_started_it_however_that_ends(tmp_path: Path) -> None:
    command = command_of(tmp_path, "time.sleep(120)")
    (tmp_path / "work").mkdir()
    script = (
        "from pathlib import Path\nfrom core.datasets.readers import sandbox\n"
        f"sandbox._COMMAND = {command!r}\nsandbox.run_isolated('read', {{}}, Path({str(tmp_path / 'work')!r}), subject='a')\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], cwd=PROJECT_ROOT, env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    )
    try:
        child = _wait_for(lambda: next(iter(psutil.Process(parent.pid).children()), None))
        parent.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        parent.wait(30)
        psutil.wait_procs([child], timeout=30)
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    finally:
        parent.kill()
        parent.wait(30)


def _wait_for(found, timeout_s: float = 60.0):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if (value := found()) is not None:
            return value
        time.sleep(0.02)
    raise AssertionError("nothing came")


def test_only_so_many_are_at_work_at_once_and_the_others_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    at_work, most, told = [0], [0], []
    lock, go = threading.Lock(), threading.Event()

    def run(*_: object) -> str:
        with lock:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
        go.wait(30)
        with lock:
            at_work[0] -= 1
        return "ended"

    monkeypatch.setattr(sandbox, "_run", run)

    def ask(number: int) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / sandbox.FOUND).write_text("{}")
        run_isolated("read", {}, folder, subject="a", progress=lambda _, doing: told.append(doing))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    _wait_for(lambda: len(told) >= 2 or None)
    go.set()
    for thread in threads:
        thread.join(30)

    assert most[0] == sandbox.MOST_AT_ONCE == 2
    assert told == ["Waiting for other files to be read"] * 2


def test_who_waits_too_long_for_a_turn_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sandbox, "_turns", threading.BoundedSemaphore(1))
    with sandbox._turn(1.0, SILENT), pytest.raises(InputFileError, match="Too many other files"):
        run_isolated("read", {}, tmp_path, subject="a", time_s=0.0)


def test_a_table_from_the_other_process_is_the_same_and_nothing_of_it_is_left_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(LONG + "one,two,three\nlast,b\n", encoding="utf-8")
    steps: list[tuple[float, str]] = []

    table = read_table(path, work=tmp_path / "work", progress=lambda share, doing: steps.append((share, doing)))

    assert table.rows["text"].tolist()[-1] == "last"
    assert [(entry.record, entry.content) for entry in table.set_aside] == [(20_001, '["one", "two", "three"]')]
    assert table.lines[20_002] == 20_003
    assert table.rows.index[-1] == 20_002
    assert list((tmp_path / "work").iterdir()) == []
    assert [share for share, _ in steps] == sorted(share for share, _ in steps)
    assert steps[-1] == (1.0, "Read")


@pytest.mark.parametrize(
    ("name", "content", "isolated"),
    [
        ("small.csv", LONG[: 2**17], False),
        ("large.csv", LONG, True),
        ("wide.jsonl", "".join(json.dumps({f"key{i}": "x"}) + "\n" for i in range(1200)), True),
    ],
)
def test_only_what_can_do_no_harm_is_read_in_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str, isolated: bool
) -> None:
    asked = []
    monkeypatch.setattr(reader, "_read_isolated", lambda *_: asked.append(1) or "a table")
    (tmp_path / name).write_text(content, encoding="utf-8")

    read_table(tmp_path / name)

    assert bool(asked) is isolated


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes there")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")

    with pytest.raises(InputFileError, match="not a regular file, but a pipe"):
        read_table(tmp_path / "a.csv")
