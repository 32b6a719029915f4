"""Every limit can be set, holds, and says what it is and how to raise it; bad values are refused before anything starts."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from core.cli import main
from core.config.access import Access, AccessControl
from core.config.run_config import DataConfig, RunConfig
from core.config.settings import VARIABLES, Settings
from core.datasets.importing.prepare import ImportPlan, prepare
from core.datasets.table import Table
from core.errors import ConfigError, DatasetError, RunError, UserError
from core.runs.scheduler.worker_env import worker_environment
from core.runs.store.records import RunState
from core.workspace.workspace import Workspace
from tests.dashboard import made_workspace

PLAN = ImportPlan(task="single_label", roles={"text": ("text",), "label": ("label",)})
NUMBERS = [
    "TUNEBOARD_MAX_SESSION_FILES", "TUNEBOARD_MAX_SESSION_MIB",
    "TUNEBOARD_MAX_UPLOAD_MIB", "TUNEBOARD_MAX_ROWS", "TUNEBOARD_MAX_TEXT_CHARACTERS", "TUNEBOARD_MAX_LABELS",
    "TUNEBOARD_MAX_QUEUE", "TUNEBOARD_MAX_RUNNING", "TUNEBOARD_MIN_FREE_MIB", "TUNEBOARD_MAX_RUN_HOURS", "TUNEBOARD_THREADS",
]  # fmt: skip


def table(texts: list[str]) -> Table:
    rows = pd.DataFrame({"text": texts, "label": ["ab"[i % 2] for i in range(len(texts))]}, dtype=object)
    rows.index = pd.RangeIndex(1, len(rows) + 1)
    return Table(rows=rows, file_name="a.csv", format="csv")


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["many", "-1", "1.5", "1e3", "9" * 5000])
def test_a_limit_that_is_no_whole_number_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Settings.from_environment({name: value})


@pytest.mark.parametrize("name", NUMBERS)
def test_a_limit_is_what_its_variable_says(name: str) -> None:
    assert getattr(Settings.from_environment({name: "7"}), VARIABLES[name]) == 7


@pytest.mark.parametrize(
    ("size", "mib"), [("5GiB", 5120), ("5 GiB", 5120), ("1.5GiB", 1536), ("800MiB", 800), ("1TiB", 2**20), ("", 0)]
)
def test_a_worker_s_memory_is_what_its_variable_says(size: str, mib: int) -> None:
    settings = Settings.from_environment({"TUNEBOARD_MAX_MEMORY": size})

    assert settings.max_memory_mib == mib
    given = worker_environment(settings, "bundled", {})
    assert Settings.from_environment(given).max_memory_mib == mib


@pytest.mark.parametrize("size", ["5", "5GB", "lots", "-5GiB", "1MiB", "0GiB", "5gib", "9" * 5000, "٥GiB", "5GiB\n5GiB"])
def test_a_memory_size_that_is_none_is_refused_by_its_name(size: str) -> None:
    with pytest.raises(ConfigError, match="TUNEBOARD_MAX_MEMORY") as met:
        Settings.from_environment({"TUNEBOARD_MAX_MEMORY": size})
    assert len(str(met.value)) < 300


@pytest.mark.parametrize(
    "environ",
    [
        {"TUNEBOARD_MODEL_ROOTS": "models"},
        {"TUNEBOARD_ACCESS": "yes"},
        {"TUNEBOARD_TRUSTED_PROXIES": "the proxy"},
        {"TUNEBOARD_PORT": "http"},
    ],
)
def test_a_rule_that_cannot_be_understood_is_refused_by_its_name(environ: dict[str, str]) -> None:
    read = Settings.from_environment if "TUNEBOARD_MODEL_ROOTS" in environ else Access.from_environment

    with pytest.raises(ConfigError, match=next(iter(environ))):
        read(environ)


def test_more_rows_than_allowed_are_refused() -> None:
    with pytest.raises(DatasetError, match=r"40 rows; at most 39.*TUNEBOARD_MAX_ROWS"):
        prepare({"main": table([f"text {i}" for i in range(40)])}, PLAN, max_rows=39)


def test_a_longer_text_than_allowed_is_set_aside_with_its_record() -> None:
    texts = [f"text {i}" for i in range(40)]
    texts[6] = "x" * 101

    prepared = prepare({"main": table(texts)}, PLAN, max_text_characters=100)

    assert [entry.record for entry in prepared.set_aside] == [7]
    assert "101 characters; at most 100 are allowed" in prepared.set_aside[0].reason
    assert "TUNEBOARD_MAX_TEXT_CHARACTERS" in prepared.set_aside[0].reason
    assert 7 not in prepared.examples["record"].tolist()


def test_at_the_limits_everything_is_taken() -> None:
    texts = [f"{i:05d}" + "x" * 95 for i in range(40)]

    prepared = prepare({"main": table(texts)}, PLAN, max_rows=40, max_text_characters=100, max_labels=2)

    assert len(prepared.examples) == 40


def test_a_full_queue_takes_no_more_runs_from_anybody(tmp_path: Path) -> None:
    workspace = made_workspace.open_workspace(tmp_path)
    dataset = made_workspace.make_dataset(workspace, "single_label", "tickets", made_workspace.single_label_examples(copies=2))
    workspace.settings = replace(workspace.settings, max_queue=2)
    for number in range(2):
        made_workspace.make_run(workspace, dataset, f"run {number}")
    config = RunConfig(data=DataConfig(dataset=dataset.id, dataset_hash=dataset.content_hash, task=dataset.task))

    for asking in (workspace, workspace.for_user("root", is_administrator=True)):
        with pytest.raises(RunError, match=r"2 runs are queued already.*TUNEBOARD_MAX_QUEUE"):
            asking.launch(config)

    assert len(list(workspace.settings.runs_folder.iterdir())) == 2
    workspace.stop(workspace.queue()[0].id)
    assert workspace.launch(config).state is RunState.QUEUED
    workspace.close()


def test_the_doctor_shows_what_every_variable_says_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUNEBOARD_PROXY_SECRET", "planted-secret-of-a-proxy")
    monkeypatch.setenv("TUNEBOARD_HUB_MODELS", "google-bert/*, bundled")

    main(["doctor", "--json"], settings=Settings.from_environment({"TUNEBOARD_HOME": str(tmp_path), "TUNEBOARD_MAX_ROWS": "5"}))

    said = capsys.readouterr().out
    shown = json.loads(said)["settings"]
    assert set(VARIABLES) | set(Access().described()) == set(shown)
    assert shown["TUNEBOARD_MAX_ROWS"] == 5
    assert shown["TUNEBOARD_PROXY_SECRET"] == "set"
    assert "planted-secret" not in said


BEHIND_PROXY: dict[str, object] = {"control": AccessControl.PROXY, "users": ("*",), "user_header": "X"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"address": "0.0.0.0"}, "where others can reach it without signing in"),
        ({"address": "::"}, "where others can reach it without signing in"),
        ({"address": "192.168.1.5"}, "where others can reach it without signing in"),
        ({"address": "tuneboard.example.org"}, "where others can reach it without signing in"),
        ({"control": AccessControl.PROXY}, "TUNEBOARD_USERS"),
        ({"control": AccessControl.PROXY, "users": ("*",)}, "TUNEBOARD_USER_HEADER"),
        ({"control": AccessControl.PROXY, "users": ("*",), "address": "0.0.0.0"}, "TUNEBOARD_ALLOWED_HOSTS"),
        (BEHIND_PROXY | {"proxy_secret": "short"}, "could be guessed"),
        (
            BEHIND_PROXY | {"trusted_proxies": ("0.0.0.0/0",)},
            "which trusts every address",
        ),
        ({"control": AccessControl.OIDC, "users": ("*",)}, "no identity provider"),
    ],
)
def test_rules_that_would_let_strangers_in_are_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        replace(Access(), **change).check_start(can_sign_in=False)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost", "127.0.0.2"])
def test_this_machines_own_addresses_need_no_sign_in(address: str) -> None:
    replace(Access(), address=address).check_start(can_sign_in=False)


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 400, "eve@example.com", "ada@example.org.evil.com"])
def test_a_name_that_no_pattern_lets_in_is_nobody(name: str) -> None:
    assert replace(Access(), users=("*@example.org",)).user(name) is None


@pytest.mark.parametrize(("peer", "trusted"), [("10.0.0.5", True), ("::ffff:10.0.0.5", True), ("10.0.1.5", False), (None, False)])
def test_only_the_proxys_addresses_are_believed(peer: str | None, trusted: bool) -> None:
    assert replace(Access(), trusted_proxies=("10.0.0.0/24",)).trusts_peer(peer) is trusted


def test_limits_are_told_to_the_import(tmp_path: Path) -> None:
    settings = Settings.from_environment({"TUNEBOARD_HOME": str(tmp_path), "TUNEBOARD_MAX_ROWS": "3"})

    assert Workspace(settings).settings.import_limits["max_rows"] == 3
