"""Several labels per row: one column that lists them, or several columns with one label or one yes/no value each."""

from collections import Counter
from collections.abc import Callable, Sequence

import pandas as pd

from core.datasets.columns.cells import column, num_changed, require_columns, strip
from core.datasets.columns.column_reading import ReadExamples, Role, Roles
from core.datasets.columns.label_lists import (
    FALSE_WORDS,
    MARK_WORDS,
    TRUE_WORDS,
    find_separator,
    is_combined,
    looks_like_list,
    parse_list,
    split_names,
)
from core.datasets.columns.names import ID_NAMES, LABEL_NAMES, guess_text_column, name_score, plain_name, sample, without_number
from core.errors import DatasetError
from core.tasks.skip_reasons import Reason, SkippedRecord
from core.text_format import counted, quoted, short

ROLES: tuple[Role, ...] = (
    Role(name="text", title="Text column", help="The text to classify."),
    Role(
        name="labels",
        title="Label columns",
        help="One column that lists the labels of each text (a list, or names separated by |, ; or ,), several columns with one "
        "label each, or one column with 0 and 1 for each label.",
        many=True,
    ),
)

_LIST, _COMBINED, _INDICATORS, _REPEATED, _PLAIN = 0.9, 0.8, 0.85, 0.75, 0.15
"""Confidence for each format of several labels; for comparison, one label per row gives 0.5 to 0.7 for single-label."""


def recognises(rows: pd.DataFrame) -> float:
    """How well a table fits several labels per row; see ``ColumnReading.recognises``."""
    labels, sureness = _guess_labels(rows)
    return sureness if labels and guess_text_column(rows, besides=labels) is not None else 0.0


def guess_roles(rows: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Text and label columns; see ``ColumnReading.guess_roles``."""
    labels, _ = _guess_labels(rows)
    text = guess_text_column(rows, besides=labels)
    roles: dict[str, tuple[str, ...]] = {"text": (text,)} if text is not None else {}
    return {**roles, "labels": labels} if labels else roles


def read(rows: pd.DataFrame, roles: Roles) -> ReadExamples:
    """Build examples with ``labels``, sorted by name; see ``ColumnReading.read``.

    Raises:
        DatasetError: a column is missing, or the format of the label columns is unknown.
    """
    require_columns(rows, roles, ROLES)
    text_name, label_names = roles["text"][0], roles["labels"]
    if text_name in label_names:
        raise DatasetError(f"Column {text_name!r} is selected for both text and labels. Choose different columns.")
    raw_texts = column(rows, text_name)
    texts = [strip(cell) for cell in raw_texts]
    labels, notes = _read_labels(rows, label_names)

    kept, set_aside, num_doubled = [], [], 0
    for record, text, found in zip(rows.index.tolist(), texts, labels, strict=True):
        if text is None:
            set_aside.append(SkippedRecord(record, Reason.NO_TEXT, f"No value in column {quoted([text_name])}."))
        elif isinstance(found, tuple):
            set_aside.append(SkippedRecord(record, *found))
        else:
            num_doubled += len(set(found)) < len(found)
            kept.append((record, text, sorted(set(found))))
    examples = pd.DataFrame(kept, columns=["record", "text", "labels"])
    if changed := num_changed(raw_texts, texts):
        notes.append(f"White space around {counted(changed, 'cell')} of column {text_name!r} was removed.")
    if num_doubled:
        notes.append(f"{counted(num_doubled, 'row')} listed a label twice; it counts once.")
    if num_empty := sum(not found for _, _, found in kept):
        notes.append(f"{counted(num_empty, 'row')} without any label: kept as negative examples.")
    return ReadExamples(examples=examples, set_aside=set_aside, notes=notes)


# --- reading: each returns, for every row, its labels or the reason why it is skipped -----------------------------------------

Found = list[str] | tuple[Reason, str]


def _read_labels(rows: pd.DataFrame, names: Sequence[str]) -> tuple[list[Found], list[str]]:
    columns = {name: [strip(cell) for cell in column(rows, name)] for name in names}
    if _are_indicators(columns):
        return _read_indicators(columns)
    if len(columns) > 1:
        found: list[Found] = [[cell for cell in row if cell is not None] for row in zip(*columns.values(), strict=True)]
        return found, [f"Each of the columns {quoted(names)} was read as one label per row."]
    return _read_lists(names[0], columns[names[0]])


def _read_lists(name: str, cells: Sequence[str | None]) -> tuple[list[Found], list[str]]:
    filled = [cell for cell in cells if cell is not None]
    if 2 * sum(map(looks_like_list, filled)) > len(filled):
        found = [[] if cell is None else _list_or_reason(name, cell) for cell in cells]
        _refuse_vectors(name, [row for row in found if isinstance(row, list)])
        return found, []
    separator = find_separator(filled)
    written = (
        f"Labels of column {name!r} were split at {separator!r}." if separator else f"Column {name!r} has one label per row."
    )
    return [[] if cell is None else split_names(cell, separator) for cell in cells], [written]


def _list_or_reason(name: str, cell: str) -> Found:
    names = parse_list(cell)
    if names is None:
        return Reason.NO_LIST, f"Column {name!r} contains {short(cell)}, which is not a list of label names."
    return names


def _refuse_vectors(name: str, found: Sequence[Sequence[str]]) -> None:
    """Refuse multi-hot lists such as [0, 1, 0, 0], the same length in every row, since they do not contain the label names."""
    lengths = {len(row) for row in found}
    values = {value for row in found for value in row}
    if len(lengths) == 1 and values <= {"0", "1", "0.0", "1.0"} and any(len(set(row)) < len(row) for row in found):
        raise DatasetError(
            f"Column {name!r} contains lists of {lengths.pop()} zeros and ones without the names of the labels. "
            "Provide lists of label names, or one column with 0 and 1 for each label."
        )


def _read_indicators(columns: dict[str, list[str | None]]) -> tuple[list[Found], list[str]]:
    ticked = all(_is_ticked(cells) for cells in columns.values())
    true_words = TRUE_WORDS | MARK_WORDS
    found: list[Found] = []
    for row in zip(*columns.values(), strict=True):
        named = dict(zip(columns, row, strict=True))
        odd = [name for name, cell in named.items() if not _is_yes_or_no(cell) and not (ticked and cell is None)]
        if odd:
            cell = named[odd[0]]
            found.append(
                (Reason.NO_YES_OR_NO, f"Column {odd[0]!r} contains {short(cell) if cell else 'no value'}; expected 0 or 1.")
            )
        else:
            found.append([name.strip() for name, cell in named.items() if cell is not None and cell.casefold() in true_words])
    return found, [f"Columns {quoted(columns)} were read as one yes/no value for each label."]


def _are_indicators(columns: dict[str, list[str | None]]) -> bool:
    """Whether nearly all cells are yes or no; a few others are reported as errors."""
    return all(_share(cells, _is_yes_or_no) > 0.9 for cells in columns.values())


def _is_yes_or_no(cell: str | None) -> bool:
    return cell is not None and cell.casefold() in TRUE_WORDS | FALSE_WORDS | MARK_WORDS


def _is_ticked(cells: Sequence[str | None]) -> bool:
    """Whether a column marks what applies and leaves the rest empty."""
    return not any(cell is not None and cell.casefold() in FALSE_WORDS for cell in cells)


def _share(cells: Sequence[str | None], holds: Callable[[str], bool]) -> float:
    filled = [cell for cell in cells if cell is not None and cell.strip()]
    return sum(holds(cell.strip()) for cell in filled) / len(filled) if filled else 0.0


# --- guessing -----------------------------------------------------------------------------------------------------------------


def _guess_labels(rows: pd.DataFrame) -> tuple[tuple[str, ...], float]:
    """The probable label columns, and the confidence that the table has several labels per row."""
    few = sample(rows)
    columns = {str(name): few[name].tolist() for name in few.columns if name_score(str(name), ID_NAMES) < 1.0}
    text = guess_text_column(rows)
    by_name = sorted(columns, key=lambda name: (name == text, -name_score(name, LABEL_NAMES)))
    for name in by_name:
        if _share(columns[name], lambda cell: looks_like_list(cell) and parse_list(cell) is not None) > 0.5:
            return (name,), _LIST
    others = [name for name in by_name if name != text]
    indicators = tuple(name for name in columns if name != text and _share(columns[name], _is_yes_or_no) > 0.9)
    named = [name for name in others if name_score(name, LABEL_NAMES) >= 0.7 and name not in indicators]
    for name in named:
        if is_combined([cell for cell in columns[name] if cell is not None]):
            return (name,), _COMBINED
    if len(repeated := _repeated(named)) > 1:
        return repeated, _REPEATED
    if len(indicators) > 1:
        return indicators, _INDICATORS if not named else 0.3
    if named:
        return (named[0],), _PLAIN
    for name in others:
        if is_combined([cell for cell in columns[name] if cell is not None]):
            return (name,), 0.4
    return (), 0.0


def _repeated(names: Sequence[str]) -> tuple[str, ...]:
    """The largest group of columns whose names differ only in a number: ``label``, ``label_2``, ``label_3``."""
    bases = {name: without_number(plain_name(name)) for name in names}
    if not bases:
        return ()
    common, _ = Counter(bases.values()).most_common(1)[0]
    return tuple(sorted((name for name in names if bases[name] == common), key=lambda name: (len(name), name)))
