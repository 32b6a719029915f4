"""The account of an import on screen: records read, kept and set aside, these by kind of reason, and it adds up."""

import pandas as pd
import streamlit as st

from core.datasets.importing.import_summary import ImportSummary
from dashboard.shared import formats


def draw_account(account: ImportSummary, *, key: str, with_examples: bool = True) -> None:
    """One line, and below it a row for each kind of reason where anything was set aside.

    Args:
        account: what became of the records.
        key: of the table.
        with_examples: whether to show one record of each kind, where no list of them stands beside it.
    """
    kept, aside = formats.count(account.kept), formats.count(account.num_set_aside)
    st.text(f"{formats.plural(account.num_records, 'record')} read: {kept} kept, {aside} set aside.", width="stretch")
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
            "why": st.column_config.TextColumn("Why records were set aside", width=360),
            "number": st.column_config.NumberColumn("Records", width=80, format="localized"),
            "example": st.column_config.TextColumn("For example", width="large"),
        },
        alt="Records set aside, by reason",
    )
