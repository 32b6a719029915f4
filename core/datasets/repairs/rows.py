"""Repairs that take rows out: chosen ones, repeated ones, and those that contradict each other."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence

import pandas as pd

from core.datasets.checks.normalized_text import canonical
from core.datasets.repairs.repair import Outcome, Parameter, Parameters, Repair, RepairInput, without
from core.datasets.repairs.targets import answer_keys
from core.text_format import counted, listed

_KEPT_FIRST = {"test": 0, "validation": 1, "train": 2}
"""Of equal rows in several splits, the one in the test stays, so that scores stay comparable and training sees no test text."""

_MATCH = Parameter(
    name="match",
    title="Which texts are the same",
    help="Alike also ignores capitals, punctuation, white space and long numbers.",
    kind="choice",
    default="exact",
    choices={"exact": "Exactly equal", "alike": "Alike"},
)


def text_keys(texts: Sequence[str], match: str) -> list[str]:
    """A value for each text that is equal for texts taken to be the same."""
    return list(texts) if match == "exact" else [canonical(text) or text for text in texts]


def _drop_rows(repair_input: RepairInput, parameters: Parameters) -> Outcome:
    reason = str(parameters["reason"]).strip() or "Taken out by hand."
    wanted = set(parameters["ids"])
    found = repair_input.examples["id"][repair_input.examples["id"].isin(wanted)].tolist()
    notes = (
        (f"Not there any more: {counted(len(wanted) - len(found), 'row')} of those chosen.",) if len(found) < len(wanted) else ()
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
        int(id_): f"The same text and answer as in {listed([int(record)])} ({split})."
        for id_, record, split in zip(repeated["id"], kept["record"], kept["split"], strict=True)
    }
    return Outcome(examples=without(examples, removed), removed=removed)


def _loose_answers(examples: pd.DataFrame, match: str) -> list[Hashable]:
    """Answers to compare by; offsets of words cannot agree where texts differ in spacing."""
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
                (id_ for id_, _ in rows), "The same text has other answers in other rows, and none prevails."
            )
        else:
            why = "the first row" if keep == "first" else "most rows"
            removed |= dict.fromkeys(
                (id_ for id_, answer in rows if answer != right), f"The same text has another answer in {why} with it."
            )
    notes = (
        (f"{counted(num_ties, 'text')} with as many rows for one answer as for another: all their rows go.",) if num_ties else ()
    )
    return Outcome(examples=without(examples, removed), removed=dict(sorted(removed.items())), notes=notes)


REPAIRS = (
    Repair(
        name="drop_rows",
        title="Take rows out",
        help="The chosen rows go.",
        run=_drop_rows,
        parameters=(
            Parameter(name="ids", title="Rows", help="Ids of examples.", kind="ids", required=True),
            Parameter(name="reason", title="Why", help="Kept with the version.", kind="text", default=""),
        ),
    ),
    Repair(
        name="drop_duplicates",
        title="Drop repeated rows",
        help="Of rows with the same text and the same answer one stays: the one in the test, else in validation, else the first. "
        "So the test keeps its texts and training does not see them.",
        run=_drop_duplicates,
        parameters=(_MATCH,),
    ),
    Repair(
        name="resolve_conflicts",
        title="Settle contradictions",
        help="Where one text has different answers in different rows, the rows that are probably wrong go.",
        run=_resolve_conflicts,
        parameters=(
            Parameter(
                name="keep",
                title="Which answer stays",
                help="Where as many rows say one thing as another, none of them prevails and all go.",
                kind="choice",
                default="majority",
                choices={"majority": "That of most rows", "first": "That of the first row", "none": "None of them"},
            ),
            _MATCH,
        ),
    ),
)
