"""Label co-occurrence in multi-label data: labels that always occur together, and labels that never do."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import chain, combinations

import numpy as np

from core.datasets.checks.check_input import CheckInput
from core.datasets.checks.finding import Finding, FindingExample, RepairOffer, Severity
from core.text_format import counted, short

_ENOUGH = 10
_ROWS_AT_ONCE = 1000
_ALWAYS = 0.98
_EXPECTED = 10.0
"""Expected chance co-occurrences of two labels from which it is significant that there are none."""


def check_label_pairs(check_input: CheckInput) -> list[Finding]:
    """Labels that always occur together, labels that imply another, and labels that exclude each other."""
    if check_input.task.exclusive_labels or check_input.has_entities:
        return []
    single = Counter(label for labels in check_input.row_labels for label in labels)
    frequent = sorted(label for label, number in single.items() if number >= _ENOUGH)
    both = _met(check_input.row_labels, frequent)
    together, implied, apart = [], [], []
    for (i, one), (j, other) in combinations(enumerate(frequent), 2):
        number = int(both[i, j])
        share_of_one, share_of_other = number / single[one], number / single[other]
        if min(share_of_one, share_of_other) >= _ALWAYS:
            together.append((one, other, number))
        elif max(share_of_one, share_of_other) >= _ALWAYS:
            implied.append((one, other) if share_of_one > share_of_other else (other, one))
        elif not number and single[one] * single[other] / len(check_input.texts) >= _EXPECTED:
            apart.append((one, other))
    return [*_together(check_input, together), *_implied(implied, single), *_apart(apart, single)]


def _met(row_labels: Sequence[Sequence[str]], labels: Sequence[str]) -> np.ndarray:
    """Co-occurrence counts of all pairs of labels, ``(num_labels, num_labels)``.

    They are computed as a matrix product, since a row with a thousand labels has half a million pairs.
    """
    place_of = {label: place for place, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)))
    for begin in range(0, len(row_labels), _ROWS_AT_ONCE):
        places = [[place_of[label] for label in row if label in place_of] for row in row_labels[begin : begin + _ROWS_AT_ONCE]]
        used = sorted(set(chain.from_iterable(places)))
        column_of = np.zeros(len(labels), dtype=np.int64)
        column_of[used] = np.arange(len(used))
        has = np.zeros((len(places), len(used)), dtype=np.float32)
        has[np.repeat(np.arange(len(places)), list(map(len, places))), column_of[list(chain.from_iterable(places))]] = 1
        counts[np.ix_(used, used)] += has.T @ has
    return counts


def _together(check_input: CheckInput, pairs: list[tuple[str, str, int]]) -> list[Finding]:
    if not pairs:
        return []
    partners: defaultdict[str, set[str]] = defaultdict(set)
    for one, other, _ in pairs:
        partners[one].add(other)
    places = [
        place
        for place, labels in enumerate(check_input.row_labels)
        if any(one in partners and not partners[one].isdisjoint(labels) for one in labels)
    ]
    return [
        Finding(
            check="labels_always_together",
            severity=Severity.WARNING,
            title=f"{counted(len(pairs), 'pair')} of labels that (almost) always occur together",
            count=len(pairs),
            unit="pair",
            effect="The model cannot learn to distinguish them, and each counts in the scores. If they mean the same, merge "
            "them.",
            examples=tuple(
                FindingExample(text=f"{short(one)}  ·  {short(other)}", detail=counted(number, "text"))
                for one, other, number in pairs[:5]
            ),
            rows=check_input.ids[places] if places else np.zeros(0, dtype=np.int64),
            offers=tuple(
                RepairOffer(repair="merge_labels", title=f"Merge into {short(one, 30)}", parameters={"mapping": {other: one}})
                for one, other, _ in pairs[:3]
            ),
        )
    ]


def _implied(pairs: list[tuple[str, str]], single: Counter[str]) -> list[Finding]:
    if not pairs:
        return []
    return [
        Finding(
            check="labels_that_imply_another",
            severity=Severity.NOTE,
            title=f"{counted(len(pairs), 'label never occurs', 'labels never occur')} without a certain other label",
            count=len(pairs),
            unit="label",
            effect="This is normal if one label is a subcategory of the other. The model predicts each label independently "
            "and may break this rule.",
            examples=tuple(
                FindingExample(text=f"{short(one)} → {short(other)}", detail=counted(single[one], "text"))
                for one, other in pairs[:5]
            ),
        )
    ]


def _apart(pairs: list[tuple[str, str]], single: Counter[str]) -> list[Finding]:
    if not pairs:
        return []
    return [
        Finding(
            check="labels_never_together",
            severity=Severity.NOTE,
            title=f"{counted(len(pairs), 'pair')} of frequent labels that never occur together",
            count=len(pairs),
            unit="pair",
            effect="If every text has exactly one label, choose the task with one label per text, which is easier to learn. If "
            "they can occur together, check whether labels are missing.",
            examples=tuple(
                FindingExample(text=f"{short(one)}  ·  {short(other)}", detail=f"{single[one]:,} and {single[other]:,} texts")
                for one, other in sorted(pairs, key=lambda pair: -single[pair[0]] * single[pair[1]])[:5]
            ),
        )
    ]
