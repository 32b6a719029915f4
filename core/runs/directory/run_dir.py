"""A run directory: every path in it, every append to it, and how to read it while it grows.

The worker is the only writer. It appends to ``metrics.jsonl`` and ``events.jsonl`` one whole line at a time and writes all other
files through ``core.files.durable``. ``result.json`` comes last: if it exists, the run is complete. Readers may read at any time;
a line that is still being written is left for the next read.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from core.config.run_config import RunConfig
from core.files import durable
from core.files.hashes import hashes_of
from core.files.parts import sweep_parts
from core.files.private import file_mode

RESERVE_BYTES = 65_536


class RunDir:
    """Paths and files of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config_file = folder / "config.yaml"
        self.metrics_file = folder / "metrics.jsonl"
        self.events_file = folder / "events.jsonl"
        self.log_file = folder / "worker.log"
        self.tensorboard = folder / "tensorboard"
        self.checkpoints = folder / "checkpoints"
        self.predictions_file = folder / "predictions.parquet"
        self.model = folder / "model"
        self.result_file = folder / "result.json"
        self.error_file = folder / "error.json"
        self.about_file = folder / "about.json"
        self._reserve_file = folder / ".reserve"
        self._lock_file = folder / ".worker.lock"

    # --- written once by the process that creates the run -----------------------------------------------------------------

    def create(self, config: RunConfig) -> None:
        """Create the directory with its config; an existing one is not touched.

        Raises:
            FileExistsError: it exists already.
        """
        durable.make_folder(self.folder, exist_ok=False)
        try:
            durable.write_text(self.config_file, config.to_yaml())
        except OSError:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def end_torn_lines(self) -> None:
        """End a line that an earlier worker left incomplete when it was killed, so that the next one starts on its own line.

        Other incomplete files that it left in the folder are removed.
        """
        sweep_parts(self.folder)
        for path in (self.metrics_file, self.events_file):
            if path.is_file() and path.stat().st_size and not path.read_bytes().endswith(b"\n"):
                with durable.open_to_append(path) as file:
                    file.write(b"\n")

    def note_about(self, **facts: Any) -> None:
        """Keep a copy of what is otherwise only in the database, such as the name, so that the database can be rebuilt."""
        with contextlib.suppress(OSError):  # a copy; the database has it
            durable.write_json(self.about_file, self.about() | facts)

    def about(self) -> dict[str, Any]:
        """What was stored by ``note_about``."""
        return read_json(self.about_file) or {}

    def memory_kills(self) -> int:
        """How often a worker of this run was killed for lack of memory, and the run continued automatically."""
        noted = self.about().get("memory_kills")
        return noted if isinstance(noted, int) and 0 < noted < 64 else 0

    def damaged_lines(self) -> int:
        """How many lines of metrics and events cannot be read."""
        return sum(_damaged(path) for path in (self.metrics_file, self.events_file))

    def only_worker(self) -> FileLock:
        """The lock a worker holds as long as it runs, so that a run never has two workers, whatever goes wrong elsewhere."""
        return FileLock(self._lock_file, mode=file_mode(self.folder))

    def has_worker(self) -> bool:
        """Whether a worker holds the lock now."""
        if not self._lock_file.exists():
            return False
        lock = self.only_worker()
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return True
        lock.release()
        return False

    def make_reserve(self) -> None:
        """Reserve a little disk space, so that the reason of a failure can be written even if the disk is full."""
        with contextlib.suppress(OSError):
            durable.write_bytes(self._reserve_file, os.urandom(RESERVE_BYTES))

    def release_reserve(self) -> None:
        """Free the reserved disk space for the final events."""
        with contextlib.suppress(OSError):
            self._reserve_file.unlink(missing_ok=True)

    # --- written by the worker ---------------------------------------------------------------------------------------------

    def append_metrics(self, values: Mapping[str, float]) -> None:
        """Add one line of metrics: ``step``, ``epoch``, ``time_s`` and namespaced keys such as ``train/loss``."""
        _append_line(self.metrics_file, values)

    def append_event(self, kind: str, message: str, **facts: Any) -> None:
        """Add one event.

        Args:
            kind: ``plan`` (facts: total_steps, steps_per_epoch, epochs, device, precision …), ``phase`` (facts: phase), ``state``
                (facts: state), ``info`` or ``warning``.
            message: a plain sentence for the person watching.
        """
        _append_line(self.events_file, {"time": datetime.now(UTC).isoformat(), "kind": kind, "message": message, **facts})

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Write the result, synced to the disk: afterwards the run is complete.

        Args:
            result: plain values. The sha256 hashes of the config, the predictions and the model are added as ``files``; those
                of metrics and events are not, as they may still grow.
        """
        for grows in (self.metrics_file, self.events_file):
            if grows.is_file():
                durable.sync_file(grows)
        files = hashes_of(self.folder, (self.config_file, self.predictions_file, self.model))
        durable.write_json(self.result_file, {**result, "files": files})

    def write_error(self, message: str, *, details: str = "") -> None:
        """Write why the run failed: ``message`` is shown to the user, ``details`` are for developers."""
        durable.write_json(self.error_file, {"message": message, "details": details})

    # --- read by everybody -------------------------------------------------------------------------------------------------

    def config(self) -> RunConfig:
        """The run's config as it was launched."""
        return RunConfig.from_yaml(self.config_file.read_text(encoding="utf-8"))

    def result(self) -> dict[str, Any] | None:
        """The content of ``result.json``; ``None`` while the run is not complete."""
        return read_json(self.result_file)

    def error(self) -> dict[str, Any] | None:
        """The content of ``error.json``; ``None`` if it does not exist."""
        return read_json(self.error_file)

    def metrics(self) -> list[dict[str, Any]]:
        """Every whole line of ``metrics.jsonl``."""
        return LineReader(self.metrics_file).read_new()

    def events(self) -> list[dict[str, Any]]:
        """Every whole line of ``events.jsonl``."""
        return LineReader(self.events_file).read_new()

    def log_tail(self, num_lines: int = 20, max_bytes: int = 16_384) -> list[str]:
        """The last lines of the worker's log."""
        try:
            with self.log_file.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - max_bytes))
                text = log.read().decode("utf-8", errors="replace")
        except FileNotFoundError:
            return []
        return text.splitlines()[-num_lines:]


@dataclass
class LineReader:
    """Reads a growing file of JSON lines, each line once."""

    path: Path
    offset: int = 0

    @classmethod
    def at_end(cls, path: Path, num_bytes: int) -> "LineReader":
        """A reader that starts with the last whole lines of a file within ``num_bytes``."""
        try:
            start = max(0, path.stat().st_size - num_bytes)
            with path.open("rb") as lines:
                lines.seek(start)
                return cls(path, start + len(lines.readline()) if start else 0)
        except FileNotFoundError:
            return cls(path)

    def read_new(self) -> list[dict[str, Any]]:
        """Lines completed since the last call; a damaged line is left out."""
        try:
            with self.path.open("rb") as lines:
                lines.seek(self.offset)
                data = lines.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self.offset += len(whole)
        values = []
        for line in whole.splitlines():
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                values.append(value)
        return values


def read_json(path: Path) -> dict[str, Any] | None:
    """The mapping in a JSON file; ``None`` if the file is missing or damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _append_line(path: Path, value: Mapping[str, Any]) -> None:
    """Add a whole line; if the disk is too full for all of it, nothing is added."""
    line = (json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n").encode()
    with durable.open_to_append(path, buffering=0) as file:
        before = file.seek(0, os.SEEK_END)
        try:
            written = file.write(line)
            while written < len(line):
                written += file.write(line[written:])
        except OSError:
            with contextlib.suppress(OSError):
                file.truncate(before)
            raise


def _damaged(path: Path) -> int:
    reader = LineReader(path)
    num_read = len(reader.read_new())
    try:
        with path.open("rb") as lines:
            return sum(1 for line in lines if line.strip()) - num_read
    except FileNotFoundError:
        return 0
