"""Manual corrections of the labels of single rows."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from core.datasets.repairs.repair import Outcome, Parameter, Parameters, Repair, RepairInput
from core.datasets.row_diff import plain
from core.errors import DatasetError
from core.text_format import counted, short

_NO_TARGET = "A correction needs the id of its row and {}."


def _correct_labels(repair_input: RepairInput, parameters: Parameters) -> Outcome:
    corrections = {int(one["id"]): one for one in parameters["corrections"]}
    examples = repair_input.examples.copy()
    place_of = {int(id_): place for place, id_ in enumerate(examples["id"])}
    column = next(name for name in ("label", "labels", "tags") if name in examples)
    cells = examples[column].tolist()
    absent = 0
    for id_, correction in corrections.items():
        place = place_of.get(id_)
        if place is None:
            absent += 1
            continue
        old = plain(cells[place])
        new = _ANSWERS[column](correction, old)
        cells[place] = cells[place] if new == old else new
    examples[column] = pd.Series(cells, index=examples.index, dtype=object)
    notes = (f"{counted(absent, 'corrected row')} no longer in the data set: skipped.",) if absent else ()
    return Outcome(examples=examples, notes=notes)


def _label(correction: Mapping[str, Any], _: str) -> str:
    label = correction.get("label")
    if not isinstance(label, str) or not label.strip():
        raise DatasetError(_NO_TARGET.format('a "label"'))
    return label.strip()


def _labels(correction: Mapping[str, Any], _: list[str]) -> list[str]:
    labels = correction.get("labels")
    if not isinstance(labels, list | tuple) or not all(isinstance(label, str) for label in labels):
        raise DatasetError(_NO_TARGET.format('a list of "labels"'))
    return sorted({label.strip() for label in labels if label.strip()})


def _tags(correction: Mapping[str, Any], old: list[str]) -> list[str]:
    tags = correction.get("tags")
    if not isinstance(tags, list | tuple) or not all(isinstance(tag, str) for tag in tags):
        raise DatasetError(_NO_TARGET.format('a list of "tags"'))
    if len(tags) != len(old):
        raise DatasetError(
            f"A correction has {counted(len(tags), 'tag')} for {counted(len(old), 'word')}; each word needs exactly one."
        )
    before = "O"
    for tag in tags:
        mark, _, kind = tag.partition("-")
        if tag != "O" and (mark not in ("B", "I") or not kind.strip()):
            raise DatasetError(f"{short(tag)} is not a valid tag. Expected O, or B- or I- and the name of a type.")
        if mark == "I" and before not in (f"B-{kind}", f"I-{kind}"):
            raise DatasetError(f"The tag {short(tag)} has no preceding B- tag. Begin the entity with {short(f'B-{kind}')}.")
        before = tag
    return list(tags)


_ANSWERS: dict[str, Callable[[Mapping[str, Any], Any], str | list[str]]] = {"label": _label, "labels": _labels, "tags": _tags}

REPAIRS = (
    Repair(
        name="correct_labels",
        title="Correct labels of single rows",
        help="Replaces the labels of rows with manual corrections.",
        run=_correct_labels,
        parameters=(
            Parameter(
                name="corrections",
                title="Corrected labels",
                help="The id of each row and its label (or labels, or tags).",
                kind="corrections",
                required=True,
            ),
        ),
    ),
)
