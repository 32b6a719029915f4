"""Parallel runs on several GPUs: each gets as many as it asks for, none are taken from others, and the order is kept."""

import json
from collections.abc import Callable

import pytest

from core.config.run_config import ComputeConfig, RunConfig
from core.runs.scheduler.gpus import Shortage, assign, gpus_of
from core.runs.scheduler.queue_control import QueueDesk
from core.runs.scheduler.scheduler import Scheduler
from core.runs.scheduler.warm_worker import WarmWorker
from core.runs.store.records import RunRecord, RunState, WorkerIdentity
from core.workspace.workspace import Workspace

FOUR = ("0", "1", "2", "3")


def ask(processes: int = 1, device: str = "automatic") -> ComputeConfig:
    return ComputeConfig(processes=processes, device=device)


@pytest.mark.parametrize(
    ("compute", "in_use", "given"),
    [
        (ask(), (), ("0",)),
        (ask(), ("0", "1"), ("2",)),
        (ask(2), ("1",), ("0", "2")),
        (ask(4), (), FOUR),
        (ask(0), (), FOUR),  # all there are
        (ask(64), (), FOUR),  # no more than there are
        (ask(3), ("0", "2"), Shortage(3, 2, 4)),
        (ask(0), ("3",), Shortage(4, 3, 4)),
        (ask(), FOUR, Shortage(1, 0, 4)),
        (ask(1, "cpu"), FOUR, ()),
        (ask(8, "cpu"), (), ()),
        (ask(2, "cuda"), ("0",), ("1", "2")),
    ],
)
def test_a_run_gets_what_it_asks_for_of_what_is_free_or_waits(compute, in_use, given) -> None:
    assert assign(compute, FOUR, in_use, at_once=4) == given


def test_ids_are_passed_on_as_they_are_called() -> None:
    assert assign(ask(2), ("GPU-b", "GPU-a", "7"), ["GPU-b"], at_once=3) == ("GPU-a", "7")


def test_more_runs_than_gpus_share_the_least_busy_ones() -> None:
    in_use: list[str] = []
    for _ in range(4):
        given = assign(ask(), ("0", "1"), in_use, at_once=4)
        assert isinstance(given, tuple)
        in_use += given

    assert sorted(in_use) == ["0", "0", "1", "1"]
    assert assign(ask(), ("0", "1"), in_use, at_once=4) == Shortage(1, 0, 2)


def test_the_one_that_is_expected_goes_before_others_that_are_no_busier() -> None:
    assert assign(ask(), FOUR, ["0"], at_once=4, first="2") == ("2",)
    assert assign(ask(), FOUR, ["2"], at_once=4, first="2") == ("0",)


@pytest.mark.parametrize(
    ("shortage", "said"),
    [
        (Shortage(1, 0, 2), "Waiting for a GPU: 0 of 2 are free now. It starts automatically."),
        (Shortage(4, 1, 4), "Waiting for 4 GPUs: 1 of 4 is free now. It starts automatically."),
    ],
)
def test_what_is_missing_is_said_in_words(shortage: Shortage, said: str) -> None:
    assert str(shortage) == said


# --- real processes --------------------------------------------------------------------------------------------------------


@pytest.fixture
def scheduler(workspace: Workspace, fake_worker, keep_scheduler) -> Scheduler:
    """A scheduler on a machine with two GPUs, whose workers continue until they are stopped."""
    command = fake_worker("succeed-when-told")
    warm_worker = WarmWorker(command, delay_s=0.0)
    return keep_scheduler(Scheduler(workspace.store, workspace.settings, command, warm_worker=warm_worker, gpu_ids=("0", "1")))


@pytest.fixture
def launch(workspace: Workspace, run_config: RunConfig) -> Callable[..., RunRecord]:
    return lambda **compute: workspace.launch(run_config.with_values(compute))


def worker_of(workspace: Workspace, run: RunRecord) -> WorkerIdentity:
    found = workspace.run(run.id)
    assert found.state is RunState.RUNNING, found.message
    assert found.worker is not None
    return found.worker


def let_go(workspace: Workspace, scheduler: Scheduler, run: RunRecord, wait_until) -> None:
    (workspace.run_dir(run.id).folder / "go").touch()

    def has_ended() -> bool:
        scheduler.supervise()
        return workspace.run(run.id).state.is_final

    wait_until(has_ended)


def test_two_runs_work_side_by_side_on_a_gpu_each_and_a_third_waits(workspace, scheduler, launch, wait_until) -> None:
    first, second, third = launch(), launch(), launch()

    scheduler.step()

    assert gpus_of([worker_of(workspace, first)]) == ["0"]
    assert gpus_of([worker_of(workspace, second)]) == ["1"]
    assert workspace.run(third.id).state is RunState.QUEUED
    let_go(workspace, scheduler, first, wait_until)
    scheduler.step()
    assert gpus_of([worker_of(workspace, third)]) == ["0"]


def test_a_run_on_two_gpus_waits_for_both_says_so_and_is_not_overtaken(workspace, scheduler, launch, wait_until) -> None:
    desk = QueueDesk(workspace.store, workspace.settings, scheduler)
    one, both, behind = launch(), launch(processes=2), launch()

    scheduler.step()

    assert [run.id for run in workspace.queue()] == [both.id, behind.id]
    assert desk.waits_for(both) == "Waiting for 2 GPUs: 1 of 2 is free now. It starts automatically."
    assert desk.waits_for(behind).startswith("Waiting for 2 runs ahead of it")
    let_go(workspace, scheduler, one, wait_until)
    assert desk.waits_for(both) == "Next in the queue: it starts in a moment."
    scheduler.step()
    assert gpus_of([worker_of(workspace, both)]) == ["0", "1"]
    assert desk.waits_for(behind) == "Waiting for a GPU: 0 of 2 are free now. It starts automatically."


def test_a_run_on_the_processor_is_given_no_gpu(workspace, scheduler, launch) -> None:
    on_processor, on_all = launch(device="cpu"), launch(processes=0)

    scheduler.step()

    assert gpus_of([worker_of(workspace, on_processor)]) == []
    assert gpus_of([worker_of(workspace, on_all)]) == ["0", "1"]


def test_after_a_restart_the_gpus_of_workers_that_live_are_known(workspace, scheduler, launch) -> None:
    first = launch()
    scheduler.step()
    scheduler.disown()
    second = launch()
    after = Scheduler(workspace.store, workspace.settings, scheduler._worker_command, gpu_ids=("0", "1"))

    after.step()
    after.stop()

    assert gpus_of([worker_of(workspace, first), worker_of(workspace, second)]) == ["0", "1"]


def test_the_waiting_worker_has_the_gpu_that_the_next_run_will_get(workspace, scheduler, launch, wait_until) -> None:
    first = launch()
    scheduler.step()
    scheduler.expect_launch()
    scheduler.step()
    waiting = scheduler.warm_worker.worker
    assert waiting is not None
    assert gpus_of([waiting]) == ["1"]
    let_go(workspace, scheduler, first, wait_until)

    second = launch()
    scheduler.step()

    assert worker_of(workspace, second) == waiting  # although the other GPU is free again


def test_with_one_gpu_or_none_there_is_no_choice_to_make(workspace, fake_worker, launch, step_until_ended) -> None:
    scheduler = Scheduler(workspace.store, workspace.settings, fake_worker("show-surroundings"), gpu_ids=("0",))
    run = launch(processes=2)

    assert step_until_ended(workspace, scheduler, run.id) is RunState.SUCCEEDED
    scheduler.stop()
    given = json.loads((workspace.run_dir(run.id).folder / "surroundings.json").read_text())
    assert "CUDA_VISIBLE_DEVICES" not in given["environment"]
    assert scheduler.at_once() == 1
