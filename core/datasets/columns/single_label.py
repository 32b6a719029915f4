"""One label per row: a text column and a label column."""

import pandas as pd

from core.datasets.columns.cells import column, num_changed, require_columns, strip
from core.datasets.columns.column_reading import ReadExamples, Role, Roles
from core.datasets.columns.names import LABEL_NAMES, contents, guess_text_column, label_score, name_score, text_score
from core.errors import DatasetError
from core.tasks.skip_reasons import SkippedRecord, kind_of_gap
from core.text_format import counted, quoted

ROLES: tuple[Role, ...] = (
    Role(name="text", title="Text column", help="The text to classify."),
    Role(name="label", title="Label column", help="The label of each text."),
)

_FEW_ROWS = 10
"""Minimum number of rows for which the share of distinct labels is meaningful."""


def recognises(rows: pd.DataFrame) -> float:
    """How well a table fits one text and one label per row; see ``ColumnReading.recognises``."""
    roles = guess_roles(rows)
    if "text" not in roles:
        return 0.0
    if "label" not in roles:
        return 0.1
    label = roles["label"][0]
    seen = contents(rows)[label]
    if seen.nested > 0.5:
        return 0.1
    return 0.5 + 0.2 * name_score(label, LABEL_NAMES)


def guess_roles(rows: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """The pair of columns that fits best as text and label; see ``ColumnReading.guess_roles``."""
    seen = contents(rows)
    text_fits = {name: fit for name in seen if (fit := text_score(name, seen[name])) > 0}
    label_fits = {name: fit for name in seen if (fit := label_score(name, seen[name])) > 0}
    # The label is the best candidate or, if that is the text, the second best; so not every pair has to be compared.
    best_labels = sorted(label_fits, key=lambda name: -label_fits[name])[:2]
    pairs = [(text, label) for text in text_fits for label in best_labels if label != text]
    if pairs:
        text, label = max(pairs, key=lambda pair: text_fits[pair[0]] + label_fits[pair[1]])
        return {"text": (text,), "label": (label,)}
    only = guess_text_column(rows)
    return {"text": (only,)} if only is not None else {}


def read(rows: pd.DataFrame, roles: Roles) -> ReadExamples:
    """Build examples with a ``label``; see ``ColumnReading.read``.

    Raises:
        DatasetError: a column is missing, or the label column contains lists, ids or free text.
    """
    require_columns(rows, roles, ROLES)
    text_name, label_name = roles["text"][0], roles["label"][0]
    if text_name == label_name:
        raise DatasetError(f"Column {text_name!r} is selected for both text and label. Choose two different columns.")
    raw_texts, raw_labels = column(rows, text_name), column(rows, label_name)
    texts, labels = [strip(cell) for cell in raw_texts], [strip(cell) for cell in raw_labels]

    everything = pd.DataFrame({"record": rows.index, "text": texts, "label": labels})
    lacking = everything["text"].isna() | everything["label"].isna()
    set_aside = []
    for record, text, label in everything[lacking].itertuples(index=False):
        missing = [name for name, cell in ((text_name, text), (label_name, label)) if not isinstance(cell, str)]
        set_aside.append(SkippedRecord(int(record), kind_of_gap(text_name in missing), f"No value in column {quoted(missing)}."))
    examples = everything[~lacking].reset_index(drop=True) if set_aside else everything
    notes = []
    for name, before, after in ((text_name, raw_texts, texts), (label_name, raw_labels, labels)):
        if changed := num_changed(before, after):
            notes.append(f"White space around {counted(changed, 'cell')} of column {name!r} was removed.")
    return ReadExamples(examples=examples, set_aside=set_aside, notes=notes + _check_labels(label_name, examples["label"]))


def _check_labels(name: str, labels: pd.Series) -> list[str]:
    """Notes about an unusual label column; refuses a column that cannot contain labels.

    Raises:
        DatasetError: nearly every row has a different label.
    """
    num_rows, distinct = len(labels), labels.nunique()
    if num_rows >= _FEW_ROWS and distinct > 0.9 * num_rows:
        raise DatasetError(
            f"Column {name!r} has {distinct:,} different values in {num_rows:,} rows, so it is probably an id or free text. "
            "The model can only learn labels that occur several times. Choose another label column."
        )
    notes = []
    if num_rows >= _FEW_ROWS and distinct > 0.5 * num_rows:
        notes.append(
            f"Column {name!r} has {distinct:,} different labels in {num_rows:,} rows: fewer than 2 examples per label on "
            "average, which is very little to learn from."
        )
    return notes
