"""How an imported file is split into train, validation and test: at random, from a column, by group, by time, or by file."""

import dataclasses
from typing import Any, NamedTuple

import streamlit as st

from core.datasets.import_plan import ImportPlan
from core.datasets.splitting.parse_dates import ORDERS
from core.datasets.table import Table
from dashboard.data.importing import uploads
from dashboard.data.importing.reading_choices import reading_options
from dashboard.shared import widgets

_WAYS = {"random": "Random", "column": "From a column", "group": "By group", "time": "By time", "files": "Separate files"}
_ORDER_TITLES = dict(zip(ORDERS, ("Auto-detect", "Day first", "Month first"), strict=True))


class SplitChoice(NamedTuple):
    """The user's choice.

    Attributes:
        plan_fields: fields of the import plan.
        tables: tables of validation and test, if they have separate files.
        missing: title of the field that has still to be chosen; empty if none.
    """

    plan_fields: dict[str, Any]
    tables: dict[str, Table]
    missing: str = ""

    def applied_to(self, plan: ImportPlan) -> ImportPlan:
        """The plan with these splits."""
        return dataclasses.replace(plan, **self.plan_fields)


def draw_splits(columns: list[str], guessed: ImportPlan, going: dict[str, Any]) -> SplitChoice:
    """Ask for the splitting method and its parameters.

    Args:
        columns: of the main table.
        guessed: the plan as guessed.
        going: the current import, which stores the ids of further uploads.
    """
    guess = list(_WAYS).index("column" if guessed.split_column else "random")
    way = st.selectbox("Splits", list(_WAYS), index=guess, format_func=_WAYS.__getitem__, key="import-splits")
    if way == "column":
        index = columns.index(guessed.split_column) if guessed.split_column in columns else None
        column = st.selectbox("Split column", columns, index=index, key="import-split-column", placeholder="Choose a column")
        st.caption("The column must contain train, validation (or dev, valid) and test.")
        return SplitChoice({"split_column": column}, {})
    if way == "files":
        return SplitChoice({"split_column": None}, _tables_of_files(going))
    fields: dict[str, Any] = {"split_column": None}
    missing = ""
    if way == "group":
        st.caption("All rows of a group go into the same split, so test scores show how well the model works on new groups.")
        fields["group_column"] = _column("Group column", columns, "import-group-column", "customer, author, conversation …")
        missing = "" if fields["group_column"] else "Group column"
    elif way == "time":
        st.caption("The oldest rows are for training, the newest for testing, so test scores show how well it works on new data.")
        fields["time_column"] = _column("Time column", columns, "import-time-column", "a column with dates")
        fields["time_order"] = st.segmented_control(
            "Dates such as 3/4/2024",
            ORDERS,
            default=ORDERS[0],
            required=True,
            format_func=_ORDER_TITLES.__getitem__,
            key="import-time-order",
        )
        missing = "" if fields["time_column"] else "Time column"
    return SplitChoice(fields | _fractions(guessed, way), {}, missing)


def _column(title: str, columns: list[str], key: str, example: str) -> str | None:
    return st.selectbox(title, columns, index=None, key=key, placeholder=f"Such as {example}")


def _tables_of_files(going: dict[str, Any]) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    st.caption("The file above is the training split. A split without a file is taken from the training rows.")
    for part in ("validation", "test"):
        uploaded = st.file_uploader(f"{part.capitalize()} file", key=f"import-file-{part}")
        if uploaded is not None:
            with widgets.errors_shown():
                tables[part] = uploads.read(uploads.keep(uploaded), **reading_options(of_further_files=True))
                going[part] = uploads.keep(uploaded).id
    return tables


def _fractions(guessed: ImportPlan, way: str) -> dict[str, Any]:
    first, second, third = st.columns(3)
    validation = first.number_input("Validation %", 1, 45, round(guessed.fractions[1] * 100), key="import-validation")
    test = second.number_input("Test %", 1, 45, round(guessed.fractions[2] * 100), key="import-test")
    fractions = ((100 - validation - test) / 100, validation / 100, test / 100)
    note = {
        "random": "Stratified by label; equal texts go into the same split.",
        "group": "Stratified by label as far as whole groups allow.",
        "time": "Rows with the same time go into the same split.",
    }[way]
    seed = guessed.seed
    if way != "time":
        seed = third.number_input(
            "Seed", 0, 2**31 - 1, guessed.seed, key="import-seed", help="The same seed gives the same splits."
        )
    st.caption(f"{100 - validation - test}% of the rows are for training. {note}")
    return {"fractions": fractions, "seed": seed}
