"""A PostgreSQL server for the tests: its own folder, no network, ended with the session."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

_PATIENCE_S = 30.0


def programs() -> Path | None:
    """Folder of PostgreSQL's programs; ``None`` if it is not installed."""
    found = shutil.which("postgres")
    candidates = [Path(found).resolve().parent] if found else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in candidates if (folder / "postgres").exists() and (folder / "initdb").exists()), None)


class PostgreSQL:
    """A server that only this session can reach, by a socket in a temporary folder; it keeps nothing."""

    def __init__(self) -> None:
        folder = programs()
        assert folder is not None, "PostgreSQL is not installed; tests/install_postgresql.sh does it."
        self._home = Path(tempfile.mkdtemp(prefix="tuneboard-pg-"))
        who = _somebody_else()
        if who:
            os.chown(self._home, pwd.getpwnam(who["user"]).pw_uid, -1)
        data = self._home / "data"
        first_steps = [str(folder / "initdb"), "-D", str(data), "-U", "tests", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run([*first_steps, "--locale=C"], check=True, capture_output=True, cwd=self._home, **who)
        # A database of tests may be lost; without waiting for the disk it is several times faster.
        options = ["listen_addresses=", "fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=16MB"]
        command = [str(folder / "postgres"), "-D", str(data), "-k", str(self._home)]
        for option in options:
            command += ["-c", option]
        with (self._home / "log").open("wb") as log:
            self._process = subprocess.Popen(command, cwd=self._home, stdout=log, stderr=log, start_new_session=True, **who)
        try:
            self._wait()
        except BaseException:
            self.end()
            raise

    def new_database(self) -> str:
        """URL of an empty place for tables, apart from all others."""
        name = f"t{uuid.uuid4().hex}"
        engine = sa.create_engine(self._url())
        with engine.begin() as connection:
            connection.execute(sa.schema.CreateSchema(name))
        engine.dispose()
        return f"{self._url()}&options={quote(f'-csearch_path={name}')}"

    def end(self) -> None:
        """Stop the server and remove what it wrote."""
        self._process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown: connections are ended, none is waited for
        try:
            self._process.wait(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._home, ignore_errors=True)

    def _url(self) -> str:
        return f"postgresql+psycopg://tests@/postgres?host={quote(str(self._home))}"

    def _wait(self) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        engine = sa.create_engine(self._url())
        while True:
            try:
                engine.connect().close()
                break
            except sa.exc.OperationalError:
                said = (self._home / "log").read_text(encoding="utf-8", errors="replace")
                assert self._process.poll() is None, f"PostgreSQL has ended: {said[-2000:]}"
                assert time.monotonic() < deadline, f"PostgreSQL does not answer: {said[-2000:]}"
                time.sleep(0.02)  # between two looks, not for luck
        engine.dispose()


def _somebody_else() -> dict[str, Any]:
    """As whom to run it: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in known else "nobody")
    return {"user": user.pw_name, "group": user.pw_gid, "extra_groups": []}
