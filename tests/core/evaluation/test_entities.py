import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as seqeval_scores

from core.evaluation.entities import EntitySpan, match_spans, score_entities, spans_of

TYPES = ["LOC", "PER"]
tag = st.sampled_from(["O", "B-LOC", "I-LOC", "B-PER", "I-PER"])
tag_pairs = st.lists(st.lists(st.tuples(tag, tag), min_size=1, max_size=12), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["B-PER", "I-PER", "O", "B-LOC"], [EntitySpan(0, 2, "PER"), EntitySpan(3, 4, "LOC")]),
        (["B-PER", "B-PER"], [EntitySpan(0, 1, "PER"), EntitySpan(1, 2, "PER")]),
        (["I-PER", "I-LOC", "I-LOC"], [EntitySpan(0, 1, "PER"), EntitySpan(1, 3, "LOC")]),
        (["O", "I-PER"], [EntitySpan(1, 2, "PER")]),
        ([], []),
    ],
)
def test_entities_of_tags(tags: list[str], expected: list[EntitySpan]) -> None:
    assert spans_of(tags) == expected


def test_hand_counted_sentence() -> None:
    gold = [["B-PER", "I-PER", "O", "B-LOC", "O", "B-LOC", "O"]]
    predicted = [["B-PER", "O", "O", "B-PER", "O", "B-LOC", "B-PER"]]

    result = score_entities(gold, predicted, TYPES, loss=0.0)

    # One of three gold entities is found exactly; four were predicted.
    assert (result.entities.micro.precision, result.entities.micro.recall) == (pytest.approx(1 / 4), pytest.approx(1 / 3))
    errors = result.errors
    assert (errors.correct, errors.boundary, errors.type, errors.missed, errors.spurious) == (1, 1, 1, 0, 1)
    assert result.confusion.labels == ["LOC", "PER", "(none)"]
    assert result.confusion.counts == [[1, 1, 0], [0, 1, 0], [0, 1, 0]]
    assert result.tokens.accuracy == pytest.approx(4 / 7)


@pytest.mark.filterwarnings("ignore::Warning")
@given(tag_pairs)
def test_entity_scores_agree_with_another_implementation(rows: list[list[tuple[str, str]]]) -> None:
    gold, predicted = [[g for g, _ in row] for row in rows], [[p for _, p in row] for row in rows]
    if not any(spans_of(tags) for tags in gold):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = seqeval_scores(gold, predicted, average="micro", zero_division=0)[:3]

    micro = score_entities(gold, predicted, TYPES, loss=0.0).entities.micro

    assert (micro.precision, micro.recall, micro.f1) == pytest.approx(expected)


@given(tag_pairs)
def test_every_entity_is_paired_exactly_once(rows: list[list[tuple[str, str]]]) -> None:
    for row in rows:
        gold, predicted = spans_of([g for g, _ in row]), spans_of([p for _, p in row])
        pairs = match_spans(gold, predicted)
        assert sorted(g for g, _ in pairs if g is not None) == gold
        assert sorted(p for _, p in pairs if p is not None) == predicted


def test_exact_match_is_preferred_to_a_larger_overlap() -> None:
    exact, longer = EntitySpan(2, 4, "PER"), EntitySpan(1, 6, "PER")

    assert (exact, exact) in match_spans([exact], [longer, exact])
