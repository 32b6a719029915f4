"""Texts that occur more than once: exact duplicates, duplicates with conflicting labels, and near duplicates."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.datasets.checks.check_input import CheckInput
from core.datasets.checks.finding import Finding, FindingExample, RepairOffer, Severity
from core.datasets.checks.texts.missing import label_detail
from core.text_format import counted

_MANY = 0.01
"""Share of duplicate rows from which the finding is a warning."""


def check_exact_duplicates(check_input: CheckInput) -> list[Finding]:
    """Rows that repeat both text and label of an earlier row."""
    same, answer = _text_codes(check_input), _answer_codes(check_input)
    repeated = pd.DataFrame({"text": same, "answer": answer}).duplicated().to_numpy()
    if not repeated.any():
        return []
    ids = check_input.ids[repeated]
    times = pd.Series(same[repeated]).value_counts()
    shown = set(times.index[:5].tolist())
    first = {code: place for place, code in reversed(list(enumerate(same.tolist()))) if code in shown}
    return [
        Finding(
            check="exact_duplicates",
            severity=Severity.WARNING if len(ids) >= _MANY * len(check_input.ids) else Severity.NOTE,
            title=f"{counted(len(ids), 'row is an exact duplicate', 'rows are exact duplicates')} of an earlier row",
            count=len(ids),
            unit="row",
            effect="Duplicate rows count several times in training and in the scores.",
            examples=tuple(
                check_input.example(check_input.ids[first[int(code)]], detail=f"{times[code] + 1:,} times")
                for code in times.index[:5]
            ),
            rows=ids,
            offers=(RepairOffer(repair="drop_duplicates", title="Keep one of each"),),
        )
    ]


def check_conflicts(check_input: CheckInput) -> list[Finding]:
    """The same text with different labels."""
    same, answer = _text_codes(check_input), _answer_codes(check_input)
    table = pd.DataFrame({"text": same, "answer": answer})
    several = table.groupby("text")["answer"].transform("nunique").to_numpy() > 1
    if not several.any():
        return []
    ids = check_input.ids[several]
    texts = pd.unique(same[several])
    examples = [_conflict(check_input, np.flatnonzero(same == code)) for code in texts[:5]]
    return [
        Finding(
            check="conflicting_labels",
            severity=Severity.SERIOUS if len(ids) >= _MANY * len(check_input.ids) else Severity.WARNING,
            title=f"{counted(len(texts), 'text has', 'texts have')} conflicting labels in different rows",
            count=len(texts),
            unit="text",
            effect="The model is trained on contradictory labels; in the test split no prediction can be right for all of the "
            "rows.",
            examples=tuple(examples),
            rows=ids,
            offers=(
                RepairOffer(repair="resolve_conflicts", title="Keep the most frequent label", parameters={"keep": "majority"}),
                RepairOffer(repair="resolve_conflicts", title="Remove these texts", parameters={"keep": "none"}),
            ),
        )
    ]


def check_near_duplicates(check_input: CheckInput) -> list[Finding]:
    """Texts that are near duplicates of another text."""
    near = check_input.near
    same = _text_codes(near)
    table = pd.DataFrame({"group": near.groups, "text": same})
    wordings = table.drop_duplicates()
    sizes = wordings["group"].value_counts()
    larger = sizes[sizes > 1]
    if larger.empty:
        return []
    extra = int(larger.sum() - len(larger))
    concerned = table["group"].isin(larger.index).to_numpy()
    examples = []
    for group in larger.index[:5]:
        places = wordings.index[wordings["group"] == group][:2]
        one, other = (int(place) for place in places)
        examples.append(near.example(near.ids[one], detail=f"{larger[group]:,} versions, such as: {near.texts[other]}"))
    return [
        Finding(
            check="near_duplicates",
            severity=Severity.WARNING if extra >= 0.05 * len(near.ids) else Severity.NOTE,
            title=f"{counted(extra, 'text is a near duplicate', 'texts are near duplicates')} of another text",
            count=extra,
            unit="text",
            effect="Variants of one text add little to learn from and count several times. Near duplicates across training and "
            "test inflate the scores; they are listed separately as leakage.",
            examples=tuple(examples),
            rows=near.ids[concerned],
            sampled=near.is_part,
        )
    ]


def _text_codes(check_input: CheckInput) -> np.ndarray:
    """A number for each text; equal texts get the same number."""
    codes: np.ndarray = pd.factorize(check_input.examples["text"])[0]
    return codes


def _answer_codes(check_input: CheckInput) -> np.ndarray:
    return _codes(check_input.answers)


def _codes(values: Sequence[object]) -> np.ndarray:
    known: dict[object, int] = {}
    return np.array([known.setdefault(value, len(known)) for value in values], dtype=np.int64)


def _conflict(check_input: CheckInput, places: np.ndarray) -> FindingExample:
    if check_input.has_entities:
        detail = f"{len(places)} rows, tagged differently"
    else:
        labels = pd.Series([label_detail(check_input, int(place)) for place in places]).value_counts()
        detail = "; ".join(f"{label} ({number})" for label, number in labels.items())
    return check_input.example(check_input.ids[places[0]], detail=detail)
