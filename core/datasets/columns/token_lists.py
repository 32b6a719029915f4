"""Words with one tag each: lists of both in every record, or a table with one word per row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.datasets.columns.cells import column, parse_nested
from core.datasets.columns.label_lists import looks_like_list, parse_value, word_of
from core.errors import DatasetError
from core.tasks.skip_reasons import Reason, SkippedRecord, kind_of_gap
from core.text_format import counted, quoted


@dataclass(frozen=True)
class Sentence:
    """Words and tags of one example, as in the file."""

    record: int
    words: list[str]
    tags: list[str]


@dataclass(frozen=True)
class Sentences:
    """The sentences, and the skipped records: ``set_aside`` has one entry for every record that is in no sentence."""

    sentences: list[Sentence]
    set_aside: list[SkippedRecord]
    notes: list[str]


def items(cell: str) -> list[str] | None:
    """The words or tags of a cell: a list in JSON or Python notation, or text split at spaces."""
    if not looks_like_list(cell):
        return cell.split()
    value = parse_value(cell)
    if not isinstance(value, list):
        return None
    found = [word_of(item) for item in value]
    return None if any(item is None for item in found) else [item for item in found if item is not None]


def read_lists(rows: pd.DataFrame, tokens_name: str, tags_name: str, names_name: str | None) -> Sentences:
    """Read records that contain all words and all tags of a sentence.

    Args:
        rows: the table.
        tokens_name: column with the words.
        tags_name: column with the tags, or their numbers.
        names_name: column with the names of the numbers, if there is one.
    """
    names = _tag_names(column(rows, names_name)) if names_name is not None else {}
    sentences, set_aside = [], []
    for record, tokens_cell, tags_cell in zip(
        rows.index.tolist(), column(rows, tokens_name), column(rows, tags_name), strict=True
    ):
        missing = [
            name for name, cell in ((tokens_name, tokens_cell), (tags_name, tags_cell)) if cell is None or not cell.strip()
        ]
        if missing or tokens_cell is None or tags_cell is None:
            set_aside.append(
                SkippedRecord(record, kind_of_gap(not items(tokens_cell or "")), f"No value in column {quoted(missing)}.")
            )
            continue
        words, tags = items(tokens_cell), items(tags_cell)
        if words is None or tags is None:
            odd = tokens_name if words is None else tags_name
            set_aside.append(SkippedRecord(record, Reason.NO_LIST, f"Column {odd!r} does not contain a flat list."))
        elif problem := _problem(words, tags):
            set_aside.append(SkippedRecord(record, *problem))
        else:
            sentences.append(Sentence(record, words, [names.get(tag, tag) for tag in tags]))
    _refuse_numbers(tags_name, sentences)
    return Sentences(sentences, set_aside, [])


def read_rows(rows: pd.DataFrame, tokens_name: str, tags_name: str, sentence_name: str) -> Sentences:
    """Read a table with one word per row; consecutive rows with the same sentence id, or without one, form a sentence."""
    sentences: list[Sentence] = []
    set_aside: list[SkippedRecord] = []
    broken: dict[int, str] = {}
    members: list[list[int]] = []
    current: str | None = None
    for record, sentence_cell, word_cell, tag_cell in zip(
        rows.index.tolist(), column(rows, sentence_name), column(rows, tokens_name), column(rows, tags_name), strict=True
    ):
        sentence_id = sentence_cell.strip() if sentence_cell is not None else ""
        if sentence_id and sentence_id != current:
            current = sentence_id
            sentences.append(Sentence(record, [], []))
            members.append([])
        if current is None:
            detail = f"No value in column {quoted([sentence_name])}, and no sentence before it."
            set_aside.append(SkippedRecord(record, Reason.NO_SENTENCE, detail))
            continue
        members[-1].append(record)
        if word_cell is None or not word_cell.strip() or tag_cell is None or not tag_cell.strip():
            missing = tokens_name if word_cell is None or not word_cell.strip() else tags_name
            broken.setdefault(len(members) - 1, f"Record {record} of the sentence has no value in column {missing!r}.")
            continue
        sentences[-1].words.append(word_cell.strip())
        sentences[-1].tags.append(tag_cell.strip())
    for place, detail in broken.items():
        set_aside += [SkippedRecord(record, Reason.WORD_OR_TAG_MISSING, detail) for record in members[place]]
    _refuse_numbers(tags_name, sentences)
    kept = [sentence for place, sentence in enumerate(sentences) if place not in broken]
    notes = [f"{counted(len(rows), 'row')} with one word each were combined into {counted(len(sentences), 'sentence')}."]
    return Sentences(kept, set_aside, notes)


def _problem(words: Sequence[str], tags: Sequence[str]) -> tuple[Reason, str] | None:
    if len(words) != len(tags):
        detail = f"{counted(len(words), 'word')} but {counted(len(tags), 'tag')}; each word needs one tag."
        return Reason.WORD_OR_TAG_MISSING, detail
    if not words:
        return Reason.NO_TEXT, "No words."
    empty = [place for place, word in enumerate(words, start=1) if not word.strip()]
    return (Reason.WORD_OR_TAG_MISSING, f"Word {empty[0]} is empty.") if empty else None


def _tag_names(cells: Sequence[str | None]) -> dict[str, str]:
    """Number of a tag -> its name, from the first cell with a list of names or a mapping between the two."""
    for cell in cells:
        value = parse_nested(cell) if cell is not None else None
        if isinstance(value, list):
            return {str(number): str(name) for number, name in enumerate(value)}
        if isinstance(value, dict):
            return _mapping_of_names(value)
    return {}


def _mapping_of_names(value: Mapping[str, Any]) -> dict[str, str]:
    if all(str(number).isdecimal() for number in value):
        return {number: str(name) for number, name in value.items()}
    return {str(number): name for name, number in value.items()}


def _refuse_numbers(name: str, sentences: Sequence[Sentence]) -> None:
    seen = {tag for sentence in sentences for tag in sentence.tags}
    if seen and all(tag.isdecimal() for tag in seen):
        raise DatasetError(
            f"Column {name!r} contains the numbers {quoted(sorted(seen, key=int), 5)} instead of tags, and their names are not "
            'given. Add a column that lists the names, such as ["O", "B-PER", "I-PER"], or write the names themselves.'
        )
