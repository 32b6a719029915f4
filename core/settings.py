"""Where the workspace is and which limits hold, read once from the environment variables ``TUNEBOARD_*``."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigError

PROJECT_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The frozen surroundings of one process.

    Attributes:
        home: folder of the workspace; everything Tuneboard writes lies below it.
        database_url: SQLAlchemy URL of the catalogue; SQLite inside ``home`` unless set.
        max_upload_mib: largest file that is accepted, in MiB.
        max_labels: most labels one data set may have.
        threads: processor threads one worker may use; 0 means all cores.
    """

    home: Path
    database_url: str
    max_upload_mib: int = 200
    max_labels: int = 1000
    threads: int = 0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read ``TUNEBOARD_HOME``, ``TUNEBOARD_DATABASE_URL``, ``TUNEBOARD_MAX_UPLOAD_MIB``, ``TUNEBOARD_MAX_LABELS`` and
        ``TUNEBOARD_THREADS``.

        Raises:
            ConfigError: a number is not a whole number of at least its smallest value.
        """
        environ = os.environ if environ is None else environ
        home = Path(environ.get("TUNEBOARD_HOME") or "workspace").expanduser().resolve()
        return cls(
            home=home,
            database_url=environ.get("TUNEBOARD_DATABASE_URL") or f"sqlite:///{home / 'tuneboard.db'}",
            max_upload_mib=_whole_number(environ, "TUNEBOARD_MAX_UPLOAD_MIB", cls.max_upload_mib, minimum=1),
            max_labels=_whole_number(environ, "TUNEBOARD_MAX_LABELS", cls.max_labels, minimum=2),
            threads=_whole_number(environ, "TUNEBOARD_THREADS", cls.threads, minimum=0),
        )

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
    def hub_models_folder(self) -> Path:
        """Models downloaded from the hub because somebody asked for them."""
        return self.home / "models"

    @property
    def queue_lock(self) -> Path:
        """The file whose lock makes one process the owner of the queue."""
        return self.home / "queue.lock"


def _whole_number(environ: Mapping[str, str], name: str, default: int, *, minimum: int) -> int:
    raw = environ.get(name, "")
    if not raw.strip():
        return default
    try:
        value = int(raw)
    except ValueError:
        value = minimum - 1
    if value < minimum:
        raise ConfigError(name, f"is {raw!r}; expected a whole number of at least {minimum}. Correct or unset the variable.")
    return value
