"""The metrics of a run as TensorBoard event files."""

import contextlib
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.files import durable


class TensorBoardLog:
    """Writes metrics to an event file, which is created with the first values.

    It does not use the library's writer, whose thread dies on a full disk and then blocks the next write for ever. These files
    are a copy: if they cannot be written, the run continues without them.

    Args:
        folder: where the event files go; a resumed run adds another one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: Any = None
        self.has_failed = False

    def add(self, values: Mapping[str, float]) -> None:
        """Add every namespaced metric, such as ``train/loss``, at the step in ``values``."""
        if self.has_failed:
            return
        try:
            # Imported here, so that the start of a worker does not wait for it.
            from tensorboard.compat.proto.event_pb2 import Event
            from tensorboard.compat.proto.summary_pb2 import Summary

            figures = [Summary.Value(tag=name, simple_value=value) for name, value in values.items() if "/" in name]
            if self._file is None:
                self._file = self._open()
                self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))
            self._write(Event(step=int(values["step"]), wall_time=time.time(), summary=Summary(value=figures)))
        except (OSError, ImportError):  # disk full, no permission, or TensorBoard is not installed
            self.has_failed = True
            if self._file is not None:
                with contextlib.suppress(OSError):
                    self._file.close()

    def _open(self) -> Any:
        durable.make_folder(self._folder)
        name = f"events.out.tfevents.{time.time_ns() // 10**9:010d}.{socket.gethostname()}.{os.getpid()}.{time.time_ns() % 10**9}"
        return durable.open_to_append(self._folder / name, buffering=0)

    def _write(self, event: Any) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        RecordWriter(self._file).write(event.SerializeToString())
