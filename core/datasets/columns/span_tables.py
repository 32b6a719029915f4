"""Texts with annotated spans: reads examples from a text column and a spans column."""

from collections import Counter

import pandas as pd

from core.datasets.columns.cells import column
from core.datasets.columns.column_reading import ReadExamples
from core.datasets.columns.names import guess_text_column, name_score, name_set
from core.datasets.columns.offset_units import CHARACTERS, Verdict, to_characters, unit_of
from core.datasets.columns.span_alignment import align, in_words
from core.datasets.columns.spans import Annotated, is_annotation, read_spans
from core.errors import DatasetError
from core.tasks.skip_reasons import Reason, SkippedRecord, kind_of_gap
from core.text_format import counted, listed, quoted

SPAN_NAMES = name_set(
    """entities, spans, ents, annotation, annotations, label, labels, result, responses, ner, entity, marked, 实体, 标注, 标签,
    エンティティ, 개체"""
)
_GUESSES = name_set("prediction, predictions, suggestion, suggestions, predicted")
"""Columns with model predictions; human annotations have priority."""


def holds_spans(cells: list[str | None]) -> bool:
    """Whether most non-empty cells contain spans, and not all of them empty lists."""
    filled = [cell for cell in cells if cell is not None and cell.strip()]
    return any(cell.strip() != "[]" for cell in filled) and sum(map(is_annotation, filled)) > 0.5 * len(filled)


def guess_span_roles(few: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """The text and spans columns, if a sample of the table has both."""
    fitting = [str(name) for name in few.columns if holds_spans(few[name].tolist())]
    spans = max(fitting, key=lambda name: name_score(name, SPAN_NAMES) - 2 * name_score(name, _GUESSES), default=None)
    if spans is None:
        return {}
    text = guess_text_column(few, besides=fitting)
    return {"text": (text,), "spans": (spans,)} if text is not None else {}


def read_span_table(rows: pd.DataFrame, text_name: str, spans_name: str) -> ReadExamples:
    """Build examples; a record with an invalid span is skipped with all its problems.

    Raises:
        DatasetError: the column contains no spans.
    """
    set_aside: list[SkippedRecord] = []
    read: list[tuple[int, str, Annotated]] = []
    for record, text, cell in zip(rows.index.tolist(), column(rows, text_name), column(rows, spans_name), strict=True):
        missing = [name for name, value in ((text_name, text), (spans_name, cell)) if value is None or not value.strip()]
        if missing or text is None or cell is None:
            set_aside.append(SkippedRecord(record, kind_of_gap(text_name in missing), f"No value in column {quoted(missing)}."))
            continue
        annotated = read_spans(cell)
        if annotated is None:
            set_aside.append(
                SkippedRecord(record, Reason.NO_SPANS, f"Column {spans_name!r} contains no annotation of this text.")
            )
        elif annotated.problems:
            set_aside.append(SkippedRecord(record, Reason.BROKEN_SPAN, in_words(annotated.problems)))
        else:
            read.append((record, text, annotated))
    if not read and set_aside:
        most, _ = Counter(entry.reason for entry in set_aside).most_common(1)[0]
        raise DatasetError(f"Column {spans_name!r} contains no readable spans: {most} Choose another column.")

    in_answers = any(annotated.num_answers for _, _, annotated in read)
    verdict = unit_of((text, annotated.spans) for _, text, annotated in read)
    examples, trimmed, converted = [], [], []
    for record, text, annotated in read:
        spans = annotated.spans
        if in_answers and not annotated.num_answers and not spans:
            set_aside.append(SkippedRecord(record, Reason.NO_LABEL, "This text was not annotated."))
            continue
        in_characters = to_characters(text, spans, verdict.unit)
        if inside := [span for span, moved in zip(spans, in_characters, strict=True) if moved is None]:
            told = in_words([f"Span {span} ends inside a character." for span in inside])
            set_aside.append(SkippedRecord(record, Reason.BROKEN_SPAN, told))
            continue
        aligned = align(text, [span for span in in_characters if span is not None])
        if aligned.problems:
            kind = Reason.OVERLAPPING_SPANS if aligned.num_overlaps else Reason.BROKEN_SPAN
            set_aside.append(SkippedRecord(record, kind, in_words(aligned.problems)))
            continue
        if aligned.num_trimmed:
            trimmed.append(record)
        if in_characters != spans:
            converted.append(record)
        examples.append((record, text, aligned.starts, aligned.ends, aligned.tags))
    notes = _unit_notes(verdict, converted)
    if trimmed:
        notes.append(f"White space around spans was removed ({listed(trimmed)}).")
    if num_answered_twice := sum(annotated.num_answers > 1 for _, _, annotated in read):
        notes.append(f"{counted(num_answered_twice, 'record')} with more than one annotation; the first was used.")
    table = pd.DataFrame(examples, columns=["record", "text", "starts", "ends", "tags"])
    return ReadExamples(examples=table, set_aside=set_aside, notes=notes)


def _unit_notes(verdict: Verdict, converted: list[int]) -> list[str]:
    if verdict.unit == CHARACTERS or not converted:
        return []
    return [
        f"The span offsets count {verdict.unit} instead of characters: {verdict.num_fitting} of the {verdict.num_telling} spans "
        f"with non-ASCII text only fit this way. They were converted ({listed(converted)}); check them before you save."
    ]
