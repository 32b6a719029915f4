"""Entities: broken tags, unusual boundaries, and inconsistently tagged names."""

import pytest

from core.datasets.checks.entities.consistency import check_entity_consistency, check_entity_edges, has_odd_edge
from core.datasets.checks.entities.tag_sequences import check_tags
from core.datasets.checks.texts.missing import check_rows_without_labels
from core.datasets.columns import column_reading
from core.datasets.importing.import_summary import ImportSummary
from core.tasks.skip_reasons import Reason
from tests.core.datasets.checks.made_check_input import names, only, tagged

CLEAN = [("Ada Lovelace lived in London .", "B-PER I-PER O O B-LOC O"), ("It rained all day .", "O O O O O")]


def test_clean_entities_give_no_finding() -> None:
    check_input = tagged(CLEAN * 5)

    assert [*check_tags(check_input), *check_entity_edges(check_input), *check_entity_consistency(check_input)] == []


def test_a_tag_that_continues_nothing_is_found() -> None:
    finding = only(check_tags(tagged([*CLEAN, ("in London", "O I-LOC"), ("New Delhi", "B-LOC I-PER")])), "broken_tags")

    assert finding.rows.tolist() == [2, 3]
    assert finding.offers[0].repair == "fix_tags"


def test_what_the_import_mended_or_left_out_is_told() -> None:
    account = ImportSummary(kept=2, by_kind={Reason.OVERLAPPING_SPANS: 4})

    findings = check_tags(tagged(CLEAN, num_mended=2, account=account))

    assert only(findings, "mended_tags").count == 2
    assert only(findings, "overlapping_spans").count == 4


def test_the_import_counts_what_it_mended_and_knows_overlaps_from_other_broken_spans() -> None:
    import pandas as pd

    from core.tasks import get_task

    task = get_task("token_classification")
    lists = pd.DataFrame(
        {"tokens": ['["in", "New", "York"]'] * 3, "tags": ['["O", "B-LOC", "I-LOC"]'] * 2 + ['["O", "O", "I-LOC"]']},
        index=[1, 2, 3],
        dtype=object,
    )
    spans = pd.DataFrame(
        {"text": ["in New York"] * 2, "spans": ['[[3, 11, "LOC"], [7, 11, "PER"]]', '[[3, 99, "LOC"]]']},
        index=[1, 2],
        dtype=object,
    )
    read = column_reading(task).read(lists, {"tokens": ("tokens",), "tags": ("tags",)})
    broken = column_reading(task).read(spans, {"text": ("text",), "spans": ("spans",)})

    assert read.num_mended == 1
    assert [entry.kind for entry in broken.set_aside] == [Reason.OVERLAPPING_SPANS, Reason.BROKEN_SPAN]


@pytest.mark.parametrize("surface", ["London,", "(London", "“Acme", "London ", "- Acme", "，北京"])
def test_edges_that_hardly_belong_to_a_name(surface: str) -> None:
    assert has_odd_edge(surface)


@pytest.mark.parametrize(
    "surface", ["London", "Acme Inc.", "Yahoo!", "(Acme)", "Johnson (Jr)", "“Acme”", "O'Neill", "C++", "U.S.", "北京"]
)
def test_edges_that_belong_to_a_name(surface: str) -> None:
    assert not has_odd_edge(surface)


def test_entities_with_odd_edges_are_counted() -> None:
    finding = only(check_entity_edges(tagged([*CLEAN, ("in London , now", "O B-LOC I-LOC O")])), "entity_edges")

    assert (finding.count, finding.examples[0].text, finding.examples[0].detail) == (1, "London ,", "LOC")


def test_a_name_of_several_types_and_a_name_left_untagged_are_found() -> None:
    rows = [("Leeds won", "B-ORG O")] * 2 + [("in Leeds", "O B-LOC")] * 2 + [("to Oslo", "O B-LOC")] * 4 + [("from Oslo", "O O")]

    findings = check_entity_consistency(tagged(rows))

    assert only(findings, "entities_of_several_types").examples[0].text == "Leeds"
    missed = only(findings, "names_left_untagged")
    assert (missed.count, missed.rows.tolist()) == (1, [8])


def test_a_word_that_is_seldom_a_name_is_not_taken_for_one() -> None:
    rows = [("the breeze", "O O")] * 10 + [("Breeze fell", "B-ORG O")] * 3 + [("breeze sells", "B-ORG O")] * 3

    assert "names_left_untagged" not in names(check_entity_consistency(tagged(rows)))


def test_texts_without_entities_are_a_note_until_nearly_all_have_none() -> None:
    assert only(check_rows_without_labels(tagged(CLEAN)), "rows_without_labels").severity == "note"
    assert only(check_rows_without_labels(tagged([CLEAN[0], *CLEAN[1:] * 9])), "rows_without_labels").severity == "warning"
