"""From tables to a data set: plans, splits, validation and the import summary."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.datasets.dataset import hash_examples, open_dataset
from core.datasets.importing.prepare import ImportPlan, guess_plan, guess_task, prepare, write
from core.datasets.table import Table
from core.errors import DatasetError

Read = Callable[..., Table]

SINGLE = ImportPlan(task="single_label", roles={"text": ("text",), "label": ("label",)})


def table(rows: list[dict[str, Any]], file_name: str = "a.csv") -> Table:
    frame = pd.DataFrame(rows, dtype=object)
    frame = frame.where(frame.notna(), None)
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return Table(rows=frame, file_name=file_name, format="csv", lines={i: i + 1 for i in range(1, len(frame) + 1)})


def labelled(*labels: str, start: int = 0) -> list[dict[str, Any]]:
    return [{"text": f"text {start + i} about {label}", "label": label} for i, label in enumerate(labels)]


# --- plans --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "text", "label"),
    [
        (("text", "label"), "text", "label"),
        (("category", "utterance"), "utterance", "category"),
        (("标签", "内容"), "内容", "标签"),
        (("类别", "文本"), "文本", "类别"),
        (("id", "Review_Text", "stars"), "Review_Text", "stars"),
        (("ラベル", "テキスト"), "テキスト", "ラベル"),
        (("a", "b"), "b", "a"),
    ],
)
def test_columns_are_guessed_from_names_and_content_in_any_order(columns: tuple[str, ...], text: str, label: str) -> None:
    values = {"id": str, text: lambda i: f"this is sentence number {i} of many", label: lambda i: "good" if i % 2 else "bad"}
    rows = [{name: values[name](i) for name in columns} for i in range(30)]

    plan = guess_plan(table(rows))

    assert plan.task == "single_label"
    assert plan.roles == {"text": (text,), "label": (label,)}


def test_a_split_column_is_guessed_and_plays_no_other_role() -> None:
    rows = [{"text": f"some text {i}", "label": "ab"[i % 2], "set": ("Train", "dev", "TEST")[i % 3]} for i in range(30)]

    plan = guess_plan(table(rows))

    assert (plan.split_column, plan.roles["label"]) == ("set", ("label",))


def test_the_task_is_guessed_from_how_the_labels_are_written() -> None:
    texts = [f"some text of row {i}" for i in range(20)]

    def guess(**columns: Any) -> str:
        return guess_task(
            table([{"text": text, **{k: v[i % len(v)] for k, v in columns.items()}} for i, text in enumerate(texts)]).rows
        )

    assert guess(label=["a", "b"]) == "single_label"
    assert guess(label=["bed, bath", "kitchen", "garden, tools"]) == "single_label"
    assert guess(labels=['["a"]', "[]", '["a", "b"]']) == "multi_label"
    assert guess(genres=["a|b", "b", "a|c", "c"]) == "multi_label"
    assert guess(spam=["0", "1"], rude=["1", "0", "0"]) == "multi_label"
    assert guess(label=["a", "b"], label_2=["c", None, "a"]) == "multi_label"
    assert guess(entities=['[[0, 4, "X"]]', "[]"]) == "token_classification"
    assert guess(tokens=['["a", "b"]'], ner_tags=['["O", "B-X"]']) == "token_classification"


# --- splits -------------------------------------------------------------------------------------------------------------------


def test_without_splits_a_stratified_one_is_made_and_described() -> None:
    prepared = prepare({"main": table(labelled(*"abcd" * 50))}, SINGLE)

    assert prepared.num_examples == {"train": 160, "validation": 20, "test": 20}
    assert prepared.splitting["method"] == "stratified"
    assert prepared.splitting["fractions"] == [0.8, 0.1, 0.1]
    assert prepared.splitting["drawn"] == ["validation", "test"]
    assert prepared.label_counts["test"] == dict.fromkeys("abcd", 5)


def test_the_seed_alone_decides_the_splits() -> None:
    tables = {"main": table(labelled(*"abcd" * 50))}
    first, again, other = (prepare(tables, replace(SINGLE, seed=seed)).examples for seed in (1, 1, 2))

    assert first.equals(again)
    assert not first["split"].equals(other["split"])


def test_identical_texts_stay_in_one_split() -> None:
    rows = [{"text": f"text {i % 20}", "label": "ab"[i % 2]} for i in range(200)]
    examples = prepare({"main": table(rows)}, SINGLE).examples

    assert (examples.groupby("text")["split"].nunique() == 1).all()


def test_a_split_column_is_obeyed_in_whatever_words_and_odd_values_are_set_aside() -> None:
    words = ["train", "Training", "训练", "dev", "VALID", "test", "测试", "later", None]
    rows = [{**row, "split": words[i % 9]} for i, row in enumerate(labelled(*"ab" * 27))]
    prepared = prepare({"main": table(rows)}, replace(SINGLE, split_column="split"))

    assert prepared.num_examples == {"train": 18, "validation": 12, "test": 12}
    assert Counter(entry.reason for entry in prepared.set_aside) == {
        "Column 'split' contains 'later'; expected train, validation or test.": 6,
        "Column 'split' contains no value; expected train, validation or test.": 6,
    }


def test_a_split_column_without_training_rows_or_not_there_is_refused() -> None:
    rows = [{**row, "split": "test"} for row in labelled(*"abab")]
    with pytest.raises(DatasetError, match="has no training rows"):
        prepare({"main": table(rows)}, replace(SINGLE, split_column="split"))
    with pytest.raises(DatasetError, match="no column 'fold'"):
        prepare({"main": table(rows)}, replace(SINGLE, split_column="fold"))


@pytest.mark.parametrize(("given_part", "drawn"), [("test", "validation"), ("validation", "test")])
def test_where_only_one_of_validation_and_test_is_given_the_other_is_drawn_from_training(given_part: str, drawn: str) -> None:
    prepared = prepare({"main": table(labelled(*"ab" * 50)), given_part: table(labelled(*"ab" * 5, start=1000))}, SINGLE)

    assert prepared.num_examples == {"train": 90, drawn: 10, given_part: 10}
    assert prepared.splitting["drawn"] == [drawn]
    assert any(f"There was no {drawn} split" in note for note in prepared.notes)


def test_given_files_are_taken_whole() -> None:
    parts = {"main": 30, "validation": 6, "test": 8}
    prepared = prepare({part: table(labelled(*"ab" * (n // 2), start=100 * n)) for part, n in parts.items()}, SINGLE)

    assert prepared.num_examples == {"train": 30, "validation": 6, "test": 8}
    assert prepared.splitting == {"method": "files"}


def test_rows_of_test_with_a_label_training_never_saw_are_set_aside_with_their_file() -> None:
    tables = {"main": table(labelled(*"ab" * 20)), "test": table(labelled(*"abz", start=500), "t.csv")}
    prepared = prepare(tables, SINGLE)

    assert prepared.num_examples["test"] == 2
    (entry,) = prepared.set_aside
    assert (entry.part, entry.file_name, entry.record, entry.line) == ("test", "t.csv", 3, 4)
    assert "'z'" in entry.reason


def test_a_test_file_with_none_of_the_labels_of_training_is_refused() -> None:
    with pytest.raises(DatasetError, match="Every row of the test split has labels that do not occur in training"):
        prepare({"main": table(labelled(*"ab" * 20)), "test": table(labelled(*"xyz"))}, SINGLE)


@pytest.mark.parametrize("fractions", [(0.8, 0.1, 0.2), (1.0, 0.0, 0.0), (0.5, 0.6, -0.1), (float("nan"), 0.5, 0.5)])
def test_shares_that_make_no_three_splits_are_refused(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(DatasetError, match="expected 3 numbers above 0 that sum to 1"):
        prepare({"main": table(labelled(*"ab" * 20))}, replace(SINGLE, fractions=fractions))


# --- what cannot be trained on ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (labelled(*"a" * 20), "only one label, 'a'"),
        (labelled("a"), "only one label, 'a'"),
        (labelled("a", "b"), "needs at least 2|cannot fill"),
        ([{"text": None, "label": "a"}, {"text": "x", "label": None}], "None of the 2 records can be used"),
        ([{"text": None, "label": "a"}], "The only record cannot be used. No value in column 'text'"),
        ([{"text": f"text {i}", "label": f"id-{i}"} for i in range(40)], "probably an id or free text"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_plainly(rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        prepare({"main": table(rows)}, SINGLE)


def test_more_labels_than_allowed_are_refused() -> None:
    with pytest.raises(DatasetError, match="30 different labels; at most 20"):
        prepare({"main": table(labelled(*[f"l{i % 30}" for i in range(120)]))}, SINGLE, max_labels=20)


def test_columns_that_are_not_there_are_named_with_those_that_are() -> None:
    with pytest.raises(DatasetError, match=r"no column 'topic'.*'text', 'label'"):
        prepare({"main": table(labelled(*"ab" * 5))}, replace(SINGLE, roles={"text": ("text",), "label": ("topic",)}))
    with pytest.raises(DatasetError, match="No column is selected for 'Label column'"):
        prepare({"main": table(labelled(*"ab" * 5))}, replace(SINGLE, roles={"text": ("text",)}))


def test_with_several_files_the_one_at_fault_is_named() -> None:
    test = table([{"text": "a", "topic": "b"}], "t.csv")
    with pytest.raises(DatasetError, match=r"^t\.csv: There is no column 'label'"):
        prepare({"main": table(labelled(*"ab" * 5)), "test": test}, SINGLE)


def test_a_label_with_a_single_example_stays_in_training() -> None:
    prepared = prepare({"main": table(labelled(*"ab" * 20, "rare"))}, SINGLE)

    assert prepared.label_counts["train"]["rare"] == 1
    assert "rare" in prepared.labels


def test_what_the_checks_find_is_not_said_a_second_time_by_the_import() -> None:
    rows = labelled(*"ab" * 20, "B", "rare")
    prepared = prepare({"main": table([*rows, rows[0], {"text": rows[0]["text"], "label": "b"}])}, SINGLE)

    assert prepared.notes == []


# --- the import summary -------------------------------------------------------------------------------------------------------


def test_missing_cells_are_set_aside_with_column_record_and_line() -> None:
    rows = [*labelled(*"ab" * 20), {"text": " ", "label": "a"}, {"text": "x", "label": None}]
    prepared = prepare({"main": table(rows)}, SINGLE)

    assert [(entry.record, entry.line, entry.reason) for entry in prepared.set_aside] == [
        (41, 42, "No value in column 'text'."),
        (42, 43, "No value in column 'label'."),
    ]


CELLS = st.sampled_from([None, "", " ", "a", "b", " a ", "long text here", "x|y", '["a"]', "[", "0", "1", "😀"])


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=40), st.sampled_from(["single_label", "multi_label"]))
@settings(deadline=None)
def test_every_record_is_kept_or_set_aside_exactly_once(cells: list[tuple[str | None, str | None]], task: str) -> None:
    main = table([{"text": text, "label": label} for text, label in cells])
    role = "label" if task == "single_label" else "labels"
    plan = ImportPlan(task=task, roles={"text": ("text",), role: ("label",)})
    try:
        prepared = prepare({"main": main}, plan)
    except DatasetError:
        return

    records = [*prepared.examples["record"], *(entry.record for entry in prepared.set_aside)]
    assert sorted(records) == main.rows.index.tolist()
    assert prepared.source["records"] == prepared.source["kept"] + prepared.source["set_aside"] == len(cells)


def test_a_data_set_written_and_opened_again_is_the_same(tmp_path: Path) -> None:
    prepared = prepare({"main": table(labelled(*"ab" * 20))}, SINGLE)
    written = write(prepared, tmp_path / "ds-1")
    opened = open_dataset(tmp_path / "ds-1")

    assert opened == written
    assert (opened.id, opened.task, opened.labels) == ("ds-1", "single_label", ("a", "b"))
    assert opened.num_examples == prepared.num_examples
    assert opened.examples().to_dict("list") == prepared.examples.to_dict("list")
    assert opened.examples("test")["id"].tolist() == prepared.examples.query("split == 'test'")["id"].tolist()


def test_the_hashes_depend_on_the_rows_and_on_nothing_else(tmp_path: Path) -> None:
    rows = labelled(*"ab" * 20)

    def hashes(name: str, rows: list[dict[str, Any]], seed: int = 0) -> tuple[str, str]:
        written = write(prepare({"main": table(rows, f"{name}.csv")}, replace(SINGLE, seed=seed)), tmp_path / name)
        return written.content_hash, written.test_hash

    first = hashes("one", rows)
    changed = hashes("three", [*rows[:-1], {"text": "else", "label": "b"}])
    assert hashes("two", rows) == first
    assert changed[0] != first[0]
    assert hashes("four", rows, seed=1)[0] != first[0]


def test_the_hash_is_that_of_the_rows_as_lists_in_json() -> None:
    texts = ['a "quoted" \\ text', "two\nlines\r\nand\u2028more\x85", "größer 你好 😀\t\x01", "half \ud800"]
    rows = pd.DataFrame({"split": ["train"] * 4, "text": texts, "labels": [["a", "b"], [], ["ü"], np.array(["c"])]}, dtype=object)
    lines = [json.dumps([split, text, list(labels)], ensure_ascii=False) + "\n" for split, text, labels in rows.to_numpy()]

    expected = hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()
    assert hash_examples(rows, ["split", "text", "labels"]) == expected


def test_a_file_with_ragged_rows_is_accounted_for_from_bytes_to_data_set(read: Read) -> None:
    main = read("a.csv", "text,label\n" + "".join(f"day {i},{'xy'[i % 2]}\n" for i in range(20)) + "one,two,three\n,x\n")
    prepared = prepare({"main": main}, SINGLE)

    (file,) = prepared.source["files"]
    assert (file["records"], file["kept"], file["set_aside"]) == (22, 20, 2)
    assert [entry["line"] for entry in prepared.source["set_aside_reasons"]] == [22, 23]
