"""CoNLL and similar formats: columns of words and tags, one word per line, sentences separated by empty lines."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.datasets.readers.build_table import build_table
from core.datasets.readers.limits import DEFAULT_LIMITS, ReadingLimits, check_num_columns
from core.datasets.skip_log import SkippedCollector
from core.datasets.table import RecordLines, Table
from core.errors import InputFileError
from core.files.text_patterns import BLANKS
from core.tasks.skip_reasons import Reason, SkippedRecord
from core.tasks.tag_schemes import looks_like_tag

_SAMPLE_LINES = 2000
_DOCUMENT_START = "-DOCSTART-"


@dataclass(slots=True)
class _Sentence:
    """The fields of each word, and the line number of each."""

    words: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


def looks_like_conll(text: str) -> bool:
    """Whether a text file of unknown type contains words and tags: most lines have a tag, and empty lines separate sentences."""
    lines = text[: _SAMPLE_LINES * 40].split("\n")[:_SAMPLE_LINES]
    filled = [line for line in lines if line.strip()]
    if len(filled) < 2 or len(filled) == len(lines):
        return False
    tagged = [fields for line in filled if len(fields := line.split()) > 1 and any(map(looks_like_tag, fields[1:]))]
    return len(tagged) >= 0.9 * len(filled) and any(
        looks_like_tag(field) and field != "O" for fields in tagged for field in fields[1:]
    )


def read_conll(
    text: str,
    *,
    file_name: str,
    reading: Mapping[str, Any],
    limits: ReadingLimits = DEFAULT_LIMITS,
) -> Table:
    """Read sentences as rows: words as a JSON list in column ``tokens``, tags in ``tags``, other fields in separate columns.

    Raises:
        InputFileError: the file is empty, has only one field per line, or is larger than the limits allow.
    """
    raw_lines = [line.removesuffix("\r") for line in text.split("\n")]
    separator = _separator(raw_lines)
    width = _width(raw_lines, separator)
    if width == 0:
        raise InputFileError(
            f"{file_name!r} is empty. Expected a word and its tag on each line, and an empty line after each sentence."
        )
    if width == 1:
        raise InputFileError(
            f"The lines of {file_name!r} have only one field each; expected a word and its tag, separated by a tab or space. "
            "Choose another file, or read it as a table."
        )
    check_num_columns(width)
    sentences, num_documents = _sentences(raw_lines, separator, width, limits)
    limits.check_cells(len(sentences), width)
    kept: list[tuple[int, _Sentence]] = []
    set_aside = SkippedCollector()
    for record, sentence in enumerate(sentences, start=1):
        if problem := _problem(sentence, width):
            content = "\n".join(" ".join(fields) for fields in sentence.words)
            set_aside.append(SkippedRecord(record, *problem, content=content))
        else:
            kept.append((record, sentence))
    if not kept:
        raise InputFileError(f"No sentence of {file_name!r} can be read. The first error: {next(iter(set_aside)).reason}")
    names = _names([sentence for _, sentence in kept], width)
    columns = [
        [json.dumps([fields[place] for fields in sentence.words], ensure_ascii=False) for _, sentence in kept]
        for place in range(width)
    ]
    lines = RecordLines(sentence.lines[0] for sentence in sentences)
    notes = (
        [] if len(sentences) > 1 else ["There are no empty lines between sentences, so all words were read as a single sentence."]
    )
    how = {**reading, "separator": "tab" if separator == "\t" else "spaces", "columns": width, "documents": num_documents}
    return build_table(
        names,
        columns,
        [record for record, _ in kept],
        file_name=file_name,
        file_format="conll",
        reading=how,
        set_aside=set_aside,
        notes=notes,
        lines=lines,
    )


def _separator(lines: Sequence[str]) -> str:
    filled = [line for line in lines[:_SAMPLE_LINES] if line.strip()]
    return "\t" if 2 * sum("\t" in line for line in filled) > len(filled) else " "


def _fields(line: str, separator: str) -> list[str]:
    """The fields of a line; if the delimiter is a space, other white space may belong to a word."""
    if separator == "\t":
        return [field.strip(" ") for field in line.split("\t")]
    return BLANKS.split(line.strip(" \t"))


def _width(lines: Sequence[str], separator: str) -> int:
    """The number of fields per line: the most frequent one."""
    counts = Counter(
        len(_fields(line, separator))
        for line in lines[:_SAMPLE_LINES]
        if line.strip() and not line.startswith(("#", _DOCUMENT_START))
    )
    if not counts:
        return 1 if any(line.strip() for line in lines) else 0
    return counts.most_common(1)[0][0]


def _sentences(lines: Sequence[str], separator: str, width: int, limits: ReadingLimits) -> tuple[list[_Sentence], int]:
    sentences = [_Sentence()]
    num_documents = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            if sentences[-1].words:
                limits.check_rows(len(sentences))
                sentences.append(_Sentence())
            continue
        fields = _fields(line, separator)
        if fields[0] == _DOCUMENT_START:
            num_documents += 1
        elif not (line.startswith("#") and not sentences[-1].words and _is_comment(fields, width)):
            sentences[-1].words.append(fields)
            sentences[-1].lines.append(number)
    return [sentence for sentence in sentences if sentence.words], num_documents


def _is_comment(fields: Sequence[str], width: int) -> bool:
    """Whether a line is a comment: it begins with # before a sentence, and is not the word # (or a hashtag) with its tag."""
    return len(fields) != width or not any(map(looks_like_tag, fields[1:]))


def _problem(sentence: _Sentence, width: int) -> tuple[Reason, str] | None:
    for line, fields in zip(sentence.lines, sentence.words, strict=True):
        if len(fields) != width:
            found = f"{len(fields)} {'field' if len(fields) == 1 else 'fields'}"
            return Reason.RAGGED_LINE, f"Line {line} has {found}, but the other lines have {width}."
        if not all(field.strip() for field in (fields[0], fields[-1])):
            return Reason.WORD_OR_TAG_MISSING, f"Line {line} has a tag without a word, or a word without a tag."
    return None


def _names(sentences: Sequence[_Sentence], width: int) -> list[str]:
    """Names of the columns; a first column that only numbers the words, as in CoNLL-U, is not the words column."""
    counting = all(
        [fields[0] for fields in sentence.words] == [str(i) for i in range(1, len(sentence.words) + 1)] for sentence in sentences
    )
    tokens = 1 if counting and width > 2 else 0
    sample = [fields for sentence in sentences[:500] for fields in sentence.words]

    def tag_likeness(place: int) -> tuple[float, bool, int]:
        cells = [fields[place] for fields in sample]
        return sum(map(looks_like_tag, cells)) / len(cells), any(cell != "O" for cell in cells), place

    tags = max((place for place in range(width) if place != tokens), key=tag_likeness)
    return ["tokens" if place == tokens else "tags" if place == tags else f"column_{place + 1}" for place in range(width)]
