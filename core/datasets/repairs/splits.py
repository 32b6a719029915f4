"""Repairs of splits: near duplicates into one split, split by group, split by time, or re-split.

Rows keep their content and change splits. If the test split changes, scores before and after cannot be compared; every version
records this.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.datasets.checks.duplicates.minhash import near_duplicate_groups
from core.datasets.checks.normalized_text import canonical
from core.datasets.repairs.repair import Outcome, Parameter, Parameters, Repair, RepairInput, without
from core.datasets.splitting.grouped import ColumnSplits, split_by_group, split_by_time
from core.datasets.splitting.parse_dates import ORDERS
from core.datasets.splitting.stratified import stratified_split
from core.errors import DatasetError
from core.tasks.base import SPLITS
from core.text_format import counted, quoted, shown

_SEED = Parameter(name="seed", title="Seed", help="The same seed gives the same splits.", kind="number", default=0)
_SHARES = (
    Parameter(
        name="validation",
        title="Validation %",
        help="Percentage of rows in the validation split.",
        kind="number",
        default=10,
        minimum=1,
    ),
    Parameter(name="test", title="Test %", help="Percentage of rows in the test split.", kind="number", default=10, minimum=1),
)


def _fractions(parameters: Parameters) -> tuple[float, float, float]:
    validation, test = int(parameters["validation"]), int(parameters["test"])
    if validation + test > 90:
        raise DatasetError(f"Validation and test would get {validation + test}% of the rows; leave at least 10% for training.")
    return (100 - validation - test) / 100, validation / 100, test / 100


def _with_splits(examples: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    return examples.assign(split=pd.Series(list(names), index=examples.index, dtype=object))


# --- leakage ----------------------------------------------------------------------------------------------------------------


def _group_duplicates(repair_input: RepairInput, parameters: Parameters) -> Outcome:
    examples = repair_input.examples
    texts = examples["text"].tolist()
    if parameters["near"]:
        groups = near_duplicate_groups(texts)
    else:
        groups = pd.factorize(pd.Series([canonical(text) or text for text in texts], dtype=object))[0]
    if parameters["how"] == "redraw":
        fractions = _present_fractions(examples)
        names = stratified_split(repair_input.task.strata(examples), fractions, int(parameters["seed"]), groups=groups)
        description = {"method": "stratified", "seed": int(parameters["seed"]), "fractions": [round(one, 6) for one in fractions]}
        return Outcome(examples=_with_splits(examples, names.tolist()), splitting={**description, "grouped": "duplicates"})
    straddling = _straddling(examples["split"].tolist(), groups.tolist())
    if not straddling:
        return Outcome(examples=examples, notes=("No text is in more than one split.",))
    together = _brought_together(repair_input, straddling)
    note = f"{counted(len(straddling), 'group')} of near-duplicate texts in more than one split."
    return Outcome(
        examples=_with_splits(examples, together), notes=(note,), splitting={**repair_input.splitting, "grouped": "duplicates"}
    )


def _present_fractions(examples: pd.DataFrame) -> tuple[float, float, float]:
    counts = examples["split"].value_counts()
    train, validation, test = (float(counts.get(name, 0)) / len(examples) for name in SPLITS)
    return train, validation, test


def _straddling(splits: Sequence[str], groups: Sequence[int]) -> dict[int, list[int]]:
    """Groups with rows in more than one split -> positions of their rows."""
    members: dict[int, list[int]] = defaultdict(list)
    for place, group in enumerate(groups):
        members[group].append(place)
    return {group: places for group, places in members.items() if len({splits[place] for place in places}) > 1}


def _brought_together(repair_input: RepairInput, straddling: dict[int, list[int]]) -> list[str]:
    """New splits with undivided groups: each moves to a split of one of its rows, the one that needs most of its labels."""
    splits = repair_input.examples["split"].tolist()
    labels = repair_input.task.row_labels(repair_input.examples)
    wanted: dict[str, Counter[str]] = {name: Counter() for name in SPLITS}
    # Each split needs as many of each label as it had in these groups; the name "" counts rows.
    for places in straddling.values():
        for place in places:
            wanted[splits[place]].update((*labels[place], ""))
    size = Counter(splits)
    order = sorted(straddling, key=lambda group: (-len(straddling[group]), group))
    for group in order:
        places = straddling[group]
        held = Counter(label for place in places for label in (*labels[place], ""))
        candidates = [name for name in SPLITS if any(splits[place] == name for place in places)]
        chosen = max(
            candidates,
            key=lambda name: (sum(wanted[name][label] / size[name] * number for label, number in held.items()), name == "train"),
        )
        wanted[chosen].subtract(held)
        for place in places:
            splits[place] = chosen
    return splits


# --- by a column ------------------------------------------------------------------------------------------------------------


def _cells(repair_input: RepairInput, column: str) -> list[str | None]:
    known = [str(name) for name in repair_input.extra.columns]
    if column not in known:
        there = f"Its extra columns: {quoted(known)}." if known else "This data set has no extra columns."
        raise DatasetError(
            f"This data set has no extra column {shown(column)} to split by. {there} Text and label columns cannot be used."
        )
    cells: list[str | None] = repair_input.extra[column].reindex(repair_input.examples["id"]).astype(object).tolist()
    return [cell if isinstance(cell, str) else None for cell in cells]


def _of_columns(repair_input: RepairInput, found: ColumnSplits) -> Outcome:
    ids = repair_input.examples["id"].tolist()
    removed = {int(ids[place]): reason for place, reason in sorted(found.problems.items())}
    examples = repair_input.examples.assign(split=pd.Series(found.names, index=repair_input.examples.index, dtype=object))
    return Outcome(
        examples=without(examples, removed), removed=removed, notes=tuple(found.notes), splitting=dict(found.description)
    )


def _split_by_group(repair_input: RepairInput, parameters: Parameters) -> Outcome:
    column = str(parameters["column"])
    strata = repair_input.task.strata(repair_input.examples)
    cells = _cells(repair_input, column)
    return _of_columns(
        repair_input, split_by_group(cells, strata, _fractions(parameters), int(parameters["seed"]), column=column)
    )


def _split_by_time(repair_input: RepairInput, parameters: Parameters) -> Outcome:
    column = str(parameters["column"])
    cells = _cells(repair_input, column)
    return _of_columns(repair_input, split_by_time(cells, _fractions(parameters), column=column, order=str(parameters["order"])))


def _split_anew(repair_input: RepairInput, parameters: Parameters) -> Outcome:
    fractions, seed = _fractions(parameters), int(parameters["seed"])
    groups = np.unique(repair_input.examples["text"].to_numpy(dtype=object), return_inverse=True)[1]
    names = stratified_split(repair_input.task.strata(repair_input.examples), fractions, seed, groups=groups)
    description = {"method": "stratified", "seed": seed, "fractions": [round(share, 6) for share in fractions]}
    return Outcome(examples=_with_splits(repair_input.examples, names.tolist()), splitting=description)


REPAIRS = (
    Repair(
        name="group_duplicates_into_one_split",
        title="Move near-duplicates into one split",
        help="Texts that are in both training and test inflate the scores. This moves each group of near-duplicate texts into "
        "one split.",
        run=_group_duplicates,
        parameters=(
            Parameter(
                name="near",
                title="Include near duplicates",
                help="Texts that share at least 80% of their character n-grams. If off, only texts that differ in case, "
                "punctuation, white space or long numbers.",
                kind="switch",
                default=True,
            ),
            Parameter(
                name="how",
                title="Method",
                help="Moving leaves all other rows in their splits. Re-splitting reassigns all rows, with the same proportions.",
                kind="choice",
                default="move",
                choices={"move": "Move only these groups", "redraw": "Re-split all rows"},
            ),
            _SEED,
        ),
    ),
    Repair(
        name="split_by_group",
        title="Split by group",
        help="Keeps each group (customer, author, conversation) in one split, so that the test measures performance on groups "
        "that are not in training.",
        run=_split_by_group,
        parameters=(
            Parameter(name="column", title="Group column", help="An extra column of the file.", kind="column", required=True),
            *_SHARES,
            _SEED,
        ),
    ),
    Repair(
        name="split_by_time",
        title="Split by time",
        help="Training gets the oldest rows and test the newest, as in production use of the model.",
        run=_split_by_time,
        parameters=(
            Parameter(
                name="column", title="Time column", help="An extra column with dates or times.", kind="column", required=True
            ),
            Parameter(
                name="order",
                title="Dates such as 3/4/2024",
                help="Whether the day or the month comes first.",
                kind="choice",
                default="auto",
                choices=dict(zip(ORDERS, ("Auto-detect", "Day first", "Month first"), strict=True)),
            ),
            *_SHARES,
        ),
    ),
    Repair(
        name="split_anew",
        title="Re-split",
        help="Creates new train, validation and test splits from all rows, stratified by label; equal texts stay together.",
        run=_split_anew,
        parameters=(*_SHARES, _SEED),
    ),
)
