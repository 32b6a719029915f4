"""How train, validation and test are made when a file is imported: drawn, by what a column says, or from files of their own."""

import dataclasses
from typing import Any, NamedTuple

import streamlit as st

from core.datasets.import_plan import ImportPlan
from core.datasets.splitting.parse_dates import ORDERS
from core.datasets.table import Table
from dashboard.data.importing import uploads
from dashboard.data.importing.reading_choices import reading_options
from dashboard.shared import widgets

_WAYS = {"random": "Random", "column": "By a column", "group": "By groups", "time": "Along time", "files": "From files"}
_ORDER_TITLES = dict(zip(ORDERS, ("Find out", "Day first", "Month first"), strict=True))


class SplitChoice(NamedTuple):
    """What a person chose.

    Attributes:
        plan_fields: fields of the import plan.
        tables: tables of validation and test, where they have files of their own.
        missing: what has still to be chosen, in words.
    """

    plan_fields: dict[str, Any]
    tables: dict[str, Table]
    missing: str = ""

    def applied_to(self, plan: ImportPlan) -> ImportPlan:
        """The plan with these splits."""
        return dataclasses.replace(plan, **self.plan_fields)


def draw_splits(columns: list[str], guessed: ImportPlan, going: dict[str, Any]) -> SplitChoice:
    """Ask for the way, and for what it needs.

    Args:
        columns: of the main table.
        guessed: the plan as guessed.
        going: the import at work, which remembers the uploads of further files.
    """
    guess = list(_WAYS).index("column" if guessed.split_column else "random")
    way = st.selectbox("Splits", list(_WAYS), index=guess, format_func=_WAYS.__getitem__, key="import-splits")
    if way == "column":
        index = columns.index(guessed.split_column) if guessed.split_column in columns else None
        column = st.selectbox("Split column", columns, index=index, key="import-split-column", placeholder="Choose a column")
        st.caption("Its cells say train, validation (or dev, valid) and test.")
        return SplitChoice({"split_column": column}, {})
    if way == "files":
        return SplitChoice({"split_column": None}, _tables_of_files(going))
    fields: dict[str, Any] = {"split_column": None}
    missing = ""
    if way == "group":
        st.caption("No group is in two splits, so the test tells how good the model is on groups it has never seen.")
        fields["group_column"] = _column("Group column", columns, "import-group-column", "customer, author, conversation …")
        missing = "" if fields["group_column"] else "Group column"
    elif way == "time":
        st.caption("The oldest rows are for training and the newest for the test, as it will be when the model is used.")
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
    st.caption("The file above is the training split. Where one of these is missing, it is taken from the training rows.")
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
    said = {
        "random": "Labels keep their proportions; equal texts stay together.",
        "group": "Labels keep their proportions as well as whole groups allow.",
        "time": "Rows of the same moment stay together.",
    }[way]
    seed = guessed.seed
    if way != "time":
        seed = third.number_input(
            "Seed", 0, 2**31 - 1, guessed.seed, key="import-seed", help="The same seed gives the same splits."
        )
    st.caption(f"{100 - validation - test} % are for training. {said}")
    return {"fractions": fractions, "seed": seed}
