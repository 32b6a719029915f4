"""The import summary on screen: numbers of records read, kept and skipped, and the reasons for skipping."""

import pandas as pd
import streamlit as st

from core.datasets.importing.import_summary import ImportSummary
from dashboard.shared import formats


def draw_account(account: ImportSummary, *, key: str, with_examples: bool = True) -> None:
    """One line of totals, and a table with one row per reason if records were skipped.

    Args:
        account: the import summary.
        key: of the table.
        with_examples: whether to show one record for each reason, if they are not listed elsewhere on the page.
    """
    kept, skipped = formats.count(account.kept), formats.count(account.num_set_aside)
    st.text(f"{formats.plural(account.num_records, 'record')} read: {kept} kept, {skipped} skipped.", width="stretch")
    if not account.by_kind:
        return
    rows = [
        (kind.sentence, number, next((example.reason for example in account.of(kind) if example.reason != kind.sentence), ""))
        for kind, number in account.by_kind.items()
    ]
    table = pd.DataFrame(rows, columns=["why", "number", "example"])
    shows_examples = with_examples and bool(table["example"].any())
    st.dataframe(
        table if shows_examples else table.drop(columns="example"),
        hide_index=True,
        height="content",
        key=key,
        column_config={
            "why": st.column_config.TextColumn("Reason for skipping", width=360),
            "number": st.column_config.NumberColumn("Records", width=80, format="localized"),
            "example": st.column_config.TextColumn("Example", width="large"),
        },
        alt="Skipped records, by reason",
    )
