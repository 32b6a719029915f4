"""How a distributed run ends: the worker's final state event counts, whichever other ranks are still running."""

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from core.config.settings import PROJECT_ROOT
from core.runs.store.records import RunState
from core.runs.worker import ranks

_STAYS = "input()"
"""A program that ends when its standard input does."""


@pytest.fixture
def beside() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a process that does nothing and has these arguments on its command line."""
    started = []

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-c", _STAYS, *arguments], stdin=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_companion_that_outlives_the_worker_is_not_taken_for_it(
    workspace, launcher_with, run_config, step_until_ended, beside
) -> None:
    run = workspace.launch(run_config)
    folder = workspace.run_dir(run.id).folder
    beside(*ranks.command(folder, workspace.settings.datasets_folder / run.dataset_id)[1:])

    assert step_until_ended(workspace, launcher_with("fail"), run.id) is RunState.FAILED
    assert "rows of the data set have changed" in workspace.run(run.id).message


def test_the_last_word_of_a_worker_that_was_noted_counts_whoever_has_its_arguments(
    workspace, launcher_with, run_config, step_until_ended, beside
) -> None:
    run = workspace.launch(run_config)
    # Such as the worker started once more by hand, which waits for the run's lock and then gives up.
    beside(str(workspace.run_dir(run.id).folder), "--dataset", str(workspace.settings.datasets_folder / run.dataset_id))

    assert step_until_ended(workspace, launcher_with("fail"), run.id) is RunState.FAILED
    assert "rows of the data set have changed" in workspace.run(run.id).message


def test_a_companion_leaves_as_soon_as_the_worker_is_gone() -> None:
    """Even a rank that is stuck in the middle of a step, and on systems that do not report the end of a parent."""
    code = "from core.runs.worker import ranks\nranks.leave_with_the_worker()\nprint('up', flush=True)\nwhile True: pass"
    rank = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert rank.stdout is not None
        assert rank.stdin is not None
        assert rank.stdout.readline() == b"up\n"
        assert rank.poll() is None

        rank.stdin.close()  # as the system does when the worker ends, however it ends

        assert rank.wait(10) == 1
    finally:
        rank.kill()
        rank.wait()
        rank.stdout.close()
