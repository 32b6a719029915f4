"""Duplicates, conflicting labels and leakage: exactly the planted cases are found."""

import numpy as np
import pytest

from core.datasets.checks.duplicates.duplicates import check_conflicts, check_exact_duplicates, check_near_duplicates
from core.datasets.checks.duplicates.leakage import check_leakage
from core.datasets.checks.duplicates.minhash import SIMILARITY, near_duplicate_groups, similarity
from tests.core.datasets.checks.made_check_input import names, only, sentences, texts_with_labels

CHINESE = (
    "今天天气很好我们一起去公园散步看见许多花儿开放孩子在湖边放风筝老人坐树下棋"
    "说话晚上回家做饭吃完以后读书写信给远方朋友讲这些有趣故事"
)


def chinese_texts(number: int, seed: int = 0, length: int = 40) -> list[str]:
    random = np.random.default_rng(seed)
    return ["".join(random.choice(list(CHINESE), size=length)) for _ in range(number)]


def changed_a_little(text: str, random: np.random.Generator) -> str:
    """Typical changes of a text that is sent twice: other case, a typo, an additional word, other punctuation."""
    place = int(random.integers(3, len(text) - 3))
    ways = (
        text.upper() + "!!",
        text[:place] + "q" + text[place + 1 :],
        text + " ok",
        f"  {text},",
        text[:place] + text[place + 1 :],
    )
    return ways[int(random.integers(len(ways)))]


def test_exact_duplicates_are_all_found_and_nothing_else() -> None:
    texts = sentences(300)
    rows = [(text, "a") for text in [*texts, *texts[:40], *texts[:10]]]

    finding = only(check_exact_duplicates(texts_with_labels(rows)), "exact_duplicates")

    assert finding.count == 50
    assert finding.rows.tolist() == [2 * place for place in range(300, 350)]
    assert finding.examples[0].detail == "3 times"
    assert [offer.repair for offer in finding.offers] == ["drop_duplicates"]


def test_the_same_text_with_another_label_is_no_repetition_but_a_contradiction() -> None:
    texts = sentences(100)
    rows = [*((text, "a") for text in texts), (texts[3], "b"), (texts[3], "b"), (texts[7], "b")]
    check_input = texts_with_labels(rows)

    conflict = only(check_conflicts(check_input), "conflicting_labels")

    assert conflict.count == 2
    assert sorted(conflict.rows.tolist()) == [6, 14, 200, 202, 204]
    assert "b (2)" in conflict.examples[0].detail
    assert "a (1)" in conflict.examples[0].detail
    assert only(check_exact_duplicates(check_input), "exact_duplicates").count == 1  # b is a duplicate


def test_different_texts_give_no_finding() -> None:
    check_input = texts_with_labels([(text, "a") for text in sentences(200)], splits=["train", "test"] * 100)

    for check in (check_exact_duplicates, check_conflicts, check_near_duplicates, check_leakage):
        assert check(check_input) == []


@pytest.mark.parametrize("make", [sentences, chinese_texts])
def test_planted_near_duplicates_are_found_with_full_precision_and_nearly_full_recall(make) -> None:
    random = np.random.default_rng(1)
    originals = make(3000)
    planted = [changed_a_little(text, random) for text in originals[:600]]
    alike = [similarity(one, other) >= SIMILARITY for one, other in zip(originals[:600], planted, strict=True)]

    groups = near_duplicate_groups([*originals, *planted])

    found = [groups[place] == groups[3000 + place] for place in range(600)]
    true = sum(is_found and is_alike for is_found, is_alike in zip(found, alike, strict=True))
    assert sum(alike) > 550  # the planted changes are small
    assert true / sum(alike) >= 0.99
    assert sum(found) == true  # nothing below the threshold is ever joined
    assert len(set(groups.tolist())) == 3600 - true  # and no two originals are joined


def test_capitals_punctuation_width_and_long_numbers_make_no_difference() -> None:
    groups = near_duplicate_groups(
        ["Order 10293 has NOT arrived!", "order 88120 has not arrived", "Ｏｒｄｅｒ 1029 has not arrived…", "Order two"]
    )

    assert groups[0] == groups[1] == groups[2] != groups[3]


def test_short_texts_that_differ_in_a_word_are_not_alike() -> None:
    groups = near_duplicate_groups(["I like it", "I hate it", "很好", "不好", "room 12", "room 13"])

    assert len(set(groups.tolist())) == 6


def test_near_duplicates_are_counted_beside_the_exact_ones() -> None:
    texts = sentences(100)
    rows = [(text, "a") for text in [*texts, texts[0], f"{texts[1]} ok", texts[2].upper()]]

    finding = only(check_near_duplicates(texts_with_labels(rows)), "near_duplicates")

    assert finding.count == 2
    assert sorted(finding.rows.tolist()) == [2, 4, 202, 204]


def test_planted_leaks_are_found_and_each_row_counts_once() -> None:
    random = np.random.default_rng(2)
    train, test = sentences(1000), sentences(200, seed=9)
    exact, near = train[:30], [changed_a_little(text, random) for text in train[100:140]]
    alike = {
        place
        for place, text in enumerate(near)
        if similarity(text, train[100 + place]) >= SIMILARITY and text != train[100 + place]
    }
    rows = [(text, "a") for text in [*train, *test, *exact, *near]]
    check_input = texts_with_labels(rows, splits=["train"] * 1000 + ["test"] * 270)

    findings = check_leakage(check_input)

    leaked, nearly = only(findings, "leaked_texts"), only(findings, "leaked_near_duplicates")
    assert leaked.rows.tolist() == [2 * place for place in range(1200, 1230)]
    assert {int(row) // 2 - 1230 for row in nearly.rows} == alike
    assert leaked.severity == "serious"
    assert {offer.repair for finding in findings for offer in finding.offers} == {"group_duplicates_into_one_split"}
    assert nearly.examples[0].detail.startswith("in training: ")


def test_one_leak_among_many_rows_is_a_warning_and_not_serious() -> None:
    texts = sentences(600)
    check_input = texts_with_labels([(text, "a") for text in [*texts, texts[0]]], splits=["train"] * 400 + ["test"] * 201)

    finding = only(check_leakage(check_input), "leaked_texts")
    assert (finding.severity, finding.title) == ("warning", "1 row of test also occurs in training")


def test_repetitions_within_training_are_no_leak() -> None:
    texts = sentences(50)
    check_input = texts_with_labels(
        [(text, "a") for text in [*texts, *texts[:40]]], splits=["train"] * 40 + ["test"] * 10 + ["train"] * 40
    )

    assert names(check_leakage(check_input)) == []
