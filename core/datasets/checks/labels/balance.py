"""Labels with too few examples, labels that crowd out the others, and splits whose labels differ."""

from collections.abc import Sequence

import numpy as np

from core.datasets.checks.check_input import CheckInput
from core.datasets.checks.finding import Finding, FindingExample, RepairOffer, Severity
from core.datasets.checks.texts.missing import records_of
from core.tasks.skip_reasons import Reason
from core.text_format import counted, quoted

FEW = 10
"""Training examples below which a label can hardly be learned."""

_UNEQUAL = 20.0
_CROWDING = 0.8
_MOST_PUT_RIGHT = 0.05
_BEYOND_CHANCE = 3.1
"""Standard deviations that chance reaches once in a thousand times."""

_ANEW = RepairOffer(repair="split_anew", title="Draw the splits anew")


def check_rare_labels(check_input: CheckInput) -> list[Finding]:
    """Labels that training sees fewer than ten times."""
    counts = {label: check_input.label_counts["train"].get(label, 0) for label in check_input.labels}
    rare = sorted((number, label) for label, number in counts.items() if number < FEW)
    if not rare:
        return []
    lost = sum(sum(of_split.get(label, 0) for of_split in check_input.label_counts.values()) for _, label in rare)
    every = sum(sum(of_split.values()) for of_split in check_input.label_counts.values())
    left = len(counts) - len(rare)
    can_be_left_out = left >= 2 and lost <= _MOST_PUT_RIGHT * every
    return [
        Finding(
            check="rare_labels",
            severity=Severity.WARNING,
            title=f"{counted(len(rare), 'label has', 'labels have')} fewer than {FEW} training examples",
            count=len(rare),
            unit="label",
            effect="A label is hardly learned from so few, and its scores rest on a handful of test rows. Add examples, merge it "
            "with a neighbour, or leave it out.",
            examples=tuple(FindingExample(text=label, detail=counted(number, "training example")) for number, label in rare[:5]),
            offers=(
                RepairOffer(repair="drop_labels", title="Leave them out", parameters={"labels": [label for _, label in rare]}),
            )
            if can_be_left_out
            else (),
        )
    ]


def check_imbalance(check_input: CheckInput) -> list[Finding]:
    """One label far more frequent than another, or than all others together."""
    counts = {label: number for label, number in check_input.label_counts["train"].items() if number}
    largest = max(counts, key=lambda label: counts[label], default="")
    if len(counts) < 2 or counts[largest] < FEW:
        return []
    # A label with hardly any examples is told of as such; beside one that crowds it out, it is told of here, too.
    smallest = min((label for label in counts if counts[label] >= FEW), key=lambda label: counts[label])
    ratio = counts[largest] / counts[smallest]
    share = counts[largest] / sum(counts.values())
    if ratio < _UNEQUAL and share < _CROWDING:
        return []
    if smallest == largest:
        smallest = min(counts, key=lambda label: counts[label])
        ratio = counts[largest] / counts[smallest]
    return [
        Finding(
            check="imbalance",
            severity=Severity.WARNING if share >= _CROWDING or ratio >= 5 * _UNEQUAL else Severity.NOTE,
            title=f"Label {quoted([largest])} is {ratio:,.0f} times as frequent as {quoted([smallest])}",
            count=len(counts),
            unit="label",
            effect="A model that always answers with the frequent label looks accurate. Judge by macro F1, which counts every "
            "label alike; weighting labels in training helps the rare ones.",
            examples=tuple(
                FindingExample(text=label, detail=counted(counts[label], "training example")) for label in (largest, smallest)
            ),
        )
    ]


def check_labels_of_splits(check_input: CheckInput) -> list[Finding]:
    """Labels that only some splits have."""
    findings = []
    if number := check_input.account.by_kind.get(Reason.UNKNOWN_LABEL, 0):
        held_out = int((check_input.splits != "train").sum())
        findings.append(
            Finding(
                check="labels_only_in_test",
                severity=Severity.SERIOUS if number > 0.05 * (number + held_out) else Severity.WARNING,
                title=f"{counted(number, 'row')} of validation or test had a label that training does not know",
                count=number,
                unit="row",
                effect="They were left out, so the test is easier than the file meant it to be. Often one file spells a label "
                "differently.",
                examples=records_of(check_input.account, Reason.UNKNOWN_LABEL),
            )
        )
    for split in ("test", "validation"):
        absent = [
            label
            for label, number in check_input.label_counts["train"].items()
            if number >= FEW and label not in check_input.label_counts[split]
        ]
        if absent and check_input.label_counts[split]:
            findings.append(
                Finding(
                    check=f"labels_not_in_{split}",
                    severity=Severity.WARNING if len(absent) > 0.1 * len(check_input.labels) else Severity.NOTE,
                    title=f"{counted(len(absent), 'label occurs', 'labels occur')} in training but never in {split}",
                    count=len(absent),
                    unit="label",
                    effect=f"{split.capitalize()} says nothing of them, and macro F1 leaves them out.",
                    examples=tuple(
                        FindingExample(text=label, detail=counted(check_input.label_counts["train"][label], "training example"))
                        for label in absent[:5]
                    ),
                    offers=(_ANEW,),
                )
            )
    return findings


def check_shares_of_splits(check_input: CheckInput) -> list[Finding]:
    """A test split whose labels come in quite other proportions than in training."""
    train, test = check_input.label_counts["train"], check_input.label_counts["test"]
    labels = [label for label in train if train[label] + test.get(label, 0) >= FEW]
    num_train, num_test = sum(train[label] for label in labels), sum(test.get(label, 0) for label in labels)
    if len(labels) < 2 or num_test < 30:
        return []
    shares = {label: (train[label] / num_train, test.get(label, 0) / num_test) for label in labels}
    apart = sum(abs(a - b) for a, b in shares.values()) / 2
    surprise = _surprise([train[label] for label in labels], [test.get(label, 0) for label in labels])
    if apart < 0.15 or surprise < _BEYOND_CHANCE:
        return []
    furthest = sorted(labels, key=lambda label: -abs(shares[label][0] - shares[label][1]))[:5]
    return [
        Finding(
            check="shares_of_splits",
            severity=Severity.WARNING,
            title=f"Test has its labels in other proportions than training: {apart:.0%} of it would have to change label",
            count=len(labels),
            unit="label",
            effect="Scores then say how the model does on a different mix than it learned. That can be meant, as with a test of "
            "later months; if it is not, make the splits anew.",
            examples=tuple(
                FindingExample(text=label, detail=f"{shares[label][0]:.1%} of training, {shares[label][1]:.1%} of test")
                for label in furthest
            ),
            offers=(_ANEW,),
        )
    ]


def _surprise(counts: Sequence[int], others: Sequence[int]) -> float:
    """By how many standard deviations two lists of counts differ more than two draws from one urn would.

    Source: Pearson's chi-squared statistic, made normal by E. Wilson and M. Hilferty, The distribution of chi-square, 1931.
    """
    table = np.array([counts, others], dtype=float)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    freedom = table.shape[1] - 1
    statistic = float(((table - expected) ** 2 / expected).sum())
    return float(((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / np.sqrt(2 / (9 * freedom)))
