"""Repairs that delete rows: selected rows, duplicates, and rows with conflicting labels."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence

import pandas as pd

from core.datasets.checks.normalized_text import canonical
from core.datasets.repairs.repair import Outcome, Parameter, Parameters, Repair, RepairInput, without
from core.datasets.repairs.targets import answer_keys
from core.text_format import counted, listed

_KEPT_FIRST = {"test": 0, "validation": 1, "train": 2}
"""Of duplicates in several splits, the one in test is kept, so that scores stay comparable and no test text is in training."""

_MATCH = Parameter(
    name="match",
    title="Compare texts",
    help="Normalized comparison ignores case, punctuation, white space and long numbers.",
    kind="choice",
    default="exact",
    choices={"exact": "Exact", "alike": "Normalized"},
)


def text_keys(texts: Sequence[str], match: str) -> list[str]:
    """A key for each text; texts that count as equal have the same key."""
    return list(texts) if match == "exact" else [canonical(text) or text for text in texts]


def _drop_rows(repair_input: RepairInput, parameters: Parameters) -> Outcome:
    reason = str(parameters["reason"]).strip() or "Deleted manually."
    wanted = set(parameters["ids"])
    found = repair_input.examples["id"][repair_input.examples["id"].isin(wanted)].tolist()
    notes = (
        (f"{counted(len(wanted) - len(found), 'selected row')} not in the data set any more; skipped.",)
        if len(found) < len(wanted)
        else ()
    )
    removed = dict.fromkeys(found, reason)
    return Outcome(examples=without(repair_input.examples, removed), removed=removed, notes=notes)


def _drop_duplicates(repair_input: RepairInput, parameters: Parameters) -> Outcome:
    examples = repair_input.examples
    keys: list[Hashable] = list(
        zip(text_keys(examples["text"].tolist(), parameters["match"]), _loose_answers(examples, parameters["match"]), strict=True)
    )
    groups = pd.Series(pd.factorize(pd.Series(keys, dtype=object))[0], index=examples.index)
    ordered = examples.assign(_group=groups, _rank=examples["split"].map(_KEPT_FIRST)).sort_values(["_rank", "id"])
    repeated = ordered[ordered.duplicated("_group")].sort_values("id")
    first = ordered.drop_duplicates("_group").set_index("_group")
    kept = first.loc[repeated["_group"]]
    removed = {
        int(id_): f"Duplicate of {listed([int(record)])} ({split})."
        for id_, record, split in zip(repeated["id"], kept["record"], kept["split"], strict=True)
    }
    return Outcome(examples=without(examples, removed), removed=removed)


def _loose_answers(examples: pd.DataFrame, match: str) -> list[Hashable]:
    """Labels to compare; word offsets are left out of a normalized comparison, since they differ with the spacing."""
    if match == "exact" or "tags" not in examples:
        return answer_keys(examples)
    return [tuple(tags) for tags in examples["tags"]]


def _resolve_conflicts(repair_input: RepairInput, parameters: Parameters) -> Outcome:
    examples, keep = repair_input.examples, parameters["keep"]
    keys = pd.Series(text_keys(examples["text"].tolist(), parameters["match"]), index=examples.index)
    doubled = examples[keys.duplicated(keep=False)]
    rows_of: dict[str, list[tuple[int, Hashable]]] = defaultdict(list)
    for key, id_, answer in zip(keys[doubled.index], doubled["id"], _loose_answers(doubled, parameters["match"]), strict=True):
        rows_of[key].append((int(id_), answer))
    removed: dict[int, str] = {}
    num_ties = 0
    for rows in rows_of.values():
        votes = Counter(answer for _, answer in rows).most_common(2)
        if len(votes) < 2:
            continue
        is_tie = votes[0][1] == votes[1][1]
        right: Hashable | None = rows[0][1] if keep == "first" else votes[0][0]
        if keep == "none" or (keep == "majority" and is_tie):
            num_ties += keep == "majority"
            removed |= dict.fromkeys(
                (id_ for id_, _ in rows), "The same text has conflicting labels in other rows, without a majority."
            )
        else:
            why = "the first row" if keep == "first" else "most rows"
            removed |= dict.fromkeys(
                (id_ for id_, answer in rows if answer != right), f"The same text has another label in {why} with it."
            )
    notes = (f"{counted(num_ties, 'text')} without a majority label: all their rows were deleted.",) if num_ties else ()
    return Outcome(examples=without(examples, removed), removed=dict(sorted(removed.items())), notes=notes)


REPAIRS = (
    Repair(
        name="drop_rows",
        title="Delete rows",
        help="Deletes the selected rows.",
        run=_drop_rows,
        parameters=(
            Parameter(name="ids", title="Rows", help="Ids of examples.", kind="ids", required=True),
            Parameter(name="reason", title="Reason", help="Stored with the version.", kind="text", default=""),
        ),
    ),
    Repair(
        name="drop_duplicates",
        title="Delete duplicate rows",
        help="Of rows with the same text and label, one is kept: the one in test, else in validation, else the first. "
        "This way the test split keeps its texts, and they do not occur in training.",
        run=_drop_duplicates,
        parameters=(_MATCH,),
    ),
    Repair(
        name="resolve_conflicts",
        title="Resolve conflicting labels",
        help="If a text has different labels in different rows, the rows that are probably wrong are deleted.",
        run=_resolve_conflicts,
        parameters=(
            Parameter(
                name="keep",
                title="Label to keep",
                help="If there is no majority, all rows of the text are deleted.",
                kind="choice",
                default="majority",
                choices={"majority": "Most frequent label", "first": "Label of the first row", "none": "None (delete all rows)"},
            ),
            _MATCH,
        ),
    ),
)
