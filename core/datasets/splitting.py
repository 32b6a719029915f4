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
_BY_PREFERENCE = _FIRST_IN_NEED
"""The same order decides between splits that need an example equally."""


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
    sizes: list[int] = np.bincount(group_of, minlength=num_groups).tolist()
    random = np.random.default_rng(seed)
    rank = random.permutation(num_groups)

    labels_of = _labels_of_groups(strata, group_of, num_groups)
    members = _members(labels_of, strata.shape[1], rank)
    wanted = [_quota(len(group), fractions, random) for group in members]
    # Lists of plain numbers: a million rows are dealt out one by one, and numpy's own numbers are slow to take up singly.
    room = [float(fraction) * num_examples for fraction in fractions]
    open_splits = [split for split in _BY_PREFERENCE if fractions[split] > 0]
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
                assign(group, _neediest(wanted[label], room, fractions, open_splits))
                for other in labels_of[group]:
                    left[other] -= 1
        del left[label]
    order = np.argsort(rank).tolist()
    for group in order:
        if place[group] < 0:
            assign(group, _neediest([0, 0, 0], room, fractions, open_splits))
    _bring_missing_labels(place, labels_of, members, fractions)
    _fill_empty_splits(place, labels_of, fractions, order)
    names: np.ndarray = np.array(SPLITS, dtype=object)[np.array(place, dtype=int)[group_of]]
    return names


def _labels_of_groups(strata: np.ndarray, group_of: np.ndarray, num_groups: int) -> list[tuple[int, ...]]:
    """For each group the labels its examples have, in ascending order; equal ones share one tuple."""
    examples, labels = np.nonzero(strata)
    num_labels = max(1, strata.shape[1])
    pairs = np.unique(group_of[examples] * num_labels + labels)
    groups, labels = np.divmod(pairs, num_labels)
    ends = np.searchsorted(groups, np.arange(1, num_groups + 1)).tolist()
    in_order = labels.tolist()
    shared: dict[tuple[int, ...], tuple[int, ...]] = {}
    found = []
    begin = 0
    for end in ends:
        key = tuple(in_order[begin:end])
        found.append(shared.setdefault(key, key))
        begin = end
    return found


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


def _neediest(wanted: Sequence[int], room: Sequence[float], fractions: Sequence[float], open_splits: Sequence[int]) -> int:
    """The split that lacks most of a label; among equals the one with most room for its size, then the first of those open."""
    best, most, widest = open_splits[0], wanted[open_splits[0]], room[open_splits[0]] / fractions[open_splits[0]]
    for split in open_splits[1:]:
        lacking = wanted[split]
        if lacking < most:
            continue
        width = room[split] / fractions[split]
        if lacking > most or width > widest:
            best, most, widest = split, lacking, width
    return best


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
