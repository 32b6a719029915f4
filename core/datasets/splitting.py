"""Dividing examples into train, validation and test so that every label keeps its share in each.

The method is iterative stratification: the label with the fewest examples left is dealt out first, each of its examples to the
split that lacks most of that label. It treats one label a text, several labels and entity types alike.

Source: Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data", ECML PKDD 2011.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from core.tasks.base import SPLITS

_FIRST_IN_NEED = (0, 2, 1)
"""Splits in the order in which a rare label reaches them: train learns it, test measures it, validation comes last."""


def stratified_split(
    strata: np.ndarray, fractions: Sequence[float], seed: int, *, groups: np.ndarray | None = None
) -> np.ndarray:
    """Assign every example to a split.

    A label with one example goes to train, with two to train and test, with three or more to all splits with a fraction above
    zero, wherever the other labels of its examples allow.

    Args:
        strata: which label each example has, bool, ``(num_examples, num_strata)``; rows without any are spread evenly.
        fractions: shares of train, validation and test; they sum to 1.
        seed: the same seed and rows give the same splits.
        groups: examples with the same number stay together, ``(num_examples,)``; each on its own if not given.

    Returns:
        Names of the splits, ``(num_examples,)``, dtype object.
    """
    num_examples = len(strata)
    group_of = np.arange(num_examples) if groups is None else np.unique(groups, return_inverse=True)[1]
    num_groups = int(group_of.max()) + 1 if num_examples else 0
    sizes = np.bincount(group_of, minlength=num_groups)
    random = np.random.default_rng(seed)
    rank = random.permutation(num_groups)

    labels_of = _labels_of_groups(strata, group_of, num_groups)
    members = _members(labels_of, strata.shape[1], rank)
    wanted = [_quota(len(group), fractions, random) for group in members]
    room = np.array(fractions, dtype=float) * num_examples
    place = [-1] * num_groups

    def assign(group: int, split: int) -> None:
        place[group] = split
        room[split] -= sizes[group]
        for label in labels_of[group]:
            wanted[label][split] -= 1

    left = {label: len(group) for label, group in enumerate(members) if group}
    while left:
        label = min(left, key=lambda name: (left[name], name))
        for group in members[label]:
            if place[group] < 0:
                assign(group, _neediest(wanted[label], room, fractions))
                for other in labels_of[group]:
                    left[other] -= 1
        del left[label]
    order = np.argsort(rank).tolist()
    for group in order:
        if place[group] < 0:
            assign(group, _neediest([0, 0, 0], room, fractions))
    _bring_missing_labels(place, labels_of, members, fractions)
    _fill_empty_splits(place, labels_of, fractions, order)
    names: np.ndarray = np.array(SPLITS, dtype=object)[np.array(place, dtype=int)[group_of]]
    return names


def _labels_of_groups(strata: np.ndarray, group_of: np.ndarray, num_groups: int) -> list[list[int]]:
    labels: list[set[int]] = [set() for _ in range(num_groups)]
    for example, label in zip(*np.nonzero(strata), strict=True):
        labels[group_of[example]].add(int(label))
    return [sorted(found) for found in labels]


def _members(labels_of: Sequence[Sequence[int]], num_labels: int, rank: np.ndarray) -> list[list[int]]:
    """For each label its groups, in random order."""
    members: list[list[int]] = [[] for _ in range(num_labels)]
    for group in np.argsort(rank).tolist():
        for label in labels_of[group]:
            members[label].append(group)
    return members


def _quota(count: int, fractions: Sequence[float], random: np.random.Generator) -> list[int]:
    """How many of a label's examples each split should get: its share, but at least one where there are enough."""
    exact = [fraction * count for fraction in fractions]
    quota = [int(share) for share in exact]
    by_remainder = sorted(range(3), key=lambda split: (quota[split] - exact[split], random.random()))
    for split in by_remainder[: count - sum(quota)]:
        quota[split] += 1
    for needed, split in enumerate(_FIRST_IN_NEED, start=1):
        if count >= needed and fractions[split] > 0 and quota[split] == 0:
            donor = max(range(3), key=lambda other: quota[other])
            quota[donor] -= 1
            quota[split] += 1
    return quota


def _neediest(wanted: Sequence[int], room: np.ndarray, fractions: Sequence[float]) -> int:
    """The split that lacks most of a label; among equals the one with most room for its size."""
    open_splits = [split for split in range(3) if fractions[split] > 0]
    return max(open_splits, key=lambda split: (wanted[split], room[split] / fractions[split], -_FIRST_IN_NEED.index(split)))


def _bring_missing_labels(
    place: list[int], labels_of: Sequence[Sequence[int]], members: Sequence[Sequence[int]], fractions: Sequence[float]
) -> None:
    """Move single groups so that a label absent from a split gets there, without taking the last one where it matters more."""
    counts = [[0, 0, 0] for _ in members]
    for labels, split in zip(labels_of, place, strict=True):
        for label in labels:
            counts[label][split] += 1
    for needed, split in enumerate(_FIRST_IN_NEED, start=1):
        matters_more = _FIRST_IN_NEED[:needed]
        for label, groups in enumerate(members):
            if fractions[split] <= 0 or counts[label][split] or len(groups) < needed:
                continue
            for group in groups:
                source = place[group]
                if source not in matters_more or all(counts[other][source] > 1 for other in labels_of[group]):
                    for other in labels_of[group]:
                        counts[other][source] -= 1
                        counts[other][split] += 1
                    place[group] = split
                    break


def _fill_empty_splits(
    place: list[int], labels_of: Sequence[Sequence[int]], fractions: Sequence[float], order: Sequence[int]
) -> None:
    """Give a split that should have examples but got none one from training that training can spare, so that small files work."""
    in_training = Counter(label for labels, split in zip(labels_of, place, strict=True) if split == 0 for label in labels)
    for split in _FIRST_IN_NEED[1:]:
        if fractions[split] <= 0 or split in place:
            continue
        spare = [group for group in order if place[group] == 0 and all(in_training[label] > 1 for label in labels_of[group])]
        if len(spare) > 0 and place.count(0) > 1:
            chosen = max(spare, key=lambda group: min((in_training[label] for label in labels_of[group]), default=len(place)))
            place[chosen] = split
            in_training.subtract(labels_of[chosen])
