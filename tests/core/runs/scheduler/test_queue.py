"""The queue as people control it: places, pause, how many at once, and why a queued run waits."""

import dataclasses

import pytest

from core.errors import NotFoundError, RunError
from core.runs.process import processes
from core.runs.scheduler.queue_control import QueueDesk
from core.runs.scheduler.scheduler import Scheduler
from core.runs.store.records import RunState
from core.workspace.workspace import Workspace


@pytest.fixture
def workspace(open_workspace, add_dataset) -> Workspace:
    workspace = open_workspace("obey")
    add_dataset(workspace)
    return workspace


@pytest.fixture
def three(workspace, run_config) -> list[str]:
    return [workspace.launch(run_config, name=name).id for name in ("a", "b", "c")]


def names(workspace: Workspace) -> str:
    return "".join(run.name for run in workspace.queue())


@pytest.mark.parametrize(
    ("which", "step", "after"),
    [(2, "first", "cab"), (2, "up", "acb"), (0, "down", "bac"), (0, "last", "bca"), (0, "up", "abc"), (2, "down", "abc")],
)
def test_a_waiting_run_can_be_given_another_place(workspace, three, which: int, step, after: str) -> None:
    workspace.desk.move(three[which], step)

    assert names(workspace) == after


def test_only_waiting_runs_can_be_moved(workspace, three) -> None:
    workspace.stop(three[0])

    with pytest.raises(RunError, match="is no longer queued"):
        workspace.desk.move(three[0], "up")
    with pytest.raises(NotFoundError):
        workspace.desk.move("nobody", "up")


def test_a_run_that_was_moved_starts_in_its_new_place(workspace, three) -> None:
    workspace.desk.move(three[2], "first")
    scheduler = Scheduler(workspace.store, workspace.settings, ("/nowhere/python",))

    scheduler.step()
    scheduler.disown()

    failed = [workspace.run(run) for run in three]
    assert [run.state for run in failed] == [RunState.FAILED] * 3
    assert min(failed, key=lambda run: run.finished_at).name == "c"


def test_a_person_moves_only_among_their_own_runs(workspace, run_config) -> None:
    for name in ("other 1", "mine 1", "other 2", "mine 2"):
        run = workspace.launch(run_config, name=name)
        workspace.store._update(run.id, owner=name.split()[0])
    mine = workspace.store.for_user("mine", sees_all=False)

    mine.order.move(mine.run("mine 2").id, "first")

    assert [run.name for run in workspace.queue()] == ["other 1", "mine 2", "other 2", "mine 1"]
    with pytest.raises(NotFoundError):
        mine.order.move(workspace.run("other 1").id, "last")
    with pytest.raises(RunError, match="administrator"):
        mine.order.pause(True)


def test_while_the_queue_is_paused_nothing_starts_and_a_restart_keeps_it_so(workspace, three, open_workspace) -> None:
    workspace.desk.pause(True)

    scheduler = open_workspace("obey").new_launcher()
    scheduler.step()
    scheduler.disown()

    assert names(workspace) == "abc"
    assert "paused" in workspace.desk.waits_for(workspace.run(three[0]))
    workspace.desk.pause(False)
    assert workspace.desk.waits_for(workspace.run(three[0])) == "Next in the queue: it starts in a moment."


def test_how_many_work_at_once_is_people_s_choice_before_the_settings(workspace) -> None:
    assert workspace.desk.at_once() == 1
    desk = QueueDesk(
        workspace.store, workspace.settings, Scheduler(workspace.store, dataclasses.replace(workspace.settings, max_running=2))
    )
    assert desk.at_once() == 2

    workspace.desk.set_at_once(3)
    assert desk.at_once() == 3

    workspace.desk.set_at_once(None)
    assert desk.at_once() == 2
    with pytest.raises(RunError, match="1 to 64"):
        workspace.desk.set_at_once(65)


def test_a_run_says_for_whom_it_waits(workspace, three) -> None:
    workspace.store.start_run(three[0], events_offset=0)

    assert workspace.desk.waits_for(workspace.run(three[1])).startswith("Waiting for run a to end")
    assert workspace.desk.waits_for(workspace.run(three[2])).startswith("Waiting for 2 runs ahead of it")
    workspace.store.end_run(three[0], RunState.FAILED)


def test_where_the_disk_is_nearly_full_nothing_starts_and_the_run_says_so(workspace, three) -> None:
    settings = dataclasses.replace(workspace.settings, min_free_mib=2**40)
    scheduler = Scheduler(workspace.store, settings)

    scheduler.step()
    scheduler.disown()

    assert names(workspace) == "abc"
    assert "disk space are free" in QueueDesk(workspace.store, settings, scheduler).waits_for(workspace.run(three[0]))


@pytest.mark.parametrize(
    ("limit", "said"), [({"min_free_mib": 2**40}, "disk space were free"), ({"max_run_hours": 1}, "an hour")]
)
def test_a_run_at_work_is_ended_with_a_checkpoint_at_a_limit(
    workspace, three, fake_worker, wait_until, monkeypatch: pytest.MonkeyPatch, limit: dict[str, int], said: str
) -> None:
    workspace.desk.pause(False)
    scheduler = Scheduler(workspace.store, workspace.settings, fake_worker("obey"))
    scheduler.step()
    scheduler.disown()
    wait_until(lambda: any(event["kind"] == "state" for event in workspace.run_dir(three[0]).events()))
    an_hour_later = processes.clock_s() + 3601.0
    monkeypatch.setattr("core.runs.process.processes.clock_s", lambda: an_hour_later)
    workspace.desk.pause(True)

    limited = Scheduler(workspace.store, dataclasses.replace(workspace.settings, **limit), fake_worker("obey"))

    def has_ended() -> bool:
        limited.step()
        return workspace.run(three[0]).state.is_final

    wait_until(has_ended)
    limited.disown()
    assert workspace.run(three[0]).state is RunState.INTERRUPTED
    assert said in workspace.run(three[0]).message
