"""Whether a worker may let its threads spin: only alone on the machine."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.config.settings import PROJECT_ROOT
from core.runs.process import other_trainers
from core.runs.scheduler.placement import Placement
from core.workspace.workspace import Workspace


def process(folder: Path, pid: int, name: str, state: str = "S") -> None:
    (folder / str(pid)).mkdir()
    (folder / str(pid) / "stat").write_text(f"{pid} ({name}) {state} 1 1 1 0")


@pytest.mark.parametrize(
    ("name", "state", "found"),
    [
        ("tuneboard-run", "R", True),
        ("tuneboard-run", "S", True),
        ("tuneboard-run", "Z", False),  # it has ended, but was not collected yet
        ("python", "R", False),
        ("a) R (tuneboard-run", "R", False),
        ("tuneboard", "R", False),
    ],
)
def test_a_worker_at_work_is_known_by_its_name(tmp_path: Path, name: str, state: str, found: bool) -> None:
    process(tmp_path, 7, "bash")
    process(tmp_path, 42, name, state)
    (tmp_path / "43").mkdir()  # ended between two reads
    (tmp_path / "self").mkdir()

    assert other_trainers.somebody_trains(tmp_path) is found


def test_where_processes_have_no_names_a_run_seems_alone(tmp_path: Path) -> None:
    assert not other_trainers.somebody_trains(tmp_path / "nowhere")
    with other_trainers.known_as_at_work(tmp_path / "nowhere"):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="names of processes are Linux's")
def test_a_process_goes_by_the_name_for_as_long_as_it_works() -> None:
    program = (
        "import sys; from core.runs.process.other_trainers import known_as_at_work\n"
        "with known_as_at_work():\n    print('at work', flush=True); sys.stdin.readline()\n"
        "print('done', flush=True); sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=PROJECT_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        stat = Path(f"/proc/{other.pid}/stat")
        assert other.stdout.readline() == "at work\n"
        assert "(tuneboard-run)" in stat.read_text()
        assert other_trainers.somebody_trains()
        other.stdin.write("\n")
        other.stdin.flush()
        assert other.stdout.readline() == "done\n"
        assert "(tuneboard-run)" not in stat.read_text()
        other.stdin.write("\n")
        other.stdin.flush()


@pytest.fixture
def policy(open_workspace: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """How the threads of the next worker will wait."""
    workspace = open_workspace()

    def ask(*, somebody_trains: bool, at_once: int | None = None) -> str:
        monkeypatch.setattr(other_trainers, "somebody_trains", lambda: somebody_trains)
        placement = Placement(workspace.store, workspace.settings, max_running=at_once, gpu_ids=())
        return placement.environment("bundled", ())["OMP_WAIT_POLICY"]

    return ask


def test_threads_spin_alone_and_sleep_beside_another_training_of_any_workspace(policy) -> None:
    assert policy(somebody_trains=False) == "ACTIVE"
    assert policy(somebody_trains=True) == "PASSIVE"


def test_threads_sleep_where_several_runs_may_work_at_once(policy) -> None:
    assert policy(somebody_trains=False, at_once=2) == "PASSIVE"
