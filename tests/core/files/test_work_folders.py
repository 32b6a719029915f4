"""Temporary folders: their owner, and their removal."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import psutil

from core.config.settings import Settings
from core.files.work_folders import sweep, work_folder
from core.workspace.workspace import Workspace


def test_a_folder_lies_below_the_workspace_for_this_user_only_and_goes_at_the_end(tmp_path: Path) -> None:
    with work_folder(tmp_path / "work") as folder:
        (folder / "a").write_text("a")
        assert folder.parent == tmp_path / "work"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list((tmp_path / "work").iterdir()) == []


def test_what_a_killed_process_left_goes_when_a_workspace_is_opened_and_what_a_living_one_has_stays(tmp_path: Path) -> None:
    script = f"""
import os, pathlib, signal
from core.files.work_folders import work_folder
with work_folder(pathlib.Path({str(tmp_path / "work")!r})) as folder:
    (folder / "content").write_text("a customer's text")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script], check=False, timeout=60)
    (left,) = (tmp_path / "work").iterdir()
    own = psutil.Process()
    another_life = tmp_path / "work" / f"{own.pid}-{int(own.create_time() * 1000) - 60_000}-abc"
    another_life.mkdir()
    foreign = tmp_path / "work" / "notes of somebody"
    foreign.mkdir()
    with work_folder(tmp_path / "work") as living:
        Workspace(Settings.from_environment({"TUNEBOARD_HOME": str(tmp_path)})).close()

        assert not left.exists()
        assert not another_life.exists()
        assert living.exists()
        assert foreign.exists()


def test_sweeping_where_nothing_is_or_nothing_can_be_removed_says_nothing(tmp_path: Path) -> None:
    sweep(tmp_path / "gone")
    (tmp_path / "file").write_text(str(os.getpid()))
    sweep(tmp_path / "file")
