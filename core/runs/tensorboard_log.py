"""The same figures as TensorBoard event files, for those who watch their runs there."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class TensorBoardLog:
    """Writes lines of figures to an event file, made when the first line comes.

    Args:
        folder: where the event files go; a resumed run adds another to it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None

    def add(self, values: Mapping[str, float]) -> None:
        """Add every namespaced figure of a line, such as ``train/loss``, at the line's step."""
        # Loaded here, so that the first point of a run does not wait for it.
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        if self._writer is None:
            self._writer = EventFileWriter(str(self._folder))
        figures = [Summary.Value(tag=name, simple_value=value) for name, value in values.items() if "/" in name]
        self._writer.add_event(Event(step=int(values["step"]), wall_time=time.time(), summary=Summary(value=figures)))
        self._writer.flush()
