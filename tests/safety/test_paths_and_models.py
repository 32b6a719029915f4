"""Paths stay inside their roots, and models come from allowed places only."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.cli import main
from core.config.run_config import DataConfig, RunConfig
from core.config.settings import Settings
from core.errors import ModelError, NotFoundError
from core.files.safe_path import inside
from core.models.policy import check_allowed
from core.runs.store.records import DatasetRecord
from core.workspace.workspace import Workspace

OUTSIDE = ["..", "../x", "/etc/passwd", "a/../..", "", ".", "a/../../b", "link", "link/x", "a\x00b", "x" * 5000]


@pytest.mark.parametrize("part", OUTSIDE)
def test_a_part_that_leads_out_of_its_root_names_nothing(tmp_path: Path, part: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)

    with pytest.raises(NotFoundError, match="does not exist in this workspace"):
        inside(root, part)


def test_what_lies_below_its_root_is_let_through(tmp_path: Path) -> None:
    assert inside(tmp_path, "20260101-000000-aaaaa", "config.yaml") == tmp_path / "20260101-000000-aaaaa" / "config.yaml"


@pytest.fixture
def workspace(tmp_path: Path):
    opened = Workspace(Settings.from_environment({"TUNEBOARD_HOME": str(tmp_path / "home")}))
    yield opened
    opened.close()


def test_a_data_set_named_like_a_path_is_deleted_without_touching_that_path(workspace: Workspace, tmp_path: Path) -> None:
    precious = tmp_path / "home" / "precious"
    precious.mkdir()
    now = datetime.now(UTC)
    record = DatasetRecord(
        id="d1", name="../precious", task="single_label", num_examples=1, num_labels=1, content_hash="c", created_at=now
    )
    workspace.store.add_dataset(record)

    workspace.delete_dataset("../precious")

    assert precious.is_dir()
    assert workspace.dataset_records() == []


@pytest.mark.parametrize("run_id", [part for part in OUTSIDE if "link" not in part])
def test_a_run_id_from_an_address_cannot_lead_elsewhere(workspace: Workspace, run_id: str) -> None:
    with pytest.raises(NotFoundError):
        workspace.run_dir(run_id)
    with pytest.raises(NotFoundError):
        workspace.run(run_id)


def test_a_person_alone_may_point_to_any_folder(tmp_path: Path) -> None:
    check_allowed(str(tmp_path), roots=(), hub_models=(), is_shared=False)


@pytest.mark.parametrize("reference", ["/etc", "~/model", "../model", "./model", "a/b/c", "/", "\\\\server\\share"])
def test_on_a_shared_server_no_folder_may_be_named_unless_it_is_below_a_root(tmp_path: Path, reference: str) -> None:
    with pytest.raises(ModelError, match="no folder"):
        check_allowed(reference, roots=(), hub_models=(), is_shared=True)
    with pytest.raises(ModelError, match="TUNEBOARD_MODEL_ROOTS"):
        check_allowed(reference, roots=(tmp_path,), hub_models=(), is_shared=False)


def test_a_folder_below_a_root_may_be_named_but_not_one_that_only_looks_so(tmp_path: Path) -> None:
    root, beside = tmp_path / "models", tmp_path / "models-secret"
    (root / "bert").mkdir(parents=True)
    beside.mkdir()
    (root / "link").symlink_to(beside)

    check_allowed(str(root / "bert"), roots=(root,), hub_models=(), is_shared=True)
    for elsewhere in (beside, root / ".." / "models-secret", root / "link"):
        with pytest.raises(ModelError):
            check_allowed(str(elsewhere), roots=(root,), hub_models=(), is_shared=True)


def test_hub_models_may_be_held_to_a_list(tmp_path: Path) -> None:
    allowed = ("google-bert/*", "microsoft/deberta-v3-small")

    for reference in ("bundled", "google-bert/bert-base-uncased", "microsoft/deberta-v3-small"):
        check_allowed(reference, roots=(tmp_path,), hub_models=allowed, is_shared=True)
    for reference in ("somebody/google-bert", "microsoft/deberta-v3-large", "google-bert"):
        with pytest.raises(ModelError, match="TUNEBOARD_HUB_MODELS"):
            check_allowed(reference, roots=(tmp_path,), hub_models=allowed, is_shared=True)


def test_launching_asks_whether_the_model_is_allowed(
    workspace: Workspace, run_config: Callable[..., RunConfig], tmp_path: Path
) -> None:
    workspace.settings = replace(workspace.settings, hub_models=("google-bert/*",))

    with pytest.raises(ModelError, match="google-bert"):
        workspace.launch(run_config("somebody/model"))
    with pytest.raises(ModelError, match="no folder"):
        workspace.for_user("ada").launch(run_config(str(tmp_path)))
    assert workspace.runs() == []


def test_the_command_line_reads_nothing_of_a_folder_that_may_not_be_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"text number {number},{'ab'[number % 2]}" for number in range(40)]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    settings = Settings.from_environment(
        {"TUNEBOARD_HOME": str(tmp_path / "home"), "TUNEBOARD_MODEL_ROOTS": str(tmp_path / "models")}
    )
    assert main(["import", str(tmp_path / "rows.csv"), "--name", "rows"], settings=settings) == 0

    assert main(["train", "rows", "--model", str(elsewhere)], settings=settings) != 0

    assert "TUNEBOARD_MODEL_ROOTS" in capsys.readouterr().err


@pytest.fixture
def run_config() -> Callable[[str], RunConfig]:
    data = DataConfig(dataset="d1", dataset_hash="c" * 64, task="single_label")
    return lambda model: RunConfig(data=data).with_values({"model.model": model})
