"""How much memory reading files takes: ``python -m tests.core.datasets.readers.growth FILE…``, one line of JSON each.

Each is read, prepared and saved as a data set, as by a server.

Every table is kept until the end, as a page keeps those it has shown.
"""

import json
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import psutil

from core.config.settings import Settings
from core.datasets.importing.prepare import guess_plan, write
from core.datasets.importing.prepare_sandboxed import prepare_elsewhere
from core.datasets.readers.read_table import read_table
from core.errors import UserError

LIMITS = Settings.from_environment({"TUNEBOARD_HOME": "/nowhere"}).import_limits


def measure(path: Path, work: Path, kept: list[Any]) -> dict[str, Any]:
    """The result for a file, and the peak memory growth of this process in MiB."""
    process, ended, most = psutil.Process(), threading.Event(), [0]
    before = process.memory_info().rss

    def look() -> None:
        while not ended.wait(0.005):
            most[0] = max(most[0], process.memory_info().rss)

    thread = threading.Thread(target=look)
    thread.start()
    said = ""
    try:
        table = read_table(path, work=work)
        said = f"{len(table.rows)} rows, {len(table.set_aside)} skipped"
        kept += [table, table.rows.head(50).to_numpy(), next(iter(table.set_aside), None)]
        prepared = prepare_elsewhere({"main": table}, guess_plan(table), limits=LIMITS, work=work)
        said += f"; {len(prepared.examples)} kept, {len(prepared.set_aside)} not"
        kept.append(prepared)
        write(prepared, work / f"saved-{len(kept)}")
    except UserError as error:
        said += str(error)
    finally:
        ended.set()
        thread.join()
    return {"said": said, "growth_mib": round((max(most[0], process.memory_info().rss) - before) / 2**20)}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.csv"
        rows = [f"text number {i},label {i % 3}\n" for i in range(200_000)]
        small.write_text("text,label\n" + "".join(rows), encoding="utf-8")
        everything: list[Any] = []
        measure(small, Path(folder) / "work", everything)  # modules that are imported at first use do not count
        for name in sys.argv[1:]:
            print(json.dumps(measure(Path(name), Path(folder) / "work", everything)), flush=True)
