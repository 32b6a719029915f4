"""From a file to predictions with the network closed: nobody asks for it, and no log holds a text, a token or a password."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from starlette.types import Scope

from core.config.access import Access
from core.config.origins import parse_origin
from core.config.settings import PROJECT_ROOT, Settings
from core.training.planning.run_plan import new_run_config
from core.workspace.workspace import Workspace
from dashboard.server.security import SameOrigin
from tests.safety.knocking import serving, surroundings

WATCHING = Path(__file__).parent / "watching"
PLANTED = "Xylographica"
TOKEN = "hf_planted0token0that0no0log0may0hold"


def watched(folder: Path) -> dict[str, str]:
    """Variables under which every Python process is watched."""
    return {
        "PYTHONPATH": os.pathsep.join([str(WATCHING), str(PROJECT_ROOT)]),
        "WATCHED_CONNECTIONS": str(folder / "connections"),
        "HF_TOKEN": TOKEN,
        "TUNEBOARD_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


def core(folder: Path, *arguments: str) -> str:
    """One command of ``python -m core``; what it prints."""
    environment = surroundings(folder) | watched(folder)
    del environment["HF_HUB_OFFLINE"]  # nothing may keep the product from the network but itself
    run = [sys.executable, "-m", "core", *arguments]
    done = subprocess.run(run, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert PLANTED not in done.stderr
    return done.stdout


@pytest.mark.training
def test_from_file_to_prediction_nothing_asks_for_the_network_and_no_log_holds_a_text(tmp_path: Path, tiny_model: Path) -> None:
    rows = [
        f"the sky is {PLANTED} {number} {('blue', 'green')[number % 2]},{('sea', 'leaf')[number % 2]}" for number in range(80)
    ]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")

    dataset = json.loads(core(tmp_path, "import", "rows.csv", "--name", "colours", "--json"))["dataset"]
    with serving(tmp_path, ["dashboard", "--headless", "--port", "PORT"], **watched(tmp_path)) as server:
        workspace = Workspace(Settings.from_environment({"TUNEBOARD_HOME": str(tmp_path / "workspace")}))
        config, _ = new_run_config(
            workspace.dataset(dataset), hub_folder=tmp_path, model=str(tiny_model), values={"epochs": 1, "batch_size": 8}
        )
        run = workspace.launch(config)
        deadline = time.monotonic() + 120
        while not workspace.run(run.id).state.is_final:
            assert time.monotonic() < deadline, (tmp_path / "server.log").read_text()
            time.sleep(0.1)  # between two looks, not for luck
        assert workspace.run(run.id).state.value == "succeeded", workspace.run(run.id).message
        for page in ("", "train", "runs", "run", "results", "predict"):
            assert isinstance(server.page(page), str)
        server_log = server.log.read_text(errors="replace")
        workspace.close()
    answer = core(tmp_path, "predict", run.id, f"the sea is {PLANTED}", "--json")
    assert json.loads(answer)

    seen = (tmp_path / "connections").read_text().splitlines()
    started = [line for line in seen if line.startswith("started")]
    assert [line for line in seen if line.startswith("ELSEWHERE")] == []
    assert {word for line in started for word in ("dashboard", "core.runs") if word in line} == {"dashboard", "core.runs"}

    folder = workspace.settings.runs_folder / run.id
    for log in (folder / "worker.log", folder / "events.jsonl", folder / "metrics.jsonl"):
        assert PLANTED not in log.read_text(errors="replace"), log.name
    assert PLANTED not in server_log
    kept = [path for path in (tmp_path / "workspace").rglob("*") if path.is_file()]
    assert [path for path in kept if TOKEN.encode() in path.read_bytes()] == []
    assert TOKEN not in server_log


def test_another_site_that_knocks_does_not_make_the_server_ask_around(tmp_path: Path) -> None:
    """Streamlit would ask a server on the internet for this machine's address, to compare it with where the knock came from."""
    with serving(tmp_path, ["dashboard", "--headless", "--port", "PORT"], **watched(tmp_path)) as server:
        for origin in ("https://evil.example", "http://127.0.0.1:1", "http://127.0.0.1", "null", "http://[", "file://"):
            assert server.knock(origin=origin) == 403, origin
        assert isinstance(server.page(origin=f"http://127.0.0.1:{server.port}"), str)

    seen = (tmp_path / "connections").read_text().splitlines()
    assert any("dashboard" in line for line in seen if line.startswith("started"))
    assert [line for line in seen if line.startswith("ELSEWHERE")] == []


@pytest.mark.parametrize("host", ["b.example", "127.0.0.1:8501", "[::1]:8501"])
@pytest.mark.parametrize("origin", ["https://b.example", "https://b.example:8443", "http://[::1]:8501"])
def test_every_origin_of_the_server_is_one_streamlit_takes_without_a_look_up(host: str, origin: str) -> None:
    passed: list[Scope] = []

    async def streamlit(scope: Scope, *_: object) -> None:
        passed.append(scope)

    known = parse_origin(origin)
    assert known is not None
    access = Access(allowed_hosts=("a.example", "b.example", "127.0.0.1", "::1"), allowed_origins=(known,))
    headers = [(b"host", host.encode()), (b"origin", origin.encode())]
    scope = {"type": "websocket", "scheme": "ws", "path": "/_stcore/stream", "headers": headers}
    asyncio.run(SameOrigin(streamlit, access)(scope, None, None))  # type: ignore[arg-type] # nothing is received or sent

    (scope,) = passed
    said = dict(scope["headers"])
    assert said[b"origin"].decode() == origin
    assert said[b"host"].decode() == origin.partition("://")[2]


def test_a_password_in_the_database_url_is_never_shown(tmp_path: Path) -> None:
    url = "postgresql+psycopg://somebody:planted-password@127.0.0.1:9/none"
    environment = surroundings(tmp_path) | {"TUNEBOARD_DATABASE_URL": url}

    for command in (["doctor"], ["doctor", "--json"], ["runs"]):
        run = [sys.executable, "-m", "core", *command]
        done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode != 0
        assert "planted-password" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
