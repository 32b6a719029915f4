"""Splits by group and by time, and the extra columns that an import keeps."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.datasets.importing.prepare import ImportPlan, prepare
from core.datasets.readers.build_table import build_table
from core.datasets.splitting.grouped import split_by_group, split_by_time
from core.datasets.table import Table
from core.errors import DatasetError
from core.tasks.skip_reasons import Reason
from tests.strata import pairs_of

SHARES = (0.8, 0.1, 0.1)


def table_of(rows: list[dict[str, Any]]) -> Table:
    names = list(rows[0])
    columns = [[row[name] for row in rows] for name in names]
    return build_table(names, columns, range(1, len(rows) + 1), file_name="made.csv", file_format="csv", reading={})


def tickets(number: int = 120) -> list[dict[str, Any]]:
    return [
        {
            "message": f"message number {place}",
            "topic": f"topic {place % 3}",
            "customer": f"c{place % 17}",
            "sent": f"2024-{1 + place % 12:02d}-{1 + place % 28:02d}",
        }
        for place in range(number)
    ]


PLAN: dict[str, Any] = {"task": "single_label", "roles": {"text": ("message",), "label": ("topic",)}}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=3, max_size=80), st.integers(0, 3))
@settings(deadline=None)
def test_no_group_is_ever_in_two_splits_and_every_split_has_rows(rows: list[tuple[int, int]], seed: int) -> None:
    groups = [f"g{group}" for group, _ in rows]
    strata = pairs_of(np.eye(4, dtype=bool)[[label for _, label in rows]])
    if len(set(groups)) < 3:
        with pytest.raises(DatasetError, match="at least 3"):
            split_by_group(groups, strata, SHARES, seed, column="g")
        return
    names = np.array(split_by_group(groups, strata, SHARES, seed, column="g").names, dtype=object)
    assert set(names) == {"train", "validation", "test"}
    assert all(len(set(names[np.array(groups) == group])) == 1 for group in set(groups))


def test_many_small_groups_meet_the_shares() -> None:
    random = np.random.default_rng(0)
    groups = [f"g{number}" for number in random.integers(0, 400, 2000)]
    labels = random.integers(0, 5, 2000)
    names = np.array(split_by_group(groups, pairs_of(np.eye(5, dtype=bool)[labels]), SHARES, 0, column="g").names)
    for split, share in zip(("train", "validation", "test"), SHARES, strict=True):
        assert np.mean(names == split) == pytest.approx(share, abs=0.02)
        assert [np.mean(names[labels == label] == split) for label in range(5)] == pytest.approx([share] * 5, abs=0.05)


def test_rows_without_a_group_are_groups_of_their_own() -> None:
    found = split_by_group([None, " ", "a", "a", "b"], pairs_of(np.ones((5, 1), dtype=bool)), SHARES, 0, column="g")
    assert found.names[2] == found.names[3]
    assert any("2 rows" in note for note in found.notes)


def test_equal_moments_stay_together_and_time_runs_forward() -> None:
    days = [f"2024-01-{1 + place // 7:02d}" for place in range(100)]
    found = split_by_time(days, SHARES, column="day")
    assert found.names == sorted(found.names, key=["train", "validation", "test"].index)
    assert all(len({name for name, other in zip(found.names, days, strict=True) if other == day}) == 1 for day in days)
    assert found.description["periods"]["train"][0].startswith("2024-01-01")


def test_a_column_of_something_else_is_refused_with_examples() -> None:
    with pytest.raises(DatasetError, match="'red'"):
        split_by_time(["red", "green", "blue", "2024-01-01"], SHARES, column="colour")


def test_an_import_splits_by_group_or_time() -> None:
    by_group = prepare({"main": table_of(tickets())}, ImportPlan(**PLAN, group_column="customer"))
    customers = [int(record - 1) % 17 for record in by_group.examples["record"]]
    assert by_group.examples.assign(customer=customers).groupby("customer")["split"].nunique().max() == 1
    by_time = prepare({"main": table_of(tickets())}, ImportPlan(**PLAN, time_column="sent"))
    assert by_time.splitting["method"] == "time"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"group_column": "client"}, "no column 'client'"),
        ({"group_column": "customer", "time_column": "sent"}, "Choose one method"),
        ({"time_column": "customer"}, "which is not a date or time"),
    ],
)
def test_ways_that_cannot_be_are_refused(fields: dict[str, str], expected: str) -> None:
    with pytest.raises(DatasetError, match=expected):
        prepare({"main": table_of(tickets())}, ImportPlan(**PLAN, **fields))


def test_rows_without_a_label_become_a_pool_and_the_account_adds_up() -> None:
    rows = tickets()
    for place in (3, 7, 9):
        rows[place]["topic"] = None
    rows[11]["message"], rows[12]["message"], rows[12]["topic"] = None, None, " "
    prepared = prepare({"main": table_of(rows)}, ImportPlan(**PLAN))
    assert prepared.unlabelled.to_dict("list") == {"record": [4, 8, 10], "text": [rows[place]["message"] for place in (3, 7, 9)]}
    source = prepared.source
    assert (source["records"], source["kept"], source["set_aside"], source["unlabelled"]) == (120, 115, 5, 3)


def test_words_without_tags_become_a_pool_too() -> None:
    rows = [{"tokens": f'["Ada", "{place}"]', "tags": '["B-PER", "O"]'} for place in range(12)] + [
        {"tokens": '["No", "tags"]', "tags": None}
    ]
    roles = {"tokens": ("tokens",), "tags": ("tags",)}
    prepared = prepare({"main": table_of(rows)}, ImportPlan(task="token_classification", roles=roles))
    assert prepared.unlabelled["text"].tolist() == ["No tags"]


def test_texts_that_nobody_has_annotated_become_a_pool_too() -> None:
    done = [
        {"text": f"Ada {place}", "annotations": '[{"result": [{"value": {"start": 0, "end": 3, "labels": ["PER"]}}]}]'}
        for place in range(12)
    ]
    rows = [
        *done,
        {"text": "Nobody looked", "annotations": "[]"},
        {"text": "Spans do not fit", "annotations": '[{"result": [{"value": {"start": 0, "end": 99, "labels": ["PER"]}}]}]'},
    ]
    roles = {"text": ("text",), "spans": ("annotations",)}
    prepared = prepare({"main": table_of(rows)}, ImportPlan(task="token_classification", roles=roles))
    assert prepared.unlabelled["text"].tolist() == ["Nobody looked"]
    assert prepared.account.by_kind == {Reason.NO_LABEL: 1, Reason.BROKEN_SPAN: 1}


def test_further_columns_of_the_file_are_kept_row_by_row() -> None:
    rows = tickets()
    rows[0]["topic"] = None
    prepared = prepare({"main": table_of(rows)}, ImportPlan(**PLAN))
    assert prepared.extra.columns.tolist() == ["customer", "sent"]
    expected = pd.Series([f"c{(record - 1) % 17}" for record in prepared.examples["record"]])
    assert prepared.extra.loc[prepared.examples["id"], "customer"].tolist() == expected.tolist()
