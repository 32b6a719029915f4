"""Label balance: labels with too few examples, class imbalance, and splits with different label distributions."""

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
"""Number of standard deviations with a p-value of about 0.001."""

_RESPLIT = RepairOffer(repair="split_anew", title="Re-split")


def check_rare_labels(check_input: CheckInput) -> list[Finding]:
    """Labels with fewer than ten training examples."""
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
            effect="The model hardly learns a label from so few examples, and its scores rely on a handful of test rows. Add "
            "examples, merge it with a similar label, or delete the label.",
            examples=tuple(FindingExample(text=label, detail=counted(number, "training example")) for number, label in rare[:5]),
            offers=(
                RepairOffer(
                    repair="drop_labels", title="Delete these labels", parameters={"labels": [label for _, label in rare]}
                ),
            )
            if can_be_left_out
            else (),
        )
    ]


def check_imbalance(check_input: CheckInput) -> list[Finding]:
    """Class imbalance: one label far more frequent than another, or than all others together."""
    counts = {label: number for label, number in check_input.label_counts["train"].items() if number}
    largest = max(counts, key=lambda label: counts[label], default="")
    if len(counts) < 2 or counts[largest] < FEW:
        return []
    # Labels with very few examples have a finding of their own; they are also reported here if another label dominates them.
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
            effect="A model that always predicts the frequent label has a high accuracy. Compare runs by macro F1, which weights "
            "all labels equally. Class weights in training help the rare labels.",
            examples=tuple(
                FindingExample(text=label, detail=counted(counts[label], "training example")) for label in (largest, smallest)
            ),
        )
    ]


def check_labels_of_splits(check_input: CheckInput) -> list[Finding]:
    """Labels that are missing from some of the splits."""
    findings = []
    if number := check_input.account.by_kind.get(Reason.UNKNOWN_LABEL, 0):
        held_out = int((check_input.splits != "train").sum())
        findings.append(
            Finding(
                check="labels_only_in_test",
                severity=Severity.SERIOUS if number > 0.05 * (number + held_out) else Severity.WARNING,
                title=f"{counted(number, 'row')} of validation or test skipped: the label does not occur in training",
                count=number,
                unit="row",
                effect="Without these rows the test is easier than intended. A common cause is a label that is spelt "
                "differently in one of the files.",
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
                    effect=f"The {split} scores do not cover these labels, and macro F1 leaves them out.",
                    examples=tuple(
                        FindingExample(text=label, detail=counted(check_input.label_counts["train"][label], "training example"))
                        for label in absent[:5]
                    ),
                    offers=(_RESPLIT,),
                )
            )
    return findings


def check_shares_of_splits(check_input: CheckInput) -> list[Finding]:
    """A test split whose label distribution differs clearly from training."""
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
            title=f"The label distribution of test differs from training: {apart:.0%} of its rows would need another label to "
            "match",
            count=len(labels),
            unit="label",
            effect="The scores are measured on a different label mix than the model was trained on. This can be intended, as "
            "with a test split of later months. If it is not, re-split the data set.",
            examples=tuple(
                FindingExample(text=label, detail=f"{shares[label][0]:.1%} of training, {shares[label][1]:.1%} of test")
                for label in furthest
            ),
            offers=(_RESPLIT,),
        )
    ]


def _surprise(counts: Sequence[int], others: Sequence[int]) -> float:
    """How many standard deviations two lists of counts differ beyond what two samples from one distribution would.

    Source: Pearson's chi-squared statistic, with the normal approximation of E. Wilson and M. Hilferty, The distribution of
    chi-square, 1931.
    """
    table = np.array([counts, others], dtype=float)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    freedom = table.shape[1] - 1
    statistic = float(((table - expected) ** 2 / expected).sum())
    return float(((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / np.sqrt(2 / (9 * freedom)))
