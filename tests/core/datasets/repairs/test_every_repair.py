"""Properties of every repair: it is idempotent, leaves other rows unchanged, keeps ids, and its counts are correct."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.datasets.repairs import REPAIRS, RepairStep, parse_step
from core.datasets.repairs.steps import StepDone
from core.datasets.row_diff import plain
from core.errors import DatasetError
from core.tasks import TASKS, get_task
from tests.core.datasets.planted import ENTITIES, MULTI, SINGLE, rows_of

PARAMETERS: dict[str, dict[str, Any]] = {
    "cut_boilerplate": {"phrases": ["Sent from my phone"]},
    "merge_labels": {"mapping": {"Billing": "billing", "PERSON": "PER"}},
    "drop_labels": {"labels": ["rare", "LOC"]},
    "drop_rare_labels": {"minimum": 3},
    "unlabel": {"labels": ["NA"]},
    "drop_rows": {"ids": [1, 5, 8]},
    "split_by_group": {"column": "customer"},
    "split_by_time": {"column": "day"},
}


def faulty(task: str) -> pd.DataFrame:
    """Ninety rows with all kinds of faults."""
    random = np.random.default_rng(3)
    texts = [" ".join(random.choice([f"word{i}" for i in range(90)], 12)) for _ in range(90)]
    texts[1], texts[2] = texts[0], f"{texts[0]} indeed"
    texts[3] += "  two  spaces\u200b"
    texts[4] += " <b>bold</b> &amp; more"
    texts[5] += " write to ada@example.org"
    texts[6] += " cafe\u0301"
    texts[7] += " Sent from my phone"
    texts[8], texts[60] = texts[9], texts[54]
    labels = ["billing", "card", "other"]
    rows: list[dict[str, Any]] = []
    for place, text in enumerate(texts):
        label = {10: "Billing", 11: "rare", 12: "NA"}.get(place, labels[place % 3])
        split = ("train", "train", "train", "validation", "test")[(place // 3) % 5]
        if task == ENTITIES:
            words = text.split()
            kind = {"card": "PER", "billing": "LOC", "Billing": "PERSON"}.get(label, "ORG")
            rows.append({"words": words, "tags": [f"B-{kind}", f"I-{kind}"] + ["O"] * (len(words) - 2), "split": split})
        elif task == MULTI:
            rows.append({"text": text, "labels": sorted({label, labels[place % 2]}) if place % 7 else [], "split": split})
        else:
            rows.append({"text": text, "label": label, "split": split})
    return rows_of(task, rows)


def extra_of(examples: pd.DataFrame) -> pd.DataFrame:
    days = [f"2024-{1 + place % 12:02d}-{1 + place % 28:02d}" for place in range(len(examples))]
    return pd.DataFrame({"customer": [f"c{place % 13}" for place in range(len(examples))], "day": days}, index=examples["id"])


def parameters_of(name: str, task: str) -> dict[str, Any]:
    if name == "correct_labels":
        answer: dict[str, Any] = {SINGLE: {"label": "card"}, MULTI: {"labels": ["card", "other"]}}.get(task, {"tags": ["O"] * 12})
        return {"corrections": [{"id": 30, **answer}]}
    return PARAMETERS.get(name, {})


EVERY = [(name, task) for name, repair in REPAIRS.items() for task in TASKS if not repair.tasks or task in repair.tasks]


@pytest.mark.parametrize(("name", "task"), EVERY)
def test_a_repair_done_twice_changes_nothing_the_second_time(name: str, task: str) -> None:
    examples, repair = faulty(task), REPAIRS[name]
    first = repair.apply(examples, get_task(task), parameters_of(name, task), extra=extra_of(examples))
    second = repair.apply(first.examples, get_task(task), parameters_of(name, task), extra=extra_of(examples))
    assert first.num_changed + first.num_removed > 0 or name == "fix_tags", "the fault was planted"
    assert (second.num_changed, second.num_removed) == (0, 0)


@pytest.mark.parametrize(("name", "task"), EVERY)
def test_rows_a_repair_has_no_business_with_stay_as_they_are(name: str, task: str) -> None:
    examples, repair = faulty(task), REPAIRS[name]
    before = {id_: [plain(value) for value in row] for id_, *row in examples.itertuples(index=False)}
    result = repair.apply(examples, get_task(task), parameters_of(name, task), extra=extra_of(examples))
    after = {id_: [plain(value) for value in row] for id_, *row in result.examples.itertuples(index=False)}
    assert list(result.examples.columns) == list(examples.columns)
    assert list(after) == [id_ for id_ in before if id_ in after], "ids and their order stay"
    assert set(before) - set(after) == set(result.removed)
    assert len(before) == len(after) + result.num_removed
    assert sum(before[id_] != row for id_, row in after.items()) == result.num_changed
    unchanged = faulty(task)
    assert [[plain(value) for value in row] for row in examples.itertuples(index=False)] == [
        [plain(value) for value in row] for row in unchanged.itertuples(index=False)
    ], "what the repair was given is not touched"


@pytest.mark.parametrize(("name", "task"), EVERY)
def test_samples_of_changes_are_true(name: str, task: str) -> None:
    examples, repair = faulty(task), REPAIRS[name]
    result = repair.apply(examples, get_task(task), parameters_of(name, task), extra=extra_of(examples))
    assert len(result.changes) == min(200, result.num_changed + result.num_removed)
    texts = dict(zip(result.examples["id"], result.examples["text"], strict=True))
    for change in result.changes:
        assert change.before is not None
        assert change.before["text"] == examples["text"][change.id]
        assert (change.after is None) == (change.id in result.removed)
        assert change.after is None or change.after["text"] == texts[change.id]


@pytest.mark.parametrize(
    ("written", "parameters"),
    [
        ("drop_duplicates", {}),
        ("drop_rare_labels:minimum=5;into=other", {"minimum": 5, "into": "other"}),
        ("merge_labels:mapping=Billing->billing,B->b", {"mapping": {"Billing": "billing", "B": "b"}}),
        ('merge_labels:{"mapping": {"a, b": "c"}}', {"mapping": {"a, b": "c"}}),
        ("mask_personal_data:kinds=email,phone", {"kinds": ["email", "phone"]}),
        ("strip_whitespace:join_lines=yes", {"join_lines": True}),
        ("drop_rows:ids=[1,2]", {"ids": [1, 2]}),
        ("drop_labels:labels=1,2", {"labels": ["1", "2"]}),
        ("unlabel:labels=null", {"labels": ["null"]}),
    ],
)
def test_repairs_are_read_from_the_command_line(written: str, parameters: dict[str, Any]) -> None:
    assert parse_step(written) == RepairStep(repair=written.partition(":")[0], parameters=parameters)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("make_better", "Unknown repair 'make_better'"),
        ("drop_rare_labels:minimum=few", "whole number"),
        ("drop_rare_labels:most=3", "no parameter 'most'"),
        ("merge_labels", "needs 'mapping'"),
        ("merge_labels:mapping=a", "old name of each label to its new name"),
        ("resolve_conflicts:keep=best", "one of 'majority'"),
        ("merge_labels:{oops", "not a JSON object"),
        ("drop_rare_labels:5", "NAME=VALUE"),
    ],
)
def test_what_cannot_be_read_is_refused_in_plain_words(written: str, expected: str) -> None:
    with pytest.raises(DatasetError, match=expected):
        parse_step(written)


def test_a_repair_of_another_task_is_refused() -> None:
    with pytest.raises(DatasetError, match="not available for the task 'One label per text'"):
        REPAIRS["fix_tags"].apply(faulty(SINGLE), get_task(SINGLE), {})


def test_a_line_says_what_was_done() -> None:
    step = RepairStep(repair="drop_rare_labels", parameters={"minimum": 3})
    done = StepDone(repair=step.repair, title=step.title, parameters={}, num_changed=1, num_removed=2000)
    assert done.line == "Delete or merge rare labels (minimum number of examples 3): 1 row changed, 2,000 rows removed"
