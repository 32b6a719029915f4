"""Labels: different spellings, class imbalance, and different labels in the splits."""

from itertools import combinations

import numpy as np
import pytest

from core.datasets.checks.labels.balance import check_imbalance, check_labels_of_splits, check_rare_labels, check_shares_of_splits
from core.datasets.checks.labels.cooccurrence import _met, check_label_pairs
from core.datasets.checks.labels.spelling import check_label_spellings, distance, likely_slips, same_spellings
from core.datasets.importing.import_summary import Example, ImportSummary
from core.tasks.skip_reasons import Reason
from tests.core.datasets.checks.made_check_input import counted_labels, names, only, sentences, texts_with_labels
from tests.cpu_time import cpu_seconds


@pytest.mark.parametrize(
    "spellings",
    [
        ("Billing", "billing"),
        ("billing ", "billing"),
        ("log in", "log_in"),
        ("ｂｉｌｌｉｎｇ", "billing"),
        ("too-late", "Too late"),
        ("Straße", "STRASSE"),
    ],
)
def test_spellings_of_one_label_are_one_group(spellings: tuple[str, str]) -> None:
    assert same_spellings(spellings) == [tuple(sorted(spellings))]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("refund request", "refund requst"),
        ("delivery", "delivry"),
        ("complaint", "compliant"),
        ("invoice", "invoices"),
        ("category", "categories"),
    ],
)
def test_a_rare_slip_of_the_pen_is_suspected(one: str, other: str) -> None:
    assert likely_slips({one: 100, other: 5}) == [tuple(sorted((one, other)))]


def test_a_slip_of_the_pen_is_suspected_beside_a_label_that_is_spelt_in_several_ways() -> None:
    check_input = counted_labels({"Billing": 60, "billing": 30, "Biling": 4, "other": 50})

    assert names(check_label_spellings(check_input)) == ["same_label_names", "similar_label_names"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("class 1", "class 2"),
        ("class A", "class B"),
        ("positive", "negative"),
        ("male", "female"),
        ("legal", "illegal"),
        ("moral", "amoral"),
        ("known", "unknown"),
        ("level 10", "level 11"),
        ("part ii", "part iii"),
        ("cat", "car"),
        ("wrong item", "wrong size"),
        ("1", "2"),
        ("sad", "mad"),
    ],
)
def test_names_that_are_meant_to_differ_are_left_alone(one: str, other: str) -> None:
    assert likely_slips({one: 100, other: 3}) == []
    assert same_spellings([one, other]) == []


def test_two_frequent_labels_with_similar_names_are_both_meant() -> None:
    assert likely_slips({"account change": 100, "account charge": 80}) == []


def test_merging_goes_towards_the_frequent_spelling() -> None:
    check_input = counted_labels({"billing": 30, "Billing": 4, "BILLING ": 2, "delivery": 30, "refund": 20, "Refund": 25})

    finding = only(check_label_spellings(check_input), "same_label_names")

    assert finding.severity == "serious"
    assert finding.count == 2
    every, *each = finding.offers
    assert every.parameters == {"mapping": {"BILLING ": "billing", "Billing": "billing", "refund": "Refund"}}
    assert {"mapping": {"refund": "Refund"}} in [offer.parameters for offer in each]


def test_clean_labels_give_no_finding() -> None:
    check_input = counted_labels({"billing": 30, "delivery": 30, "refund": 30}, {"billing": 30, "delivery": 30, "refund": 30})

    for check in (check_label_spellings, check_rare_labels, check_imbalance, check_labels_of_splits, check_shares_of_splits):
        assert check(check_input) == []


def test_the_distance_counts_swapped_neighbours_once() -> None:
    assert distance("complaint", "compliant") == 1
    assert distance("recieve", "receive") == 1
    assert distance("", "abc") == 3


def test_rare_labels_are_counted_and_can_be_left_out_where_little_is_lost() -> None:
    finding = only(check_rare_labels(counted_labels({"a": 200, "b": 200, "c": 3, "d": 9})), "rare_labels")

    assert finding.count == 2
    assert [(example.text, example.detail) for example in finding.examples] == [
        ("c", "3 training examples"),
        ("d", "9 training examples"),
    ]
    assert finding.offers[0].parameters == {"labels": ["c", "d"]}


def test_no_label_is_offered_to_be_left_out_where_most_would_go() -> None:
    assert only(check_rare_labels(counted_labels({"a": 4, "b": 5, "c": 30})), "rare_labels").offers == ()


def test_a_label_that_crowds_out_the_others_is_named() -> None:
    finding = only(check_imbalance(counted_labels({"usual": 900, "seldom": 15})), "imbalance")

    assert finding.severity == "warning"
    assert "60 times" in finding.title


def test_a_label_beside_which_all_others_are_rare_is_named_too() -> None:
    finding = only(check_imbalance(counted_labels({"usual": 900, "seldom": 6, "never": 3})), "imbalance")

    assert finding.severity == "warning"
    assert "'usual' is 300 times as frequent as 'never'" in finding.title
    assert check_imbalance(counted_labels({"a": 9, "b": 1})) == []


def test_labels_of_a_test_file_that_training_does_not_know_are_told_with_their_reason() -> None:
    check_input = counted_labels({"a": 30, "b": 30}, {"a": 10, "b": 10})
    reason = "No training example has the label 'B'."

    account = ImportSummary(
        kept=40,
        by_kind={Reason.UNKNOWN_LABEL: 3},
        examples=(Example("test", 7, 8, Reason.UNKNOWN_LABEL, reason), Example("test", 9, 10, Reason.UNKNOWN_LABEL, reason)),
    )

    finding = only(check_labels_of_splits(texts_with_labels([], account=account, splits=[])), "labels_only_in_test")

    assert finding.count == 3
    assert [(example.record, example.text) for example in finding.examples] == [(7, reason)]
    assert names(check_labels_of_splits(check_input)) == []


def test_a_label_that_test_never_has_is_told() -> None:
    finding = only(check_labels_of_splits(counted_labels({"a": 30, "b": 30, "c": 30}, {"a": 10, "b": 10})), "labels_not_in_test")

    assert [example.text for example in finding.examples] == ["c"]


def test_a_test_split_of_another_mix_is_told_and_chance_is_not() -> None:
    other = counted_labels({"a": 400, "b": 100}, {"a": 30, "b": 70})
    by_chance = counted_labels({"a": 400, "b": 100}, {"a": 27, "b": 8})

    assert only(check_shares_of_splits(other), "shares_of_splits").examples[0].detail == "80.0% of training, 30.0% of test"
    assert check_shares_of_splits(by_chance) == []


def labelled(groups: list[tuple[list[str], int]]) -> list[tuple[str, list[str]]]:
    flat = [labels for labels, number in groups for _ in range(number)]
    return list(zip(sentences(len(flat)), flat, strict=True))


def test_labels_that_always_come_together_can_be_merged() -> None:
    check_input = texts_with_labels(labelled([(["a", "b"], 40), (["c"], 40), (["a", "b", "c"], 10)]), task="multi_label")

    finding = only(check_label_pairs(check_input), "labels_always_together")

    assert finding.count == 1
    assert finding.offers[0].parameters == {"mapping": {"b": "a"}}


def test_labels_that_imply_or_exclude_each_other_are_told() -> None:
    check_input = texts_with_labels(labelled([(["animal", "cat"], 30), (["animal"], 30), (["stone"], 60)]), task="multi_label")

    findings = check_label_pairs(check_input)

    assert only(findings, "labels_that_imply_another").examples[0].text == "'cat' → 'animal'"
    assert only(findings, "labels_never_together").examples[0].text == "'animal'  ·  'stone'"


def test_labels_that_meet_by_chance_give_no_finding() -> None:
    rows = labelled([(["a"], 30), (["b"], 30), (["a", "b"], 8), ([], 30)])

    assert check_label_pairs(texts_with_labels(rows, task="multi_label")) == []
    assert check_label_pairs(counted_labels({"a": 50, "b": 50})) == []


@pytest.mark.parametrize("most", [0, 1, 2])
def test_a_distance_that_is_near_enough_is_the_same_with_and_without_a_limit(most: int) -> None:
    random = np.random.default_rng(0)
    words = ["".join(random.choice(list("abc"), size=random.integers(0, 8))) for _ in range(60)]
    for one in words:
        for other in words:
            exact = distance(one, other)
            assert (distance(one, other, most) == exact) if exact <= most else (distance(one, other, most) > most)


def test_pairs_of_labels_are_counted_as_one_by_one() -> None:
    random = np.random.default_rng(0)
    rows = [tuple(sorted(random.choice(list("abcdefgh"), size=random.integers(0, 6), replace=False))) for _ in range(2500)]

    counts = _met(rows, "abcdefg")

    for (i, one), (j, other) in combinations(enumerate("abcdefg"), 2):
        assert counts[i, j] == sum(one in row and other in row for row in rows)


def test_rows_with_very_many_labels_take_no_time_for_each_pair() -> None:
    labels = [f"label {number:03d}" for number in range(600)]
    check_input = texts_with_labels([(f"text {place}", labels) for place in range(300)], task="multi_label")

    assert cpu_seconds(lambda: check_label_pairs(check_input)) < 4, "54 million pairs one by one take much longer"
