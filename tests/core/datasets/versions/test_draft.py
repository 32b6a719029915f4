"""Versions: what they store, their history, and how they are compared."""

from pathlib import Path

import pandas as pd
import pytest

from core.datasets.dataset import open_dataset
from core.datasets.repairs import RepairStep, parse_step
from core.datasets.versions.draft import compare_versions, draft_version, write_version
from core.datasets.versions.text_diff import differences
from core.errors import DatasetError
from tests.core.datasets.planted import SINGLE, kept, rows_of, spread


def steps(*written: str) -> list[RepairStep]:
    return [parse_step(one) for one in written]


def messy(folder: Path):
    examples = spread(SINGLE, ["billing", "Billing", "card"], number=90, text="text  number {0}, mail me{0}@x.org")
    examples.loc[40, "label"] = "rare"
    extra = pd.DataFrame({"customer": [f"c{i % 13} a{i % 13}@x.org" for i in range(90)]}, index=examples["id"])
    unlabelled = pd.DataFrame({"record": [91], "text": ["no  label, mail b@x.org"]})
    return kept(folder, SINGLE, examples, extra=extra, unlabelled=unlabelled)


ALL = steps("strip_whitespace", "merge_labels:mapping=Billing->billing", "drop_rare_labels:minimum=2", "mask_personal_data")


def test_a_version_names_its_parent_and_keeps_the_account_of_every_step(tmp_path: Path) -> None:
    parent = messy(tmp_path / "one")
    version = write_version(draft_version(parent, ALL), tmp_path / "two", version=2)
    opened = open_dataset(version.folder)
    assert (opened.parent, opened.family_id, opened.version) == ("one", "one", 2)
    (change,) = opened.changes
    assert [(step["repair"], step["num_changed"], step["num_removed"]) for step in change["steps"]] == [
        ("strip_whitespace", 90, 0),
        ("merge_labels", 29, 0),
        ("drop_rare_labels", 0, 1),
        ("mask_personal_data", 89, 0),
    ]
    assert sum(change["num_examples"].values()) == sum(change["num_examples_before"].values()) - change["num_removed"]
    assert opened.removed()[["id", "answer"]].to_numpy().tolist() == [[40, "rare"]]
    again = write_version(draft_version(opened, steps("split_anew:seed=5")), tmp_path / "three", version=3)
    assert [entry["version"] for entry in again.changes] == [2, 3]
    assert again.family_id == "one"


def test_the_parent_is_not_touched(tmp_path: Path) -> None:
    parent = messy(tmp_path / "one")
    before = {file.name: file.read_bytes() for file in parent.folder.iterdir()}
    write_version(draft_version(parent, ALL), tmp_path / "two", version=2)
    assert {file.name: file.read_bytes() for file in parent.folder.iterdir()} == before


def test_the_pool_and_the_further_columns_are_treated_alike_and_groups_stay_groups(tmp_path: Path) -> None:
    version = write_version(draft_version(messy(tmp_path / "one"), ALL), tmp_path / "two", version=2)
    assert version.unlabelled()["text"].tolist() == ["no label, mail [EMAIL]"]
    customers = version.extra()["customer"]
    assert not customers.str.contains("@").any()
    assert customers.nunique() == 13


def test_rows_taken_for_unlabelled_join_the_pool(tmp_path: Path) -> None:
    draft = draft_version(messy(tmp_path / "one"), steps("unlabel:labels=rare"))
    assert len(draft.unlabelled) == 2
    assert len(draft.removed) == 1


def test_rows_whose_label_training_lost_are_left_out_and_counted(tmp_path: Path) -> None:
    parent = kept(tmp_path / "one", SINGLE, spread(SINGLE, ["a", "b"]))
    test_row = int(parent.examples("test")["id"].iloc[0])
    draft = draft_version(
        parent, [RepairStep(repair="correct_labels", parameters={"corrections": [{"id": test_row, "label": "new"}]})]
    )
    assert draft.removed["id"].tolist() == [test_row]
    assert sum(step.num_removed for step in draft.steps) == 1
    assert draft.changes_test


@pytest.mark.parametrize(("repair", "changes_test"), [("drop_duplicates", False), ("strip_whitespace", True)])
def test_a_draft_says_whether_scores_stay_comparable(tmp_path: Path, repair: str, changes_test: bool) -> None:
    examples = spread(SINGLE, ["a", "b"], text="some  text {}")
    examples.loc[0, ["text", "label"]] = examples.loc[5, ["text", "label"]].to_numpy()
    draft = draft_version(kept(tmp_path / "one", SINGLE, examples), steps(repair))
    assert draft.changes_test is changes_test


@pytest.mark.parametrize(
    ("written", "expected"),
    [("drop_labels:labels=a", "2"), ("drop_labels:labels=a,b", "no rows would remain")],
)
def test_what_could_not_be_trained_on_is_refused_before_it_is_made(tmp_path: Path, written: str, expected: str) -> None:
    with pytest.raises(DatasetError, match=expected):
        draft_version(kept(tmp_path / "one", SINGLE, spread(SINGLE, ["a", "b"])), steps(written))


def test_a_repair_without_effect_makes_no_version(tmp_path: Path) -> None:
    draft = draft_version(kept(tmp_path / "one", SINGLE, spread(SINGLE, ["a", "b"])), steps("remove_markup"))
    assert not draft.changes_anything
    with pytest.raises(DatasetError, match="make no changes"):
        write_version(draft, tmp_path / "two", version=2)
    assert not (tmp_path / "two").exists()


def test_versions_are_compared_row_by_row(tmp_path: Path) -> None:
    parent = messy(tmp_path / "one")
    version = write_version(draft_version(parent, ALL), tmp_path / "two", version=2)
    found = compare_versions(parent, version)
    assert len(found.compared.texts) == 89
    assert len(found.compared.answers) == 29
    assert found.compared.removed.tolist() == [40]
    back = compare_versions(version, parent)
    assert back.compared.added.tolist() == [40]
    other = kept(tmp_path / "other", SINGLE, spread(SINGLE, ["a", "b"]))
    with pytest.raises(DatasetError, match="same import"):
        compare_versions(other, version)


def test_a_changed_row_is_shown_with_its_difference() -> None:
    pieces = differences("Call  Ada at ada@x.org now", "Call Ada at [EMAIL] now")
    assert "".join(piece.text for piece in pieces if piece.kind != "added").replace("␣", " ") == "Call  Ada at ada@x.org now"
    assert any(piece.kind == "removed" and piece.text == "␣" for piece in pieces)
    assert "".join(piece.text for piece in pieces if piece.kind == "added") == "[EMAIL]"
    long = differences("a " * 500 + "end", "a " * 500 + "END")
    assert len("".join(piece.text for piece in long)) < 200


def test_rows_of_several_files_with_the_same_record_numbers_keep_apart(tmp_path: Path) -> None:
    rows = [
        {"text": f"t{i}", "label": "ab"[i % 2], "split": ("train", "train", "validation", "test")[i // 2 % 4]} for i in range(16)
    ]
    examples = rows_of(SINGLE, rows)
    examples["record"] = [1 + i % 4 for i in range(16)]
    draft = draft_version(kept(tmp_path / "one", SINGLE, examples), [RepairStep(repair="drop_rows", parameters={"ids": [9]})])
    assert draft.removed["id"].tolist() == [9]
    assert len(draft.examples) == 15
