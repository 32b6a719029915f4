"""The changes of a repair or between versions: totals, and rows before and after with differences in colour."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.datasets.repairs.targets import entities
from core.datasets.row_diff import Compared, RowChange
from core.datasets.versions.draft import Draft
from core.datasets.versions.text_diff import differences
from core.tasks import SPLITS
from dashboard.results.token_classification import marked
from dashboard.shared import formats
from dashboard.shared.downloads import FORMULA_NOTE, csv_bytes
from dashboard.shared.escaping import markdown_piece

_SHOWN_AT_ONCE = 8
_LONGEST_TEXT = 400

TEST_CHANGES = (
    "The test split changes, so scores measured before and after cannot be compared. "
    "To compare models, train them again on the new version."
)
TEST_STAYS = "The test split stays the same, so scores before and after can be compared."


def draw_sum(draft: Draft) -> None:
    """The changes that repairs would make: totals and notes."""
    draw_figures(draft.parent.num_examples, draft.num_examples, draft.compared)
    st.text("\n".join(line for step in draft.steps for line in (f"• {step.line}.", *step.notes)), width="stretch")
    if draft.changes_anything:
        draw_test_notice(changed=draft.changes_test)
    else:
        st.info("No row would change.", icon=":material/check_circle:")


def draw_rows(draft: Draft, *, key: str) -> None:
    """Rows that would change, and rows that would be removed."""
    draw_changes(draft.changes, key=key, total=len(draft.compared.changed) + len(draft.compared.removed))
    if len(draft.removed):
        draw_removed(draft.removed, key=key)


def draw_figures(before: Mapping[str, int], after: Mapping[str, int], compared: Compared) -> None:
    """How many rows changed, and the size of each split with its difference."""
    with st.container(horizontal=True, gap="medium"):
        st.metric("Rows changed", formats.count(len(compared.changed)), width="content")
        st.metric("Rows removed", formats.count(len(compared.removed)), width="content")
        if len(compared.added):
            st.metric("Rows added", formats.count(len(compared.added)), width="content")
        for split in SPLITS:
            old, new = before.get(split, 0), after.get(split, 0)
            delta = f"{new - old:+,}".replace("-", "−") if new != old else None
            st.metric(split.capitalize(), formats.count(new), delta, delta_color="off", width="content")
    parts = {"text": compared.texts, "label": compared.answers, "split": compared.splits}
    counts = [f"{formats.plural(len(ids), 'row')} with a new {name}" for name, ids in parts.items() if len(ids)]
    if counts:
        st.caption(", ".join(counts).capitalize() + ".")


def draw_test_notice(*, changed: bool) -> None:
    """Whether scores before and after can be compared."""
    if changed:
        st.warning(TEST_CHANGES, icon=":material/balance:")
    else:
        st.caption(f":material/balance: {TEST_STAYS}")


def draw_changes(changes: Sequence[RowChange], *, key: str, total: int) -> None:
    """Rows before and after, a few at a time."""
    if not changes:
        return
    st.markdown("**Before and after**")
    ordered = _interleaved(changes)
    pages = (len(ordered) - 1) // _SHOWN_AT_ONCE + 1
    page = 1
    if pages > 1:
        with st.container(horizontal=True, vertical_alignment="center"):
            page = int(st.number_input("Page", 1, pages, 1, key=f"changes-page-{key}", width=140, label_visibility="collapsed"))
            sampled = f", a sample of {formats.count(total)}" if total > len(ordered) else ""
            st.caption(f"of {pages} · {formats.plural(len(ordered), 'row')}{sampled}")
    for change in ordered[(page - 1) * _SHOWN_AT_ONCE : page * _SHOWN_AT_ONCE]:
        with st.container(border=True, gap="small"):
            st.caption(_place(change))
            st.markdown(change_markdown(change))


def _interleaved(changes: Sequence[RowChange]) -> list[RowChange]:
    """Changes ordered so that the kinds (text, label or split changed, row removed) alternate."""
    kinds: dict[tuple[bool, ...], list[RowChange]] = {}
    for change in changes:
        before, after = change.before or {}, change.after or {}
        kind = tuple(before.get(name) != after.get(name) for name in before) if before and after else (bool(after), bool(before))
        kinds.setdefault(kind, []).append(change)
    longest = max(map(len, kinds.values()))
    return [group[place] for place in range(longest) for group in kinds.values() if place < len(group)]


def _place(change: RowChange) -> str:
    before, after = change.before, change.after
    split = str((after or before or {}).get("split", ""))
    if before and after and before["split"] != after["split"]:
        split = f"{before['split']} → :green-background[{after['split']}]"
    text = f"Record {formats.count(change.record)} · {split}"
    if after is None:
        text += " · :red-background[removed]"
        if change.reason:
            text += f" · {markdown_piece(change.reason)}"
    elif before is None:
        text += " · :green-background[added]"
    return text


def change_markdown(change: RowChange) -> str:
    """One row with its difference: removed text on red, added text on green background. Every piece is escaped."""
    before, after = change.before, change.after
    if before is None or after is None:
        only = after or before or {}
        return f"{_shortened(str(only['text']))}  \n{_answer_line(only)}"
    text = _difference(before["text"], after["text"]) if before["text"] != after["text"] else _shortened(str(after["text"]))
    old, new = answer_in_words(before), answer_in_words(after)
    if before["text"] != after["text"] and "tags" in after:
        return f"{text}  \n{_answer_line(after)}"
    answer = f":small[{_difference(old, new, whole='tags' not in after)}]" if old != new else _answer_line(after)
    return f"{text}  \n{answer}"


def answer_in_words(row: Mapping[str, Any]) -> str:
    """The label, labels or entities of a row as one line of text."""
    if "label" in row:
        return str(row["label"])
    if "labels" in row:
        return " | ".join(row["labels"]) or "(no label)"
    starts, ends = row["starts"], row["ends"]
    found = [(starts[first], ends[last], kind) for first, last, kind in entities(row["tags"])]
    return marked(row["text"], found) if found else "(no entity)"


def _answer_line(row: Mapping[str, Any]) -> str:
    return f":small[{_shortened(answer_in_words(row))}]"


def _shortened(text: str) -> str:
    return markdown_piece(text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…").strip() or "–"


def _difference(before: str, after: str, *, whole: bool = False) -> str:
    if whole:
        return f"{_removed(before)} → {_added(after)}"
    pieces = []
    for piece in differences(before, after):
        if piece.kind == "same":
            pieces.append(markdown_piece(piece.text))
        else:
            pieces.append(_removed(piece.text) if piece.kind == "removed" else _added(piece.text))
    return "".join(pieces).strip()


def _removed(text: str) -> str:
    return f":red-background[{markdown_piece(text.strip()) or '␣'}]"


def _added(text: str) -> str:
    return f":green-background[{markdown_piece(text.strip()) or '␣'}]"


def draw_removed(removed: pd.DataFrame, *, key: str) -> None:
    """A download of the removed rows with reasons."""
    st.download_button(
        f"Download {formats.plural(len(removed), 'removed row')} (CSV)",
        lambda: csv_bytes(removed),
        file_name="removed-rows.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"removed-{key}",
        help=FORMULA_NOTE,
    )
