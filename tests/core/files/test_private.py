"""Permissions of files that Tuneboard creates, whatever the umask is."""

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config.settings import Settings
from core.datasets.importing.prepare import guess_plan, prepare
from core.datasets.readers.read_table import read_table
from core.files import durable
from core.files.private import close_workspace, open_to_others
from core.runs.process import processes
from core.training.planning.run_plan import new_run_config
from core.workspace.workspace import Workspace
from tests.faults.breaking import run_worker
from tests.tiny import tiny_dataset

pytestmark = pytest.mark.skipif(os.name != "posix", reason="elsewhere permissions are no bits")


@pytest.fixture
def _no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes_below(home: Path) -> dict[str, str]:
    """Files that others can access, with their permissions."""
    found = {path: stat.S_IMODE(path.lstat().st_mode) for path in [home, *home.rglob("*")]}
    return {str(path): oct(mode) for path, mode in found.items() if mode & 0o077}


@pytest.mark.usefixtures("_no_umask")
def test_a_file_a_folder_and_a_log_are_for_their_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    durable.make_folder(home / "below" / "that")
    durable.write_text(home / "note", "x")
    durable.open_to_append(home / "log").close()
    with durable.written_folder(home / "model") as aside:
        (aside / "inner").mkdir()
        (aside / "inner" / "weights").write_text("w")

    assert modes_below(home) == {}


@pytest.mark.usefixtures("_no_umask")
def test_what_exists_is_not_changed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "tuneboard.db").touch()

    Workspace(Settings.from_environment({"TUNEBOARD_HOME": str(home)})).close()

    assert stat.S_IMODE(home.stat().st_mode) == 0o777
    assert stat.S_IMODE((home / "tuneboard.db").stat().st_mode) == 0o666


@pytest.mark.usefixtures("_no_umask")
def test_a_folder_that_is_shared_on_purpose_stays_shared_with_its_group_and_nobody_else(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o2770)
    durable.make_folder(home / "runs")
    durable.write_text(home / "runs" / "note", "x")

    assert stat.S_IMODE((home / "runs").stat().st_mode) == 0o2770
    assert stat.S_IMODE((home / "runs" / "note").stat().st_mode) == 0o660
    assert list(open_to_others(home)) == []


@pytest.mark.training
@pytest.mark.usefixtures("_no_umask")
def test_nothing_in_a_workspace_can_be_read_by_other_accounts_after_an_import_and_a_run(
    tmp_path: Path, tiny_model: Path, wait_until
) -> None:
    settings = Settings.from_environment({"TUNEBOARD_HOME": str(tmp_path / "home")})
    workspace = Workspace(settings)
    file = tmp_path / "colours.csv"
    tiny_dataset(32).drop(columns=["id", "record"]).to_csv(file, index=False)
    table = read_table(file)
    dataset = workspace.dataset(workspace.save_dataset(prepare({"main": table}, guess_plan(table)), "colours").id)
    values = {"epochs": 1, "batch_size": 8, "device": "cpu", "precision": "float32"}
    config, _ = new_run_config(dataset, hub_folder=tmp_path, model=str(tiny_model), values=values)
    run_dir = workspace.run_dir(workspace.launch(config).id)

    worker = processes.start([sys.executable, "-c", ""], folder=tmp_path, environment={}, log_file=run_dir.log_file)
    assert run_worker(run_dir, dataset)[0] == 0
    (settings.runs_folder / "worker-output.log").unlink()  # of the tests
    wait_until(lambda: not processes.is_alive(worker))
    processes.forget(worker)

    assert run_dir.log_file.is_file()
    assert run_dir.model.is_dir()
    assert list(run_dir.tensorboard.iterdir())
    assert (settings.home / "tuneboard.db-wal").exists()  # the database and its additional files while it is open
    assert modes_below(settings.home) == {}
    workspace.close()


def test_what_is_open_is_found_and_closed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "runs" / "closed").mkdir(parents=True)
    (home / "runs" / "closed" / "unreachable").touch(mode=0o644)
    (home / "note").touch()
    for path, mode in ((home, 0o755), (home / "runs", 0o755), (home / "runs" / "closed", 0o700), (home / "note", 0o644)):
        path.chmod(mode)

    assert set(open_to_others(home)) == {home, home / "runs", home / "note"}
    assert close_workspace(home) == 3
    assert list(open_to_others(home)) == []


def test_a_closed_workspace_is_closed_whatever_lies_in_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "note").touch(mode=0o666)

    assert list(open_to_others(home)) == []
