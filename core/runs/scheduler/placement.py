"""Placement of runs: how many may run at once, which GPUs a run gets or still lacks, and the environment of its worker."""

from collections.abc import Sequence

from core.config.run_config import ComputeConfig
from core.config.settings import Settings
from core.errors import UserError
from core.models.hub import BUNDLED
from core.runs.directory.run_dir import RunDir
from core.runs.process import other_trainers
from core.runs.scheduler.gpus import VISIBLE, Shortage, assign, gpus, gpus_of
from core.runs.scheduler.worker_env import worker_environment
from core.runs.store.records import RunRecord
from core.runs.store.store import Store


class Placement:
    """Assigns the runs of a workspace to the devices of this machine.

    Args:
        store: the database, which lists the running runs.
        settings: where the workspace is, and its limits.
        max_running: how many runs may run at the same time, overriding people and settings; ``None`` leaves it to them.
        gpu_ids: the GPUs of the machine; detected unless given.
    """

    def __init__(
        self, store: Store, settings: Settings, *, max_running: int | None = None, gpu_ids: Sequence[str] | None = None
    ) -> None:
        self._store = store
        self._settings = settings
        self._max_running = max_running
        self._gpu_ids = gpu_ids

    def at_once(self) -> int:
        """How many runs may run at the same time: as people set it, else as settings say, else one for each device."""
        return (
            self._max_running or self._store.order.switches().at_once or self._settings.max_running or max(1, len(self._gpus()))
        )

    def devices(self, record: RunRecord, *, first: str = "") -> tuple[str, ...] | Shortage:
        """The GPUs for a run that is to start now, or those it lacks.

        Args:
            record: the run.
            first: a GPU that is preferred to others that are equally busy.
        """
        if len(self._gpus()) < 2:
            return ()
        try:
            compute = RunDir(self._settings.runs_folder / record.id).config().compute
        except (OSError, UserError):
            return ()  # its start will fail and report why
        return self._assigned(compute, first)

    def environment(self, model: str, devices: tuple[str, ...]) -> dict[str, str]:
        """The environment of a worker that starts now, for a model, on these GPUs."""
        is_alone = self.at_once() == 1 and not other_trainers.somebody_trains()
        # With at most one GPU there is no choice to make.
        choice = {VISIBLE: ",".join(devices)} if len(self._gpus()) > 1 else {}
        return worker_environment(self._settings, model, is_alone=is_alone) | choice

    def environment_to_expect(self, *, first: str = "") -> dict[str, str]:
        """The environment that the next run will most likely need: the bundled model, one device."""
        devices = self._assigned(ComputeConfig(), first)
        return self.environment(BUNDLED, () if isinstance(devices, Shortage) else devices)

    def _assigned(self, compute: ComputeConfig, first: str) -> tuple[str, ...] | Shortage:
        workers = [run.worker for run in self._store.running() if run.worker is not None]
        return assign(compute, self._gpus(), gpus_of(workers), at_once=self.at_once(), first=first)

    def _gpus(self) -> Sequence[str]:
        return gpus() if self._gpu_ids is None else self._gpu_ids
