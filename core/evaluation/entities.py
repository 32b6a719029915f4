"""Scores of named entities: strict spans, and the classification report by tag.

Tags are IOB2. An entity counts as found only if type, first and last word all match. An ``I-X`` without a preceding tag of its
type starts an entity, as in the CoNLL-2000 evaluation and in transformers' own aggregation.
Source: E. Tjong Kim Sang, F. De Meulder, Introduction to the CoNLL-2003 shared task, 2003 (strict entity scores).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from core.evaluation.classification import Confusion
from core.evaluation.scores import Averages, LabelScores, Scores, averages, confusion_counts, label_scores

NO_ENTITY = "(none)"
"""Name of the confusion matrix's last row (spurious entities) and last column (missed ones)."""


@dataclass(frozen=True, order=True)
class EntitySpan:
    """An entity over words ``start`` up to but not including ``end``."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, kw_only=True)
class TableOfScores:
    """Per-label scores with their three averages."""

    micro: Scores
    macro: Scores
    weighted: Scores
    labels: list[LabelScores]


@dataclass(frozen=True, kw_only=True)
class TokenScores(TableOfScores):
    """Scores by tag, ``O`` included."""

    accuracy: float


@dataclass(frozen=True, kw_only=True)
class ErrorKinds:
    """Counts of correct and wrong entities by kind of error.

    Attributes:
        correct: exact matches.
        boundary: correct type and overlapping, but wrong boundaries.
        type: correct boundaries, wrong type.
        missed: gold entities without a matching prediction.
        spurious: predicted entities without a matching gold entity.
    """

    correct: int
    boundary: int
    type: int
    missed: int
    spurious: int


@dataclass(frozen=True, kw_only=True)
class EntityResult:
    """The scores of one split."""

    num_examples: int
    num_tokens: int
    loss: float
    entities: TableOfScores
    tokens: TokenScores
    confusion: Confusion
    errors: ErrorKinds


def spans_of(tags: Sequence[str]) -> list[EntitySpan]:
    """Entities of a tag sequence, in order."""
    spans: list[EntitySpan] = []
    start, kind = 0, ""
    for position, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        continues = prefix == "I" and name == kind and kind != ""
        if kind and not continues:
            spans.append(EntitySpan(start, position, kind))
            kind = ""
        if prefix in {"B", "I"} and not continues:
            start, kind = position, name
    return spans


def score_entities(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], types: Sequence[str], loss: float
) -> EntityResult:
    """Score a split.

    Args:
        gold, predicted: IOB2 tags of every word, one sequence for each example, of equal lengths.
        types: entity types.
        loss: mean loss per word.
    """
    types = list(types)
    gold_spans, predicted_spans = [spans_of(tags) for tags in gold], [spans_of(tags) for tags in predicted]
    matches = [match_spans(g, p) for g, p in zip(gold_spans, predicted_spans, strict=True)]
    pairs = [pair for matched in matches for pair in matched]
    confusion = _span_confusion(pairs, types)
    exact = Counter(g.type for g, p in pairs if g is not None and g == p)
    wanted = Counter(span.type for spans in gold_spans for span in spans)
    given = Counter(span.type for spans in predicted_spans for span in spans)
    hits, given_counts, wanted_counts = (np.array([counter[name] for name in types]) for counter in (exact, given, wanted))
    return EntityResult(
        num_examples=len(gold),
        num_tokens=sum(len(tags) for tags in gold),
        loss=loss,
        entities=_table(averages(hits, given_counts, wanted_counts), label_scores(types, hits, given_counts, wanted_counts)),
        tokens=_token_scores(gold, predicted, types),
        confusion=Confusion([*types, NO_ENTITY], confusion.tolist()),
        errors=_error_kinds(pairs),
    )


def match_spans(gold: Sequence[EntitySpan], predicted: Sequence[EntitySpan]) -> list[tuple[EntitySpan | None, EntitySpan | None]]:
    """Match every gold and every predicted entity of one example with at most one of the other side.

    Exact matches first, then the same words with another type, then the same type with the largest overlap, then any largest
    overlap; the others are paired with ``None``.
    """
    free_gold, free_predicted = set(gold), set(predicted)
    candidates = sorted((-_closeness(g, p), g, p) for g, p in _overlapping(free_gold, free_predicted))
    pairs: list[tuple[EntitySpan | None, EntitySpan | None]] = []
    for _, g, p in candidates:
        if g in free_gold and p in free_predicted:
            free_gold.remove(g)
            free_predicted.remove(p)
            pairs.append((g, p))
    pairs.extend((span, None) for span in sorted(free_gold))
    pairs.extend((None, span) for span in sorted(free_predicted))
    return pairs


def _overlapping(gold: Iterable[EntitySpan], predicted: Iterable[EntitySpan]) -> Iterator[tuple[EntitySpan, EntitySpan]]:
    """All pairs that share a word, in one pass over both sides."""
    ordered = sorted(predicted)
    begin, reach = 0, list(accumulate((span.end for span in ordered), max))
    for span in sorted(gold):
        while begin < len(ordered) and reach[begin] <= span.start:
            begin += 1
        for place in range(begin, len(ordered)):
            other = ordered[place]
            if other.start >= span.end:
                break
            if other.end > span.start:
                yield span, other


def _closeness(gold: EntitySpan, predicted: EntitySpan) -> float:
    """Rank of a match of two overlapping entities; the overlap only breaks ties."""
    overlap = min(gold.end, predicted.end) - max(gold.start, predicted.start)
    same_words, same_type = (gold.start, gold.end) == (predicted.start, predicted.end), gold.type == predicted.type
    return 4.0 * same_words + 2.0 * same_type + overlap / (1 + max(gold.end, predicted.end) - min(gold.start, predicted.start))


def _span_confusion(pairs: Sequence[tuple[EntitySpan | None, EntitySpan | None]], types: Sequence[str]) -> np.ndarray:
    """Counts by type; the diagonal holds entities of the right type whose ends may differ."""
    ids = {name: i for i, name in enumerate([*types, NO_ENTITY])}
    counts = np.zeros((len(ids), len(ids)), dtype=int)
    for gold, predicted in pairs:
        row = ids[gold.type] if gold is not None else len(types)
        column = ids[predicted.type] if predicted is not None else len(types)
        counts[row, column] += 1
    return counts


def _error_kinds(pairs: Sequence[tuple[EntitySpan | None, EntitySpan | None]]) -> ErrorKinds:
    kinds: Counter[str] = Counter()
    for gold, predicted in pairs:
        if gold is None:
            kinds["spurious"] += 1
        elif predicted is None:
            kinds["missed"] += 1
        elif gold == predicted:
            kinds["correct"] += 1
        else:
            kinds["boundary" if gold.type == predicted.type else "type"] += 1
    return ErrorKinds(**{name: kinds[name] for name in ("correct", "boundary", "type", "missed", "spurious")})


def _token_scores(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], types: Sequence[str]) -> TokenScores:
    tags = ["O", *(f"{prefix}-{name}" for name in types for prefix in "BI")]
    ids = {tag: i for i, tag in enumerate(tags)}
    gold_ids = np.array([ids[tag] for row in gold for tag in row], dtype=int)
    predicted_ids = np.array([ids[tag] for row in predicted for tag in row], dtype=int)
    counts = confusion_counts(gold_ids, predicted_ids, len(tags))
    hits, given, wanted = np.diag(counts), counts.sum(axis=0), counts.sum(axis=1)
    summary = averages(hits, given, wanted)
    return TokenScores(
        micro=summary.micro,
        macro=summary.macro,
        weighted=summary.weighted,
        labels=label_scores(tags, hits, given, wanted),
        accuracy=float(hits.sum() / max(1, counts.sum())),
    )


def _table(summary: Averages, labels: list[LabelScores]) -> TableOfScores:
    return TableOfScores(micro=summary.micro, macro=summary.macro, weighted=summary.weighted, labels=labels)
