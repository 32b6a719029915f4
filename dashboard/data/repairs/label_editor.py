"""The label editor: labels of single rows are corrected in a table, and the corrections become a new version."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.datasets.dataset import Dataset
from core.datasets.repairs import RepairStep
from core.datasets.repairs.targets import entities
from core.runs.store.records import DatasetRecord
from core.tasks import SPLITS
from dashboard.data.repairs.parameter_form import labels_of
from dashboard.data.repairs.repair_page import repair_dialog
from dashboard.results.token_classification import highlighted
from dashboard.shared import formats, state
from dashboard.shared.escaping import markdown_text

_ROWS_A_PAGE = 50
_MOST_FOUND = 5000
_NO_TYPE = "–"
"""Type of a word outside every entity; an empty cell would show "None"."""


def draw_correction(record: DatasetRecord, dataset: Dataset) -> None:
    """Find rows, correct their labels, preview the changes, and create a version."""
    st.caption("Change the labels of any row. Corrections stay in this browser tab until you save them as a new version.")
    made = corrections_of(dataset.id)
    rows = _chosen_rows(dataset)
    if rows.empty:
        st.info("No rows match these filters.", icon=":material/search_off:")
    else:
        page = _page(rows, dataset)
        if dataset.task == "token_classification":
            _draw_tags(page, dataset, made)
        else:
            _draw_table(page, dataset, made)
    _draw_sum(record, dataset, made)


def corrections_of(dataset_id: str) -> dict[int, dict[str, Any]]:
    """Corrections made in this tab: id of the row -> its corrected labels."""
    made: dict[int, dict[str, Any]] = st.session_state.setdefault(f"corrections-{dataset_id}", {})
    return made


def _chosen_rows(dataset: Dataset) -> pd.DataFrame:
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        split = st.segmented_control(
            "Split", [*SPLITS], default="train", required=True, format_func=str.capitalize, key=f"correct-split-{dataset.id}"
        )
        label = st.selectbox(
            "Label", [None, *labels_of(dataset)], format_func=lambda name: "Any" if name is None else name,
            key=f"correct-label-{dataset.id}", width=240,
        )  # fmt: skip
        words = st.text_input(
            "Search", key=f"correct-search-{dataset.id}", placeholder="Words in the text", icon=":material/search:", width=300
        )
    rows = state.examples_of(dataset, str(split))
    if label is not None:
        from core.tasks import get_task

        rows = rows[[label in found for found in get_task(dataset.task).row_labels(rows)]]
    for word in (words or "").casefold().split():
        rows = rows[rows["text"].str.casefold().str.contains(word, regex=False)]
    return rows.head(_MOST_FOUND)


def _page(rows: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    pages = (len(rows) - 1) // _ROWS_A_PAGE + 1
    page = 1
    if pages > 1:
        with st.container(horizontal=True, vertical_alignment="center"):
            key = f"correct-page-{dataset.id}-{pages}"
            page = int(st.number_input("Page", 1, pages, 1, key=key, width=140, label_visibility="collapsed"))
            first = "the first " if len(rows) == _MOST_FOUND else ""
            st.caption(f"page {page} of {pages} · {first}{formats.plural(len(rows), 'row')}")
    return rows.iloc[(page - 1) * _ROWS_A_PAGE : page * _ROWS_A_PAGE]


# --- one or several labels --------------------------------------------------------------------------------------------------


def _draw_table(page: pd.DataFrame, dataset: Dataset, made: dict[int, dict[str, Any]]) -> None:
    many = "labels" in page
    column = "labels" if many else "label"
    known = sorted({*labels_of(dataset), *(name for one in made.values() for name in _names(one[column]))})
    new = st.text_input("New label", key=f"correct-new-{dataset.id}", placeholder="Adds a label to the choices", width=300)
    options = [*known, *([new.strip()] if new and new.strip() and new.strip() not in known else [])]
    original = {int(id_): _listed(value) if many else str(value) for id_, value in zip(page["id"], page[column], strict=True)}
    shown = pd.DataFrame(
        {
            "record": page["record"].to_numpy(),
            "text": page["text"].to_numpy(dtype=object),
            column: pd.Series([made.get(id_, {}).get(column, value) for id_, value in original.items()], dtype=object),
        }
    )
    answers = (
        st.column_config.MultiselectColumn("Labels", options=options, width="medium", accept_new_options=True)
        if many
        else st.column_config.SelectboxColumn("Label", options=options, required=True, width="medium")
    )
    # The corrections are part of the key: the table starts from them, and each of its edits is read once.
    identity = hash((tuple(original), tuple(sorted((id_, str(one)) for id_, one in made.items())), tuple(options)))
    edited = st.data_editor(
        shown,
        hide_index=True,
        key=f"correct-table-{dataset.id}-{identity}",
        disabled=["record", "text"],
        height=min(37 + 35 * len(shown), 460),
        column_config={
            "record": st.column_config.NumberColumn("Record", width=70),
            "text": st.column_config.TextColumn("Text", width="large"),
            column: answers,
        },
    )
    before = dict(made)
    take_edits(made, original, edited[column].tolist(), column)
    if made != before:
        st.rerun()


def take_edits(made: dict[int, dict[str, Any]], original: Mapping[int, Any], edited: Sequence[Any], column: str) -> None:
    """Update the corrections in place from the edited table: a changed value is a correction, an original value is none.

    Args:
        made: the corrections so far.
        original: id of each row of the table -> its value in the data set.
        edited: the values in the table; an emptied label keeps its original value.
        column: ``label`` or ``labels``.
    """
    for (id_, old), value in zip(original.items(), edited, strict=True):
        answer = sorted(set(_listed(value))) if column == "labels" else value if isinstance(value, str) and value else old
        if answer == old:
            made.pop(id_, None)
        else:
            made[id_] = {"id": id_, column: answer}


def _listed(value: Any) -> list[str]:
    if value is None or isinstance(value, float):
        return []
    return [str(label).strip() for label in value if str(label).strip()]


def _names(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


# --- entities ---------------------------------------------------------------------------------------------------------------


def _draw_tags(page: pd.DataFrame, dataset: Dataset, made: dict[int, dict[str, Any]]) -> None:
    """Choose a text; a table lists its words with their entity type, and a tick where an entity starts."""
    types = labels_of(dataset)
    by_id = {int(row["id"]): row for _, row in page.iterrows()}
    chosen = st.selectbox(
        "Text",
        list(by_id),
        format_func=lambda id_: f"{'✎ ' if id_ in made else ''}{by_id[id_]['record']}: {by_id[id_]['text'][:110]}",
        key=f"correct-text-{dataset.id}-{hash(tuple(by_id))}",
    )
    row = by_id[chosen]
    old = [str(tag) for tag in row["tags"]]
    tags: Sequence[str] = made.get(chosen, {}).get("tags", old)
    new = st.text_input("New type", key=f"correct-type-{dataset.id}", placeholder="Adds a type to the choices", width=300)
    options = list(dict.fromkeys([_NO_TYPE, *types, *(tag[2:] for tag in tags if tag != "O"), *([new.strip()] if new else [])]))
    starts, ends = [int(start) for start in row["starts"]], [int(end) for end in row["ends"]]
    words = [row["text"][start:end] for start, end in zip(starts, ends, strict=True)]
    table = pd.DataFrame(
        {
            "word": words,
            "type": [tag[2:] if tag != "O" else _NO_TYPE for tag in tags],
            "begins": [tag.startswith("B-") for tag in tags],
        }
    )
    left, right = st.columns([3, 4], gap="medium")
    with left:
        edited = st.data_editor(
            table,
            hide_index=True,
            key=f"correct-tags-{dataset.id}-{chosen}-{hash((tuple(tags), tuple(options)))}",
            disabled=["word"],
            height=min(37 + 35 * len(table), 460),
            column_config={
                "word": st.column_config.TextColumn("Word"),
                "type": st.column_config.SelectboxColumn("Type", options=options),
                "begins": st.column_config.CheckboxColumn(
                    "Start", help="Tick the first word of an entity if it directly follows another entity of the same type."
                ),
            },
        )
    corrected = tags_of_table([None if kind == _NO_TYPE else kind for kind in edited["type"]], edited["begins"].tolist())
    with right:
        for title, shown in (("After correction", corrected), ("Before correction", old)):
            if shown is old or corrected != old:
                spans = [(starts[first], ends[last], kind) for first, last, kind in entities(shown)]
                st.caption(title)
                st.markdown(highlighted(row["text"], spans, types))
    if corrected != list(tags):
        if corrected == old:
            made.pop(chosen, None)
        else:
            made[chosen] = {"id": chosen, "tags": corrected}
        st.rerun()


def tags_of_table(types: Sequence[str | None], begins: Sequence[bool]) -> list[str]:
    """IOB2 tags from a type and a tick for each word; the first word of a run of one type always starts an entity."""
    tags, before = [], ""
    for kind, first in zip(types, begins, strict=True):
        kind = kind or ""
        tags.append("O" if not kind else f"{'B' if first or kind != before else 'I'}-{kind}")
        before = kind
    return tags


# --- summary ----------------------------------------------------------------------------------------------------------------


def _draw_sum(record: DatasetRecord, dataset: Dataset, made: Mapping[int, dict[str, Any]]) -> None:
    if not made:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{formats.plural(len(made), 'row')} of {markdown_text(record.name, longest=60)} corrected**", width="stretch"
        )
        if st.button("Discard corrections", type="tertiary", icon=":material/undo:", key=f"correct-forget-{dataset.id}"):
            st.session_state[f"corrections-{dataset.id}"] = {}
            st.rerun()
        if st.button("Preview", type="primary", icon=":material/preview:", key=f"correct-preview-{dataset.id}"):
            step = RepairStep(repair="correct_labels", parameters={"corrections": [made[id_] for id_ in sorted(made)]})
            repair_dialog((dataset.id, (step,), True))
