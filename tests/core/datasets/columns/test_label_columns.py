"""One label or several labels per row, in every format."""

import pandas as pd
import pytest

from core.datasets.columns import multi_label, single_label
from core.datasets.columns.label_lists import parse_list
from core.errors import DatasetError


def frame(**columns: list[str | None]) -> pd.DataFrame:
    rows = pd.DataFrame(columns, dtype=object)
    rows.index = pd.RangeIndex(1, len(rows) + 1)
    return rows


def labels_of(*columns: str, **cells: list[str | None]) -> list[list[str]]:
    size = len(next(iter(cells.values())))
    rows = frame(text=[f"text {i}" for i in range(size)], **cells)
    return multi_label.read(rows, {"text": ("text",), "labels": columns or tuple(cells)}).examples["labels"].tolist()


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ('["a", "b"]', ["a", "b"]),
        ("['a', 'b']", ["a", "b"]),
        ("('a', 'b')", ["a", "b"]),
        ("{'b', 'a'}", ["a", "b"]),
        ("['it''s']", ["it", "s"]),
        ("['a' 'b'\n 'c']", ["a", "b", "c"]),
        ("[a, b c]", ["a", "b c"]),
        ("[]", []),
        ("[1, 2.0, true]", ["1", "2.0", "true"]),
        ('["a", null, " b "]', ["a", "b"]),
        ('{"toxic": 1, "rude": 0, "spam": true}', ["toxic", "spam"]),
        ('["a, b", "c"]', ["a, b", "c"]),
        ('[["a"], ["b"]]', None),
        ("[__import__('os').system('true')]", None),
        ("[" * 5000 + "]" * 5000, None),
        ("[" + "-" * 50_000 + "1", None),
        ('["\\ud800"]', None),
        ("['a\\x00b']", None),
        ('["caf\\u00e9"]', ["café"]),
    ],
)
def test_a_list_in_a_cell_is_read_in_every_notation_and_never_run(cell: str, names: list[str] | None) -> None:
    assert parse_list(cell) == names


def test_labels_are_sorted_by_name_and_count_once() -> None:
    assert labels_of(labels=['["b", "a", "b"]', "[]", None]) == [["a", "b"], [], []]


@pytest.mark.parametrize("separator", ["|", ";", ",", " | ", "; ", "，"])
def test_the_separator_between_names_is_found(separator: str) -> None:
    cells: list[str | None] = [separator.join(names) for names in (["war", "drama"], ["drama"], ["love story", "war", "drama"])]

    assert labels_of(labels=cells) == [["drama", "war"], ["drama"], ["drama", "love story", "war"]]


def test_names_with_commas_survive_where_another_separator_is_used() -> None:
    assert labels_of(labels=["bed, bath|garden", "garden", "bed, bath"]) == [["bed, bath", "garden"], ["garden"], ["bed, bath"]]


def test_columns_of_zero_and_one_give_the_names_of_the_columns_and_odd_cells_are_set_aside() -> None:
    rows = frame(
        text=[f"t{i}" for i in range(12)],
        spam=["1", "0", "TRUE", "no", *["0"] * 8],
        rude=["0", "0", "yes", "1.0", *["1"] * 7, "-1"],
    )
    read = multi_label.read(rows, {"text": ("text",), "labels": ("spam", "rude")})

    assert read.examples["labels"].tolist()[:4] == [["spam"], [], ["rude", "spam"], ["rude"]]
    assert [(entry.record, entry.reason) for entry in read.set_aside] == [(12, "Column 'rude' contains '-1'; expected 0 or 1.")]


def test_ticked_boxes_are_labels_and_empty_ones_are_not() -> None:
    assert labels_of(spam=["x", None, None], rude=["X", "x", None]) == [["rude", "spam"], ["rude"], []]


def test_repeated_label_columns_are_joined() -> None:
    assert labels_of(label=["a", "b", None], label_2=["c", None, None]) == [["a", "c"], ["b"], []]


def test_rows_without_labels_are_kept_and_counted_and_rows_without_text_are_not() -> None:
    read = multi_label.read(frame(text=["x", " ", "y"], labels=["a|b", "a", None]), {"text": ("text",), "labels": ("labels",)})

    assert read.examples["record"].tolist() == [1, 3]
    assert [entry.record for entry in read.set_aside] == [2]
    assert any("1 row without any label" in note for note in read.notes)


def test_lists_of_zeros_and_ones_without_names_are_refused() -> None:
    with pytest.raises(DatasetError, match="lists of 3 zeros and ones"):
        labels_of(labels=["[0, 1, 0]", "[1, 1, 0]"])


def test_all_columns_that_belong_together_are_guessed() -> None:
    texts: list[str | None] = [f"a sentence about thing {i}" for i in range(20)]
    indicators = frame(comment=texts, id=[str(i) for i in range(20)], spam=["0", "1"] * 10, rude=["1", "0"] * 10)
    repeated = frame(text=texts, label_10=["c"] * 20, label_2=["a", "b"] * 10)

    assert multi_label.guess_roles(indicators) == {"text": ("comment",), "labels": ("spam", "rude")}
    assert multi_label.guess_roles(repeated) == {"text": ("text",), "labels": ("label_2", "label_10")}


def test_white_space_around_texts_and_labels_is_removed_and_noted_and_the_text_inside_is_untouched() -> None:
    read = single_label.read(
        frame(text=[" a  b\u00a0c \n", "plain"], label=["x ", "x"]), {"text": ("text",), "label": ("label",)}
    )

    assert read.examples["text"].tolist() == ["a  b\u00a0c", "plain"]
    assert read.examples["label"].tolist() == ["x", "x"]
    assert len(read.notes) == 2


def test_labels_that_differ_only_in_spelling_are_kept_apart() -> None:
    read = single_label.read(frame(text=["a", "b", "c"], label=["Good", "good", "bad"]), {"text": ("text",), "label": ("label",)})

    assert set(read.examples["label"]) == {"Good", "good", "bad"}


def test_the_same_column_as_text_and_label_is_refused() -> None:
    with pytest.raises(DatasetError, match="two different columns"):
        single_label.read(frame(text=["a"]), {"text": ("text",), "label": ("text",)})
    with pytest.raises(DatasetError, match="different columns"):
        multi_label.read(frame(text=["a"]), {"text": ("text",), "labels": ("text",)})
