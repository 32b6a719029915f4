"""Versions in a workspace, and the commands that create, list and export them."""

import contextlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from core.config.settings import Settings
from core.datasets.dataset import Dataset
from core.datasets.repairs import parse_step
from core.datasets.versions import draft as written
from core.errors import DatasetError
from core.workspace import dataset_versions
from core.workspace.workspace import Workspace

Command = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    """A file with two spellings of a label, rows without one, addresses, customers and dates."""
    file = tmp_path / "tickets.csv"
    rows = [
        f"the  parcel {place} is late, mail a{place}@x.org,{('late', 'Late', 'lost')[place % 3] if place % 20 else ''},"
        f"c{place % 11},{1 + place % 28}.{1 + place % 12}.2024"
        for place in range(120)
    ]
    file.write_text(
        "message,kind,customer,day\n"
        + "\n".join(f'"{row.split(",")[0]},{row.split(",")[1]}",' + ",".join(row.split(",")[2:]) for row in rows)
    )
    return file


def test_import_repairs_at_once_and_keeps_the_rows_as_read(command: Command, tickets: Path, settings: Settings) -> None:
    repairs = ["--repair", "strip_whitespace", "--repair", "merge_labels:mapping=Late->late"]
    code, value = command("import", str(tickets), "--name", "Mail", *repairs, "--group-column", "customer")
    assert code == 0
    assert (value["name"], value["labels"], value["num_unlabelled"]) == ("Mail", ["late", "lost"], 6)
    assert [(one["repair"], one["num_changed"]) for one in value["repairs"]] == [("strip_whitespace", 114), ("merge_labels", 38)]
    workspace = Workspace(settings)
    as_read = workspace.dataset(value["as_read"]["dataset"])
    assert (workspace.dataset_record(as_read.id).name, as_read.labels) == ("Mail as read", ("Late", "late", "lost"))
    assert workspace.dataset_record("Mail").parent_id == as_read.id
    workspace.close()


def test_an_import_that_cannot_be_repaired_so_leaves_nothing_behind(command: Command, tickets: Path, settings: Settings) -> None:
    code, value = command("import", str(tickets), "--repair", "drop_labels:labels=late,Late,lost")
    assert code == 2
    assert "no rows would remain" in value["error"]
    workspace = Workspace(settings)
    assert workspace.dataset_records() == []
    workspace.close()


def test_repair_versions_and_export_go_together(command: Command, tickets: Path, tmp_path: Path) -> None:
    command("import", str(tickets), "--name", "Mail", "--time-column", "day")
    code, draft = command("repair", "Mail", "--repair", "mask_personal_data", "--dry-run")
    assert (code, draft["num_changed"], "dataset" in draft) == (0, 114, False)
    _, second = command("repair", "Mail", "--repair", "mask_personal_data")
    assert (second["name"], second["version"], second["test_changed"]) == ("Mail v2", 2, True)
    _, third = command("repair", "Mail v2", "--repair", "split_by_group:column=customer", "--name", "By customer")
    assert (third["name"], third["version"]) == ("By customer", 3)
    _, history = command("versions", "Mail")
    assert [(one["version"], one["name"]) for one in history["versions"]] == [(3, "By customer"), (2, "Mail v2"), (1, "Mail")]
    assert [entry["version"] for entry in history["history"]] == [2, 3]
    file = tmp_path / "out.jsonl"
    assert command("export", "By customer", str(file), "--columns")[1]["num_examples"] == 114
    first = json.loads(file.read_text().splitlines()[0])
    assert set(first) == {"text", "label", "split", "customer", "day"}
    assert "[EMAIL]" in first["text"]
    assert command("export", "By customer", str(file))[0] == 2, "a file is not replaced unless asked for"
    assert command("export", "By customer", str(file), "--force")[0] == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["repair", "Mail"], "at least one repair"),
        (["repair", "Mail", "--repair", "nonsense"], "Unknown repair 'nonsense'"),
        (["repair", "Mail", "--repair", "remove_markup"], "make no changes"),
        (["versions", "Nothing"], "no data set 'Nothing'"),
        (["export", "Mail", "mail.pdf"], "cannot be exported as 'pdf'"),
    ],
)
def test_mistakes_are_told_in_plain_words(command: Command, tickets: Path, words: list[str], expected: str) -> None:
    command("import", str(tickets), "--name", "Mail")
    code, value = command(*words)
    assert code == 2
    assert expected in value["error"]


def test_every_repair_is_listed(command: Command) -> None:
    code, value = command("repair", "--list")
    assert code == 0
    assert {"strip_whitespace", "merge_labels", "split_by_time"} <= {one["repair"] for one in value["repairs"]}


def test_deleting_a_parent_leaves_its_versions_whole(command: Command, tickets: Path, settings: Settings) -> None:
    command("import", str(tickets), "--name", "Mail")
    _, second = command("repair", "Mail", "--repair", "mask_personal_data")
    _, third = command("repair", "Mail v2", "--repair", "strip_whitespace")
    workspace = Workspace(settings)
    workspace.delete_dataset(workspace.dataset_record("Mail").id)
    workspace.delete_dataset(second["dataset"])
    left = workspace.dataset(third["dataset"])
    assert len(left.examples()) == 114
    assert [entry["version"] for entry in left.changes] == [2, 3]
    fourth = dataset_versions.save(workspace, dataset_versions.draft(workspace, left.id, [parse_step("split_anew:seed=3")]))
    assert (fourth.name, workspace.dataset(fourth.id).version) == ("Mail v4", 4)
    workspace.close()


def test_two_tabs_that_save_at_once_make_versions_two_and_three(
    command: Command, tickets: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("import", str(tickets), "--name", "Mail")
    workspace = Workspace(settings)
    parent = workspace.dataset_record("Mail").id
    drafts = [
        dataset_versions.draft(workspace, parent, [parse_step(step)]) for step in ("mask_personal_data", "strip_whitespace")
    ]
    both_write = threading.Barrier(2)
    write = written.write_version

    def write_when_the_other_does(*arguments: Any, **more: Any) -> Dataset:
        with contextlib.suppress(threading.BrokenBarrierError):  # the other one cannot start meanwhile
            both_write.wait(timeout=1.0)
        return write(*arguments, **more)

    monkeypatch.setattr(written, "write_version", write_when_the_other_does)
    with ThreadPoolExecutor() as tabs:
        made = list(tabs.map(lambda draft: dataset_versions.save(workspace, draft), drafts))

    assert sorted(record.name for record in made) == ["Mail v2", "Mail v3"]
    assert sorted(version.dataset.version for version in dataset_versions.versions(workspace, parent)) == [1, 2, 3]
    workspace.close()


def test_a_version_waits_no_longer_than_it_is_told_for_another_one(
    command: Command, tickets: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("import", str(tickets), "--name", "Mail")
    workspace = Workspace(settings)
    draft = dataset_versions.draft(workspace, "Mail", [parse_step("mask_personal_data")])
    monkeypatch.setattr(dataset_versions, "PATIENCE_S", 0.1)
    with FileLock(settings.versions_lock), pytest.raises(DatasetError, match="Another version is being saved"):
        dataset_versions.save(workspace, draft)

    assert dataset_versions.save(workspace, draft).name == "Mail v2"
    workspace.close()


@pytest.mark.parametrize(("name", "expected"), [("Mail", "Mail v3"), ("Mail v2", "Mail v3"), ("m" * 120, "m" * 117 + " v3")])
def test_versions_are_numbered(name: str, expected: str) -> None:
    assert dataset_versions.name_of_version(name, 3) == expected
