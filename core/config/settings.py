"""Settings of the process: the workspace and its limits, read once from the environment variables ``TUNEBOARD_*``."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ConfigError
from core.files.text_patterns import MEMORY_SIZE
from core.text_format import shown

PROJECT_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The immutable settings of one process.

    Attributes:
        home: folder of the workspace; Tuneboard writes all its files below it.
        database_url: SQLAlchemy URL of the database; empty for SQLite inside ``home``. ``core.runs.store.engine.url_of`` gives
            the URL that is opened.
        max_upload_mib: largest file that is accepted, in MiB.
        max_session_files: most uploaded files one open page may hold at a time.
        max_session_mib: most MiB of uploads one open page may hold at a time; 0 means three files of the largest size.
        max_rows: most rows one data set may have.
        max_text_characters: longest text of a row, in characters; rows with longer texts are skipped at import.
        max_labels: most labels one data set may have.
        max_queue: most runs that may be queued at a time.
        max_running: most runs that train at a time; 0 means one per device.
        min_free_mib: with less free disk space than this, in MiB, no run starts and a running one stops with a checkpoint.
        max_run_hours: hours after which a run stops with a checkpoint; 0 means no limit.
        threads: CPU threads one worker may use; 0 means all cores.
        max_memory_mib: main memory one worker may use, in MiB; 0 means as much as machine and control group have.
        resident_worker: 1 keeps a warm worker, with its imports done, while a page is open, so that runs start sooner; 0 is off.
        model_roots: folders that local models must lie in; empty means anywhere that this user can read.
        hub_models: patterns of hub ids that may be downloaded, such as ``google-bert/*``; empty means any.
    """

    home: Path
    database_url: str = ""
    max_upload_mib: int = 200
    max_session_files: int = 50
    max_session_mib: int = 0
    max_rows: int = 2_000_000
    max_text_characters: int = 1_000_000
    max_labels: int = 1000
    max_queue: int = 1000
    max_running: int = 0
    min_free_mib: int = 512
    max_run_hours: int = 0
    threads: int = 0
    max_memory_mib: int = 0
    resident_worker: int = 1
    model_roots: tuple[Path, ...] = ()
    hub_models: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the variables that ``VARIABLES`` names.

        Raises:
            ConfigError: a number is not a whole number or is below its minimum, or a folder is not an absolute path.
        """
        environ = os.environ if environ is None else environ
        home = Path(environ.get("TUNEBOARD_HOME") or "workspace").expanduser().resolve()
        return cls(
            home=home,
            database_url=environ.get("TUNEBOARD_DATABASE_URL", ""),
            max_upload_mib=whole_number(environ, "TUNEBOARD_MAX_UPLOAD_MIB", cls.max_upload_mib, minimum=1),
            max_session_files=whole_number(environ, "TUNEBOARD_MAX_SESSION_FILES", cls.max_session_files, minimum=1),
            max_session_mib=whole_number(environ, "TUNEBOARD_MAX_SESSION_MIB", cls.max_session_mib, minimum=0),
            max_rows=whole_number(environ, "TUNEBOARD_MAX_ROWS", cls.max_rows, minimum=1),
            max_text_characters=whole_number(environ, "TUNEBOARD_MAX_TEXT_CHARACTERS", cls.max_text_characters, minimum=1),
            max_labels=whole_number(environ, "TUNEBOARD_MAX_LABELS", cls.max_labels, minimum=2),
            max_queue=whole_number(environ, "TUNEBOARD_MAX_QUEUE", cls.max_queue, minimum=1),
            max_running=whole_number(environ, "TUNEBOARD_MAX_RUNNING", cls.max_running, minimum=0),
            min_free_mib=whole_number(environ, "TUNEBOARD_MIN_FREE_MIB", cls.min_free_mib, minimum=0),
            max_run_hours=whole_number(environ, "TUNEBOARD_MAX_RUN_HOURS", cls.max_run_hours, minimum=0),
            threads=whole_number(environ, "TUNEBOARD_THREADS", cls.threads, minimum=0),
            max_memory_mib=memory_size(environ, "TUNEBOARD_MAX_MEMORY", cls.max_memory_mib),
            resident_worker=whole_number(environ, "TUNEBOARD_RESIDENT_WORKER", cls.resident_worker, minimum=0),
            model_roots=tuple(_folder("TUNEBOARD_MODEL_ROOTS", one) for one in listed(environ, "TUNEBOARD_MODEL_ROOTS")),
            hub_models=listed(environ, "TUNEBOARD_HUB_MODELS"),
        )

    @property
    def import_limits(self) -> dict[str, int]:
        """The limits passed to ``core.datasets.importing.prepare.prepare``."""
        return {"max_rows": self.max_rows, "max_text_characters": self.max_text_characters, "max_labels": self.max_labels}

    @property
    def max_session_bytes(self) -> int:
        """Most bytes of uploads one open page may hold: by default a training, a validation and a test file."""
        return (self.max_session_mib or 3 * self.max_upload_mib) * 1024 * 1024

    @property
    def datasets_folder(self) -> Path:
        """One folder for each data set, named by its id."""
        return self.home / "datasets"

    @property
    def runs_folder(self) -> Path:
        """One folder for each run, named by its id."""
        return self.home / "runs"

    @property
    def uploads_folder(self) -> Path:
        """Uploaded files that have not become a data set yet."""
        return self.home / "uploads"

    @property
    def work_folder(self) -> Path:
        """Temporary files, such as a table while its file is read; no later process needs them."""
        return self.home / "work"

    @property
    def reading_limits(self) -> dict[str, Any]:
        """The limits and the work folder passed to ``core.datasets.readers.read_table.read_table``."""
        return {"max_mib": self.max_upload_mib, "max_rows": self.max_rows, "work": self.work_folder}

    @property
    def hub_models_folder(self) -> Path:
        """Models downloaded from the hub."""
        return self.home / "models"

    @property
    def database_file(self) -> Path:
        """The database, unless another one is set."""
        return self.home / "tuneboard.db"

    @property
    def queue_lock(self) -> Path:
        """The file whose lock makes one process the owner of the queue."""
        return self.home / "queue.lock"

    @property
    def versions_lock(self) -> Path:
        """The file whose lock is held while a new version of a data set is numbered and recorded."""
        return self.home / "versions.lock"


VARIABLES = {
    "TUNEBOARD_HOME": "home",
    "TUNEBOARD_DATABASE_URL": "database_url",
    "TUNEBOARD_MAX_UPLOAD_MIB": "max_upload_mib",
    "TUNEBOARD_MAX_SESSION_FILES": "max_session_files",
    "TUNEBOARD_MAX_SESSION_MIB": "max_session_mib",
    "TUNEBOARD_MAX_ROWS": "max_rows",
    "TUNEBOARD_MAX_TEXT_CHARACTERS": "max_text_characters",
    "TUNEBOARD_MAX_LABELS": "max_labels",
    "TUNEBOARD_MAX_QUEUE": "max_queue",
    "TUNEBOARD_MAX_RUNNING": "max_running",
    "TUNEBOARD_MIN_FREE_MIB": "min_free_mib",
    "TUNEBOARD_MAX_RUN_HOURS": "max_run_hours",
    "TUNEBOARD_THREADS": "threads",
    "TUNEBOARD_MAX_MEMORY": "max_memory_mib",
    "TUNEBOARD_RESIDENT_WORKER": "resident_worker",
    "TUNEBOARD_MODEL_ROOTS": "model_roots",
    "TUNEBOARD_HUB_MODELS": "hub_models",
}
"""Environment variable -> the setting it gives."""


def whole_number(environ: Mapping[str, str], name: str, default: int, *, minimum: int) -> int:
    """The number in a variable, or the default if it is unset.

    Raises:
        ConfigError: it is not a whole number of at least ``minimum``.
    """
    raw = environ.get(name, "")
    if not raw.strip():
        return default
    try:
        value = int(raw)
    except ValueError:
        value = minimum - 1
    if value < minimum:
        raise ConfigError(name, f"is {shown(raw)}; expected a whole number of at least {minimum}. Correct or unset the variable.")
    return value


SMALLEST_MEMORY_MIB = 512
"""Smallest memory limit: with less, no worker can even load its libraries."""


def memory_size(environ: Mapping[str, str], name: str, default: int) -> int:
    """The size in a variable, such as ``5GiB``, in MiB, or the default if it is unset.

    Raises:
        ConfigError: it is not a size, or is too small for any worker.
    """
    raw = environ.get(name, "").strip()
    if not raw:
        return default
    found = MEMORY_SIZE.fullmatch(raw)
    size = 0 if found is None else int(float(f"{found[1]}.{found[2] or 0}") * {"M": 1, "G": 2**10, "T": 2**20}[found[3]])
    if size < SMALLEST_MEMORY_MIB:
        raise ConfigError(
            name,
            f"is {raw[:40]!r}; expected a size of at least {SMALLEST_MEMORY_MIB}MiB, such as 5GiB or 800MiB. "
            "Correct or unset the variable.",
        )
    return size


def listed(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    """The comma-separated entries of a variable, without empty entries and duplicates."""
    return tuple(dict.fromkeys(one.strip() for one in environ.get(name, "").split(",") if one.strip()))


def _folder(name: str, raw: str) -> Path:
    folder = Path(raw).expanduser()
    if not folder.is_absolute():
        raise ConfigError(name, f"holds {shown(raw)}; expected absolute paths of folders, separated by commas.")
    return folder.resolve()
