"""Repairs of labels, rows, splits, entities and single rows, on small data with planted faults."""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.datasets.repairs import REPAIRS, RepairResult
from core.errors import DatasetError
from core.tasks import get_task
from tests.core.datasets.planted import ENTITIES, MULTI, SINGLE, rows_of, spread


def repaired(
    name: str, examples: pd.DataFrame, task: str = SINGLE, *, extra: pd.DataFrame | None = None, **parameters: Any
) -> RepairResult:
    return REPAIRS[name].apply(examples, get_task(task), parameters, extra=extra)


SENTENCES = rows_of(
    ENTITIES,
    [
        {"words": ["Ada", "Byron", "in", "Oslo"], "tags": ["B-PER", "I-PER", "O", "B-LOC"], "split": "train"},
        {"words": ["\"", "Acme", ",", "Oslo"], "tags": ["B-ORG", "I-ORG", "I-ORG", "B-LOC"], "split": "train"},
        {"words": ["Bob", "left"], "tags": ["B-PERSON", "O"], "split": "test"},
    ],
)  # fmt: skip


# --- labels -----------------------------------------------------------------------------------------------------------------


def test_labels_are_merged_in_every_task() -> None:
    single = repaired("merge_labels", spread(SINGLE, ["Billing", "billing", "other"]), mapping={"Billing": "billing"})
    assert set(single.examples["label"]) == {"billing", "other"}
    assert single.num_changed == 20
    several = repaired("merge_labels", spread(MULTI, [["a", "b"], ["b"], []]), MULTI, mapping={"a": "b"})
    assert [list(labels) for labels in several.examples["labels"]][:3] == [["b"], ["b"], []]
    tags = repaired("merge_labels", SENTENCES, ENTITIES, mapping={"PERSON": "PER"}).examples["tags"]
    assert list(tags[2]) == ["B-PER", "O"]


def test_merging_follows_every_step_and_refuses_a_circle() -> None:
    examples = spread(SINGLE, ["a", "b", "c"])
    assert set(repaired("merge_labels", examples, mapping={"a": "b", "b": "c"}).examples["label"]) == {"c"}
    with pytest.raises(DatasetError, match="form a cycle"):
        repaired("merge_labels", examples, mapping={"a": "b", "b": "a"})


def test_rare_labels_are_dropped_or_called_something_else() -> None:
    examples = spread(SINGLE, ["often", "also often"])
    examples.loc[[3, 9], "label"] = ["once", "twice"]
    dropped = repaired("drop_rare_labels", examples, minimum=2)
    assert dropped.num_removed == 2
    assert set(dropped.removed) == {3, 9}
    pooled = repaired("drop_rare_labels", examples, minimum=2, into="other")
    assert (pooled.num_changed, pooled.num_removed) == (2, 0)
    assert Counter(pooled.examples["label"])["other"] == 2


def test_dropping_a_label_keeps_rows_that_have_others() -> None:
    several = repaired("drop_labels", spread(MULTI, [["a", "b"], ["a"], ["b"]]), MULTI, labels=["a"])
    assert several.num_removed == 20, "the rows with nothing but this label"
    assert {tuple(labels) for labels in several.examples["labels"]} == {("b",)}
    tags = repaired("drop_labels", SENTENCES, ENTITIES, labels=["LOC"]).examples["tags"]
    assert list(tags[0]) == ["B-PER", "I-PER", "O", "O"]


@pytest.mark.parametrize(("name", "parameters"), [("drop_rare_labels", {"minimum": 2}), ("drop_labels", {"labels": ["rare"]})])
def test_a_row_of_several_labels_goes_where_all_of_them_are_dropped(name: str, parameters: dict[str, Any]) -> None:
    examples = spread(MULTI, [["a", "b"], ["a"], []])
    labels = examples["labels"].tolist()
    labels[4], labels[5], labels[7] = ["rare"], ["a", "rare"] if name == "drop_labels" else ["a"], ["a"]
    examples["labels"] = pd.Series(labels, dtype=object)

    outcome = repaired(name, examples, MULTI, **parameters)

    assert set(outcome.removed) == {4}, "it would teach that no label applies to its text"
    assert "Its label 'rare'" in outcome.removed[4]
    left = outcome.examples.set_index("id")["labels"]
    assert [list(left[id_]) for id_ in (5, 7)] == [["a"], ["a"]]
    assert [id_ for id_ in left.index if not len(left[id_])] == [id_ for id_ in examples["id"] if not len(labels[id_])]


def test_a_row_goes_where_every_one_of_its_labels_is_rare() -> None:
    examples = spread(MULTI, [["a", "b"], ["a"]])
    labels = examples["labels"].tolist()
    labels[4] = ["rare", "rarer"]
    examples["labels"] = pd.Series(labels, dtype=object)

    outcome = repaired("drop_rare_labels", examples, MULTI, minimum=2)

    assert "'rare', 'rarer'" in outcome.removed[4]


def test_rows_whose_label_means_nothing_move_to_the_unlabelled_pool() -> None:
    result = repaired("unlabel", spread(SINGLE, ["a", "b", "NA"]), labels=["NA"])
    assert result.num_removed == 20
    assert result.pooled == set(result.removed)
    several = repaired("unlabel", spread(MULTI, [["a"], [], ["b"]]), MULTI)
    assert several.num_removed == 20
    assert several.pooled == set(several.removed)


# --- rows -------------------------------------------------------------------------------------------------------------------


def test_of_repeated_rows_the_one_in_the_test_stays() -> None:
    rows = [
        {"text": "same", "label": "a", "split": "train"},
        {"text": "same", "label": "a", "split": "test"},
        {"text": "same", "label": "b", "split": "train"},
        {"text": "Same!", "label": "a", "split": "validation"},
        {"text": "same", "label": "a", "split": "validation"},
        {"text": "other", "label": "a", "split": "train"},
    ]
    exact = repaired("drop_duplicates", rows_of(SINGLE, rows))
    assert exact.examples["id"].tolist() == [1, 2, 3, 5]
    assert "record 2 (test)" in exact.removed[0]
    alike = repaired("drop_duplicates", rows_of(SINGLE, rows), match="alike")
    assert alike.examples["id"].tolist() == [1, 2, 5]


@pytest.mark.parametrize(("keep", "left"), [("majority", [0, 1, 5]), ("first", [0, 1, 3, 5]), ("none", [5])])
def test_contradictions_are_settled_as_chosen(keep: str, left: list[int]) -> None:
    answers = [("x", "a"), ("x", "a"), ("x", "b"), ("y", "a"), ("y", "b"), ("z", "b")]
    examples = rows_of(SINGLE, [{"text": text, "label": label} for text, label in answers])
    assert repaired("resolve_conflicts", examples, keep=keep).examples["id"].tolist() == left


def test_chosen_rows_go_and_those_gone_already_are_named() -> None:
    result = repaired("drop_rows", spread(SINGLE, ["a", "b"]), ids=[3, 4, 999], reason="spam")
    assert result.removed == {3: "spam", 4: "spam"}
    assert any("1 selected row" in note for note in result.notes)


# --- splits -----------------------------------------------------------------------------------------------------------------


def leaky() -> pd.DataFrame:
    """Two hundred rows with forty duplicates, mostly across splits, some of them near duplicates."""
    random = np.random.default_rng(0)
    words = ["".join(random.choice(list("abcdefghijklmnopqrstuvwxyz"), 6)) for _ in range(400)]
    rows = []
    for place in range(200):
        text = " ".join(random.choice(words, 14))
        rows.append(
            {"text": text, "label": f"l{place % 4}", "split": ("train", "train", "train", "validation", "test")[place % 5]}
        )
    for place in range(40):
        twin = dict(rows[place])
        twin["text"] = twin["text"].upper() if place % 2 else twin["text"] + " indeed"
        rows.append(twin | {"split": ("test", "train", "validation")[place % 3]})
    return rows_of(SINGLE, rows)


@pytest.mark.parametrize("how", ["move", "redraw"])
def test_no_text_and_no_near_duplicate_is_left_in_two_splits(how: str) -> None:
    examples = leaky()
    result = repaired("group_duplicates_into_one_split", examples, how=how)
    split = result.examples["split"]
    assert all(split[place] == split[200 + place] for place in range(40))
    assert result.num_removed == 0
    sizes = result.examples["split"].value_counts() - examples["split"].value_counts()
    assert sizes.abs().max() <= 8, "the splits keep about their sizes"


def test_moving_leaves_rows_without_a_twin_where_they_are() -> None:
    examples = leaky()
    result = repaired("group_duplicates_into_one_split", examples)
    assert result.examples["split"][40:200].tolist() == examples["split"][40:200].tolist()


def test_no_group_is_in_two_splits_and_labels_keep_about_their_shares() -> None:
    examples = spread(SINGLE, ["a", "b", "c"], number=600)
    customers = np.random.default_rng(1).integers(0, 60, 600)
    extra = pd.DataFrame({"customer": [f"c{number}" for number in customers]}, index=examples["id"])
    result = repaired("split_by_group", examples, extra=extra, column="customer")
    splits_of = result.examples.assign(customer=customers).groupby("customer")["split"].nunique()
    assert splits_of.max() == 1
    shares = pd.crosstab(result.examples["label"], result.examples["split"], normalize="index")
    assert shares["train"].between(0.7, 0.9).all()
    assert shares["test"].between(0.03, 0.2).all()
    assert result.splitting is not None
    assert result.splitting["method"] == "group"


def test_splitting_along_time_trains_on_the_oldest_and_leaves_out_what_has_no_date() -> None:
    examples = spread(SINGLE, ["a", "b"], number=100)
    days = [f"{1 + place % 28}.{1 + place // 28}.2024" for place in range(100)]
    days[7] = None  # type: ignore[call-overload] # an empty cell
    days[8] = "soon"
    extra = pd.DataFrame({"day": days}, index=examples["id"])
    result = repaired("split_by_time", examples, extra=extra, column="day", validation=20, test=20)
    assert set(result.removed) == {7, 8}
    by_split = result.examples.groupby("split")["id"]
    assert by_split.max()["train"] < by_split.min()["validation"]
    assert by_split.max()["validation"] < by_split.min()["test"]


@pytest.mark.parametrize("name", ["split_by_group", "split_by_time"])
def test_a_column_that_is_not_there_is_refused_with_those_that_are(name: str) -> None:
    extra = pd.DataFrame({"customer": ["c"] * 60}, index=range(60))
    with pytest.raises(DatasetError, match="'customer'"):
        repaired(name, spread(SINGLE, ["a", "b"]), extra=extra, column="client")


# --- entities and corrections -----------------------------------------------------------------------------------------------


def test_broken_sequences_are_mended_and_loose_punctuation_left_out() -> None:
    examples = SENTENCES.copy()
    examples.at[2, "tags"] = ["I-PERSON", "O"]
    result = repaired("fix_tags", examples, ENTITIES)
    assert [list(tags) for tags in result.examples["tags"]] == [
        ["B-PER", "I-PER", "O", "B-LOC"],
        ["O", "B-ORG", "O", "B-LOC"],
        ["B-PERSON", "O"],
    ]
    untouched = repaired("fix_tags", examples, ENTITIES, trim=False)
    assert list(untouched.examples["tags"][1]) == ["B-ORG", "I-ORG", "I-ORG", "B-LOC"]


def test_answers_of_single_rows_are_corrected() -> None:
    single = repaired("correct_labels", spread(SINGLE, ["a", "b"]), corrections=[{"id": 2, "label": "new"}])
    assert single.examples["label"][2] == "new"
    assert single.num_changed == 1
    several = repaired("correct_labels", spread(MULTI, [["a"], ["b"]]), MULTI, corrections=[{"id": 0, "labels": ["z", "a"]}])
    assert list(several.examples["labels"][0]) == ["a", "z"]
    tags = repaired("correct_labels", SENTENCES, ENTITIES, corrections=[{"id": 2, "tags": ["B-PER", "O"]}])
    assert list(tags.examples["tags"][2]) == ["B-PER", "O"]


@pytest.mark.parametrize(
    ("correction", "expected"),
    [
        ({"id": 2, "tags": ["B-PER"]}, "1 tag for 2 words"),
        ({"id": 2, "tags": ["O", "I-PER"]}, "has no preceding B- tag"),
        ({"id": 2, "tags": ["O", "PER"]}, "not a valid tag"),
        ({"id": 2}, '"tags"'),
    ],
)
def test_impossible_corrections_are_refused(correction: dict[str, Any], expected: str) -> None:
    with pytest.raises(DatasetError, match=expected):
        repaired("correct_labels", SENTENCES, ENTITIES, corrections=[correction])
