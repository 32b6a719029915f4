"""Data leakage: texts of validation or test that also occur in training, exactly or as near duplicates."""

import numpy as np

from core.datasets.checks.check_input import CheckInput
from core.datasets.checks.duplicates.minhash import similarity
from core.datasets.checks.finding import Finding, FindingExample, RepairOffer, Severity
from core.text_format import counted

_REGROUP = RepairOffer(
    repair="group_duplicates_into_one_split", title="Move near-duplicates into one split", parameters={"near": True}
)
_MUCH, _MUCH_NEARLY = 0.01, 0.05
"""Shares of a split from which leakage changes its scores noticeably."""


def check_leakage(check_input: CheckInput) -> list[Finding]:
    """Exact leakage, counted over all rows, and leakage of near duplicates; a row counts once."""
    training = set(check_input.examples.loc[check_input.splits == "train", "text"])
    exact = np.array(
        [split != "train" and text in training for split, text in zip(check_input.splits, check_input.texts, strict=True)],
        dtype=bool,
    )
    findings = []
    if exact.any():
        findings.append(
            _finding(
                check_input,
                exact,
                check="leaked_texts",
                much=_MUCH,
                what="also {occur} in training",
                effect="The model has seen these texts with their labels, so the scores are too high. Keep each text in one "
                "split.",
                examples=tuple(
                    check_input.example(check_input.ids[place], detail=_standing(check_input, int(place)))
                    for place in np.flatnonzero(exact)[:5]
                ),
            )
        )
    near = check_input.near
    trained = set(near.groups[near.splits == "train"].tolist())
    leaked = set(check_input.ids[exact].tolist())
    nearly = np.array(
        [
            split != "train" and group in trained and id_ not in leaked
            for split, group, id_ in zip(near.splits, near.groups.tolist(), near.ids.tolist(), strict=True)
        ],
        dtype=bool,
    )
    if nearly.any():
        findings.append(
            _finding(
                near,
                nearly,
                check="leaked_near_duplicates",
                much=_MUCH_NEARLY,
                what="{occur} in training as near duplicates",
                effect="The model has seen almost the same texts, so the scores are somewhat too high. Keep near duplicates "
                "in one split.",
                examples=tuple(_pair(near, int(place)) for place in np.flatnonzero(nearly)[:5]),
            )
        )
    return findings


def _finding(
    check_input: CheckInput,
    is_leaked: np.ndarray,
    *,
    check: str,
    much: float,
    what: str,
    effect: str,
    examples: tuple[FindingExample, ...],
) -> Finding:
    counts = {split: int((is_leaked & (check_input.splits == split)).sum()) for split in ("validation", "test")}
    largest = max(number / max(1, int((check_input.splits == split).sum())) for split, number in counts.items())
    occur = "occurs" if sum(counts.values()) == 1 else "occur"
    where = " and ".join(f"{counted(number, 'row')} of {split}" for split, number in counts.items() if number)
    return Finding(
        check=check,
        severity=Severity.SERIOUS if largest >= much and sum(counts.values()) > 1 else Severity.WARNING,
        title=f"{where} {what.format(occur=occur)}",
        count=sum(counts.values()),
        unit="row",
        effect=effect,
        examples=examples,
        rows=check_input.ids[is_leaked],
        offers=(_REGROUP,),
        sampled=check_input.is_part,
    )


def _standing(check_input: CheckInput, place: int) -> str:
    return f"in {check_input.splits[place]} and in training"


def _pair(near: CheckInput, place: int) -> FindingExample:
    """The leaked text and the most similar training text."""
    candidates = np.flatnonzero((near.groups == near.groups[place]) & (near.splits == "train"))[:20]
    closest = max(candidates.tolist(), key=lambda other: similarity(near.texts[place], near.texts[other]))
    return near.example(near.ids[place], detail=f"in training: {near.texts[closest]}")
