"""Random sequences of events that happen to runs: the database always has their true state."""

import os
import signal
import tempfile
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from core.config.settings import Settings
from core.errors import RunError
from core.runs.process import processes
from core.runs.scheduler.scheduler import Scheduler
from core.runs.scheduler.stop_escalation import StopTimes
from core.runs.store.records import RunState, WorkerIdentity
from core.workspace.workspace import Workspace
from tests.core.conftest import DATASET_ID


class Supervision(RuleBasedStateMachine):
    """A workspace whose workers are stand-ins: a table of identities that live or die as the rules say."""

    runs = Bundle("runs")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.workspace = Workspace(Settings.from_environment({"TUNEBOARD_HOME": self.folder.name}))
        _add_dataset(self.workspace)
        self.alive: dict[WorkerIdentity, str] = {}
        self.signals: list[tuple[WorkerIdentity, signal.Signals]] = []
        self.next_pid = 100
        self.expected: dict[str, RunState] = {}
        self.real = {name: getattr(processes, name) for name in ("start", "is_alive", "exit_code", "send", "find", "forget")}
        processes.start = self._start
        processes.is_alive = lambda worker: worker in self.alive
        processes.exit_code = lambda worker: None if worker in self.alive else -signal.SIGKILL
        processes.send = self._send
        processes.find = lambda arguments: next((one for one, run in self.alive.items() if run == arguments[0]), None)
        processes.forget = lambda _: None
        self.scheduler = self._new_launcher()

    def teardown(self) -> None:
        for name, function in self.real.items():
            setattr(processes, name, function)
        self.scheduler.stop()
        self.workspace.close()
        self.folder.cleanup()

    # --- the stand-ins -----------------------------------------------------------------------------------------------------

    def _new_launcher(self) -> Scheduler:
        at_once = StopTimes(unheard_s=0.0, terminate_s=1e9, kill_s=1e9)
        return Scheduler(self.workspace.store, self.workspace.settings, ("worker",), max_running=2, stop_times=at_once)

    def _start(self, command, **_):
        self.next_pid += 1
        worker = WorkerIdentity(pid=self.next_pid, started_at=float(self.next_pid), boot_id=processes.boot_id())
        assert command[1] not in self.alive.values(), "a second worker for one run"
        self.alive[worker] = command[1]
        return worker

    def _send(self, worker, number):
        assert worker in self.alive, "a signal to a process that is not ours"
        self.signals.append((worker, number))
        return True

    def _says(self, run_id: str, state: RunState, worker: WorkerIdentity) -> None:
        self.workspace.run_dir(run_id).append_event("state", "", state=str(state), pid=worker.pid)

    def _worker_of(self, run_id: str) -> WorkerIdentity | None:
        folder = str(self.workspace.run_dir(run_id).folder)
        return next((one for one, run in self.alive.items() if run == folder), None)

    # --- what people do ----------------------------------------------------------------------------------------------------

    @rule(target=runs)
    def launch(self) -> str:
        from core.config.run_config import DataConfig, RunConfig

        data = DataConfig(dataset=DATASET_ID, dataset_hash="c" * 64, task="single_label")
        return self.workspace.launch(RunConfig(data=data)).id

    @rule(run=runs)
    def stop(self, run: str) -> None:
        before = self.workspace.run(run)
        try:
            after = self.workspace.stop(run)
        except RunError:
            assert before.state.is_final
            return
        assert after.state is RunState.CANCELLED or after.stop_requested

    @rule(run=runs)
    def resume(self, run: str) -> None:
        before = self.workspace.run(run).state
        try:
            self.workspace.resume(run)
        except RunError:
            assert before in (RunState.QUEUED, RunState.RUNNING, RunState.SUCCEEDED)

    @rule(run=consumes(runs))
    def delete(self, run: str) -> None:
        while True:  # a running run must be stopped before
            try:
                self.workspace.delete_run(run)
                break
            except RunError:
                assert self.workspace.run(run).state is RunState.RUNNING
                worker = self._worker_of(run)
                if worker is not None:
                    del self.alive[worker]
                self.scheduler.own()
                self.scheduler.supervise()
        assert not self.workspace.run_dir(run).folder.exists()

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        self.workspace.desk.pause(paused)

    @rule(run=runs, step=st.sampled_from(["first", "up", "down", "last"]))
    def move(self, run: str, step) -> None:
        if self.workspace.run(run).state is RunState.QUEUED:
            before = {one.id for one in self.workspace.queue()}
            self.workspace.desk.move(run, step)
            assert {one.id for one in self.workspace.queue()} == before

    # --- what the world does -----------------------------------------------------------------------------------------------

    @rule()
    def a_round(self) -> None:
        self.scheduler.step()

    @rule()
    def the_server_is_killed_and_another_comes(self) -> None:
        self.scheduler.disown()  # the system releases a dead process's lock
        self.scheduler = self._new_launcher()

    @rule(run=runs)
    def the_server_is_killed_before_it_noted_its_worker(self, run: str) -> None:
        if self.workspace.run(run).state is RunState.RUNNING:
            self.workspace.store._update(run, worker_pid=None, worker_started_at=None, worker_boot_id=None)
            self.the_server_is_killed_and_another_comes()

    @rule(run=runs, last_word=st.sampled_from([None, *[state for state in RunState if state.is_final]]))
    def the_worker_ends(self, run: str, last_word: RunState | None) -> None:
        worker = self._worker_of(run)
        if worker is None:
            return
        self._says(run, RunState.RUNNING, worker)
        if last_word is RunState.SUCCEEDED:
            self.workspace.run_dir(run).write_result({"task": "single_label"})
        if last_word is not None:
            self._says(run, last_word, worker)
        stopped = self.workspace.run(run).stop_requested
        self.expected[run] = last_word or (RunState.CANCELLED if stopped else RunState.INTERRUPTED)
        if stopped and last_word is RunState.INTERRUPTED:
            self.expected[run] = RunState.CANCELLED
        del self.alive[worker]

    @rule()
    def the_machine_is_restarted(self) -> None:
        self.alive.clear()
        self.the_server_is_killed_and_another_comes()

    # --- what must always be true ------------------------------------------------------------------------------------------

    @invariant()
    def no_run_has_two_workers(self) -> None:
        assert len(set(self.alive.values())) == len(self.alive)

    @invariant()
    def nobody_works_on_a_run_that_is_not_running(self) -> None:
        running = {str(self.workspace.run_dir(run.id).folder) for run in self.workspace.store.running()}
        assert set(self.alive.values()) <= running

    @invariant()
    def after_a_round_the_catalogue_agrees_with_the_world(self) -> None:
        self.scheduler.own()
        self.scheduler.supervise()
        for run in self.workspace.runs():
            worker = self._worker_of(run.id)
            assert (run.state is RunState.RUNNING) == (worker is not None), (run, worker)
            assert run.worker == worker
            if run.state.is_final:
                expected = self.expected.pop(run.id, run.state)
                assert run.state is expected, (run, expected)
            else:
                assert run.finished_at is None
        assert len(self.alive) <= 2


def _add_dataset(workspace: Workspace) -> None:
    from datetime import UTC, datetime

    import pandas as pd

    from core.datasets.dataset import write_dataset
    from core.runs.store.records import DatasetRecord

    rows = pd.DataFrame({"id": [0], "split": ["train"], "record": [1], "text": ["a"], "label": ["x"]})
    about = {
        **{"id": DATASET_ID, "task": "single_label", "labels": ["x"], "content_hash": "c" * 64, "test_hash": "t" * 64},
        **{"num_examples": {"train": 1}, "label_counts": {"train": {"x": 1}}, "splitting": {}, "source": {}, "notes": []},
    }
    write_dataset(Path(workspace.settings.datasets_folder) / DATASET_ID, rows, about)
    workspace.store.add_dataset(
        DatasetRecord(
            id=DATASET_ID,
            name="d",
            task="single_label",
            num_examples=1,
            num_labels=1,
            content_hash="c" * 64,
            created_at=datetime.now(UTC),
        )
    )


EXAMPLES = int(os.environ.get("TUNEBOARD_TEST_SEQUENCES", "15"))

TestSupervision = Supervision.TestCase
TestSupervision.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
