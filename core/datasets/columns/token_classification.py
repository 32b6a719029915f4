"""Named entities, in both formats: words with tags, or text with annotated spans."""

import pandas as pd

from core.datasets.columns.cells import num_changed, require_columns
from core.datasets.columns.column_reading import ReadExamples, Role, Roles
from core.datasets.columns.label_lists import looks_like_list
from core.datasets.columns.names import TEXT_NAMES, name_score, name_set, sample
from core.datasets.columns.span_tables import guess_span_roles, holds_spans, read_span_table
from core.datasets.columns.token_lists import Sentences, items, read_lists, read_rows
from core.errors import DatasetError
from core.tasks.skip_reasons import Reason, SkippedRecord
from core.tasks.tag_schemes import Scheme, looks_like_tag, recognise, split_tag, to_iob2
from core.text_format import counted, listed, quoted

ROLES: tuple[Role, ...] = (
    Role(
        name="text",
        title="Text column",
        help="The text, if entities are annotated as spans.",
        required=False,
    ),
    Role(
        name="spans",
        title="Spans column",
        help="The annotated spans of each text: start, end and label, as exported by spaCy, doccano, Label Studio or Argilla.",
        required=False,
    ),
    Role(
        name="tokens",
        title="Words column",
        help="The words of each text as a list, or one word per row.",
        required=False,
    ),
    Role(
        name="tags",
        title="Tags column",
        help="One tag for each word, such as B-PER, I-PER and O; IOB1, IOB2, BILOU and IOBES are recognised.",
        required=False,
    ),
    Role(
        name="sentence",
        title="Sentence column",
        help="Only for tables with one word per row: the id of the sentence the word belongs to.",
        required=False,
    ),
    Role(
        name="tag_names",
        title="Tag names",
        help="Only if tags are numbers: a column that lists their names.",
        required=False,
    ),
)

TOKEN_NAMES = name_set(
    "token, tokens, word, words, form, forms, mot, mots, palabra, wort, слово, 词, 词语, 字, 单词, 単語, トークン, 단어"
)
TAG_NAMES = name_set(
    """tag, tags, ner, ner tag, ner tags, label, labels, ner labels, bio, bio tags, iob, iob tags, entity, entities, ne,
    étiquette, etiqueta, тег, 标签, 标注, 实体, タグ, 태그"""
)
SENTENCE_NAMES = name_set(
    "sentence, sentence id, sentence #, sentence number, sent, sent id, doc, doc id, document id, 句子, 句子编号, 文"
)
TAG_NAMES_NAMES = name_set("tag names, label names, ner tag names, ner tags names, names, id2label, classes")


def recognises(rows: pd.DataFrame) -> float:
    """How well a table fits words with tags or text with spans; see ``ColumnReading.recognises``."""
    roles = guess_roles(rows)
    if "spans" in roles:
        return 0.97
    if "tokens" in roles and "tags" in roles:
        is_complete = "sentence" in roles or any(len(items(cell) or ()) > 1 for cell in sample(rows)[roles["tags"][0]] if cell)
        return 0.97 if is_complete else 0.4
    return 0.0


def guess_roles(rows: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Columns of words and tags, or of text and spans; see ``ColumnReading.guess_roles``."""
    few = sample(rows)
    return _guess_lists(few) or guess_span_roles(few) or _guess_rows(few)


def read(rows: pd.DataFrame, roles: Roles) -> ReadExamples:
    """Build examples with ``starts``, ``ends`` and ``tags``; see ``ColumnReading.read``.

    Raises:
        DatasetError: a column is missing, or the tag scheme is unknown.
    """
    require_columns(rows, roles, ROLES)
    text, spans, tokens, tags, sentence, names = (roles[role.name][0] if roles.get(role.name) else None for role in ROLES)
    if text is not None and spans is not None:
        if holds_spans(sample(rows)[spans].tolist()) or not _are_tags([items(cell) for cell in rows[spans] if cell]):
            return read_span_table(rows, text, spans)
        tokens, tags = text, spans
    if tokens is None or tags is None:
        raise DatasetError(
            "Named entities need a words column and a tags column, or a text column and a spans column. "
            f"The file has {quoted(map(str, rows.columns))}; choose two of them."
        )
    found = read_lists(rows, tokens, tags, names) if sentence is None else read_rows(rows, tokens, tags, sentence)
    return _examples(found, tags)


# --- from words and tags to examples ------------------------------------------------------------------------------------------


def _examples(found: Sentences, tags_name: str) -> ReadExamples:
    set_aside, notes = list(found.set_aside), list(found.notes)
    scheme = recognise(sentence.tags for sentence in found.sentences)
    if scheme is None and found.sentences:
        seen = {tag for sentence in found.sentences for tag in sentence.tags}
        raise DatasetError(
            f"Column {tags_name!r} contains {quoted(sorted(seen), 6)}, which match no known tag scheme. Expected O and tags "
            "such as B-PER and I-PER (IOB1, IOB2, BILOU or IOBES). Choose another tags column."
        )
    examples: list[tuple[int, str, list[int], list[int], list[str]]] = []
    repaired: list[int] = []
    num_repaired = num_stripped = 0
    for sentence in found.sentences:
        assert scheme is not None
        odd = [(place, tag) for place, tag in enumerate(sentence.tags, start=1) if split_tag(tag, scheme.form) is None]
        if odd:
            set_aside.append(
                SkippedRecord(
                    sentence.record,
                    Reason.UNKNOWN_TAG,
                    f"Word {odd[0][0]} has the tag {odd[0][1]!r}, which is not valid in the {scheme.name} scheme.",
                )
            )
            continue
        normalised = to_iob2(sentence.tags, scheme)
        if normalised.num_repaired:
            num_repaired += normalised.num_repaired
            repaired.append(sentence.record)
        words = [word.strip() for word in sentence.words]
        num_stripped += num_changed(sentence.words, words)
        text, starts, ends = join(words)
        examples.append((sentence.record, text, starts, ends, normalised.tags))
    if scheme is not None:
        notes += _scheme_notes(scheme, num_repaired, repaired)
    if num_stripped:
        notes.append(f"White space around {counted(num_stripped, 'word')} was removed.")
    return ReadExamples(
        examples=pd.DataFrame(examples, columns=["record", "text", "starts", "ends", "tags"]),
        set_aside=set_aside,
        notes=notes,
        num_mended=num_repaired,
    )


def join(words: list[str]) -> tuple[str, list[int], list[int]]:
    """The words joined by single spaces, and the start and end of each in that text."""
    starts, ends, position = [], [], 0
    for word in words:
        starts.append(position)
        position += len(word)
        ends.append(position)
        position += 1
    return " ".join(words), starts, ends


def _scheme_notes(scheme: Scheme, num_repaired: int, records: list[int]) -> list[str]:
    notes = []
    if scheme.name == "IO":
        notes.append("The tags do not mark where an entity begins; consecutive words of one type became one entity.")
    elif (scheme.name, scheme.form) != ("IOB2", "mark first"):
        notes.append(f"The tags were {scheme.name} and were converted to IOB2.")
    if num_repaired:
        notes.append(
            f"{counted(num_repaired, 'entity', 'entities')} with invalid {scheme.name} tag sequences "
            f"{'was' if num_repaired == 1 else 'were'} repaired ({listed(records)})."
        )
    return notes


# --- guessing -----------------------------------------------------------------------------------------------------------------


def _guess_lists(few: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Two columns of lists with the same lengths, one of them tags."""
    lists = {str(name): [items(cell) if cell else None for cell in few[name]] for name in few.columns}
    lists = {name: cells for name, cells in lists.items() if _are_lists(few[name].tolist(), cells)}
    names = [str(name) for name in few.columns if name_score(str(name), TAG_NAMES_NAMES) == 1.0]
    lists = {name: cells for name, cells in lists.items() if name not in names}
    named = [name for name in lists if name_score(name, TAG_NAMES) == 1.0]
    tags = [name for name, cells in lists.items() if _are_tags(cells)] or [name for name in named if _are_numbers(lists[name])]
    if not tags and any(name_score(name, TOKEN_NAMES) == 1.0 for name in lists):
        tags = named
    if not tags:
        return {}
    tag = max(tags, key=lambda name: name_score(name, TAG_NAMES))
    lengths = [len(cell or ()) for cell in lists[tag]]
    others = [name for name in lists if name not in tags]
    fitting = [name for name in others if [len(cell or ()) for cell in lists[name]] == lengths]
    fitting = fitting or [name for name in others if name_score(name, TOKEN_NAMES) >= 0.7]
    tokens = max(fitting, key=lambda name: 2 * name_score(name, TOKEN_NAMES) + name_score(name, TEXT_NAMES), default=None)
    if tokens is None:
        return {}
    roles: dict[str, tuple[str, ...]] = {"tokens": (tokens,), "tags": (tag,)}
    return {**roles, "tag_names": (names[0],)} if names and _are_numbers(lists[tag]) else roles


def _guess_rows(few: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """A table with one word per row: a column of single words, one of tags, and usually one of sentence ids."""
    cells = {str(name): [cell.strip() for cell in few[name] if cell and cell.strip()] for name in few.columns}
    tags = [name for name, column_cells in cells.items() if _are_tags([column_cells])]
    if not tags:
        return {}
    tag = max(tags, key=lambda name: name_score(name, TAG_NAMES))
    tokens = max((name for name in cells if name not in tags), key=lambda name: name_score(name, TOKEN_NAMES), default=None)
    if tokens is None or name_score(tokens, TOKEN_NAMES) == 0:
        return {}
    roles: dict[str, tuple[str, ...]] = {"tokens": (tokens,), "tags": (tag,)}
    sentence = max(
        (name for name in cells if name not in (tag, tokens)), key=lambda name: name_score(name, SENTENCE_NAMES), default=None
    )
    return {**roles, "sentence": (sentence,)} if sentence is not None and name_score(sentence, SENTENCE_NAMES) > 0 else roles


def _are_lists(cells: list[str | None], found: list[list[str] | None]) -> bool:
    """Whether cells contain several items each, rather than one word per row."""
    return any(
        item is not None and (len(item) > 1 or looks_like_list(cell or "")) for cell, item in zip(cells, found, strict=True)
    )


def _are_tags(cells: list[list[str] | None] | list[list[str]]) -> bool:
    flat = [tag for tags in cells for tag in tags or ()]
    return any(tag != "O" for tag in flat) and sum(map(looks_like_tag, flat)) > 0.9 * len(flat)


def _are_numbers(cells: list[list[str] | None]) -> bool:
    flat = [tag for tags in cells for tag in tags or ()]
    return bool(flat) and all(tag.isdecimal() for tag in flat)
