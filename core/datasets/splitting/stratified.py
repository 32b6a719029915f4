"""Stratified splits: divides examples into train, validation and test so that every label keeps its proportion in each.

The method is iterative stratification: the label with the fewest remaining examples is assigned first, each of its examples to
the split that needs most of that label. It works the same for one label per text, several labels and entity types.

Source: Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data", ECML PKDD 2011.
"""

from collections.abc import Sequence

import numpy as np

from core.tasks.base import SPLITS
from core.tasks.label_matrix import LabelMatrix

_FIRST_IN_NEED = (0, 2, 1)
"""Splits in the order in which they get a rare label: train, then test, then validation."""
_BY_PREFERENCE = _FIRST_IN_NEED
"""The same order breaks ties between splits."""
_DONE = 2**62
"""Number of remaining examples of a label that is already assigned."""


def stratified_split(
    strata: LabelMatrix, fractions: Sequence[float], seed: int, *, groups: np.ndarray | None = None
) -> np.ndarray:
    """Assign every example to a split.

    A label with one example goes to train, with two to train and test, with three or more to all splits with a fraction above
    zero, if the other labels of its examples allow it.

    Args:
        strata: the labels of each example; examples without labels are distributed evenly.
        fractions: proportions of train, validation and test; they sum to 1.
        seed: the same seed and rows give the same splits.
        groups: examples with the same number stay together, ``(num_examples,)``; by default each is its own group.

    Returns:
        Names of the splits, ``(num_examples,)``, dtype object.
    """
    num_examples = strata.num_rows
    group_of = np.arange(num_examples) if groups is None else _numbered(groups)
    num_groups = int(group_of.max()) + 1 if num_examples else 0
    sizes = np.bincount(group_of, minlength=num_groups)
    random = np.random.default_rng(seed)
    rank = random.permutation(num_groups)
    order = np.argsort(rank)
    labels = _Labels(strata, group_of, rank, order)

    wanted = np.array([_quota(len(members), fractions, random) for members in labels.members], dtype=int).reshape(-1, 3)
    room = [float(fraction) * num_examples for fraction in fractions]
    open_splits = [split for split in _BY_PREFERENCE if fractions[split] > 0]
    place = np.full(num_groups, -1)

    left = np.array([len(members) or _DONE for members in labels.members], dtype=int)
    while len(left) and left.min() < _DONE // 2:
        label = int(left.argmin())
        dealt = labels.members[label]
        dealt = dealt[place[dealt] < 0]
        place[dealt] = _deal_out(sizes[dealt], wanted[label].tolist(), room, fractions, open_splits)
        counts = labels.counts(dealt, place[dealt])
        wanted -= counts
        left -= counts.sum(axis=1)
        left[label] = _DONE
    without = order[place[order] < 0]
    for group, size in zip(without.tolist(), sizes[without].tolist(), strict=True):
        split = _neediest([0, 0, 0], room, fractions, open_splits)
        place[group] = split
        room[split] -= size
    _bring_missing_labels(place, labels, fractions)
    _fill_empty_splits(place, labels, fractions, order)
    names: np.ndarray = np.array(SPLITS, dtype=object)[place[group_of]]
    return names


def _numbered(groups: np.ndarray) -> np.ndarray:
    """The groups renumbered consecutively from 0, in ascending order."""
    if groups.size and groups.min() == 0 and groups.max() < groups.size and np.bincount(groups).all():
        return groups
    return np.unique(groups, return_inverse=True)[1]


class _Labels:
    """The labels of each group, as flat arrays, since a million objects would take seconds.

    Args:
        strata: labels of the examples.
        group_of: group of each example.
        rank: position of each group in the random order.
        order: the groups in this order.

    Attributes:
        members: for each label its groups, in random order.
    """

    def __init__(self, strata: LabelMatrix, group_of: np.ndarray, rank: np.ndarray, order: np.ndarray) -> None:
        num_groups, self._num_labels = len(rank), strata.num_labels
        pairs = np.sort(group_of[strata.rows] * max(1, self._num_labels) + strata.labels)
        pairs = pairs[np.diff(pairs, prepend=-1) != 0]
        self.group, self.label = np.divmod(pairs, max(1, self._num_labels))
        """All pairs of group and label, in ascending order."""
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(self.group, minlength=num_groups))])
        by_label = np.sort(self.label * num_groups + rank[self.group])
        ends = np.cumsum(np.bincount(self.label, minlength=self._num_labels))
        self.members = np.split(order[by_label % max(1, num_groups)], ends[:-1]) if self._num_labels else []

    def of(self, group: int) -> list[int]:
        """The labels of a group, in ascending order."""
        labels: list[int] = self.label[self._starts[group] : self._starts[group + 1]].tolist()
        return labels

    def counts(self, groups: np.ndarray, splits: np.ndarray) -> np.ndarray:
        """How many of the groups in each split have each label, ``(num_labels, 3)``.

        Args:
            groups: some groups.
            splits: split of each.
        """
        begins = self._starts[groups]
        lengths = self._starts[groups + 1] - begins
        ends = np.cumsum(lengths)
        places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(begins - (ends - lengths), lengths)
        keys = self.label[places] * 3 + np.repeat(splits, lengths)
        return np.bincount(keys, minlength=self._num_labels * 3).reshape(-1, 3)


def _deal_out(
    sizes: np.ndarray, lacking: list[int], room: list[float], fractions: Sequence[float], open_splits: Sequence[int]
) -> np.ndarray:
    """The split of each group with a certain label; subtracts their sizes from ``room``, in place.

    Args:
        sizes: of the groups.
        lacking: how many more groups with the label each split needs.
        room: how many more examples each split needs.
        fractions: proportions of the splits.
        open_splits: splits with a fraction above zero.
    """
    first = _neediest(lacking, room, fractions, open_splits)
    lead = lacking[first] - max((lacking[split] for split in open_splits if split != first), default=-len(sizes))
    # While one split needs more than the others, every group goes to it.
    splits = [first] * min(lead, len(sizes))
    lacking[first] -= len(splits)
    room[first] -= int(sizes[: len(splits)].sum())
    for size in sizes[len(splits) :].tolist():
        split = _neediest(lacking, room, fractions, open_splits)
        lacking[split] -= 1
        room[split] -= size
        splits.append(split)
    return np.array(splits, dtype=int)


def _quota(count: int, fractions: Sequence[float], random: np.random.Generator) -> list[int]:
    """How many of a label's examples each split should get: its proportion, but at least 1 if there are enough."""
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
    """The split that needs most of a label; ties go to the one with the most relative room, then to the first one."""
    best, most, widest = open_splits[0], wanted[open_splits[0]], room[open_splits[0]] / fractions[open_splits[0]]
    for split in open_splits[1:]:
        lacking = wanted[split]
        if lacking < most:
            continue
        width = room[split] / fractions[split]
        if lacking > most or width > widest:
            best, most, widest = split, lacking, width
    return best


def _bring_missing_labels(place: np.ndarray, labels: _Labels, fractions: Sequence[float]) -> None:
    """Move single groups so that a split gets a missing label, without taking the last one from a more important split."""
    counts = labels.counts(np.arange(len(place)), place)
    for needed, split in enumerate(_FIRST_IN_NEED, start=1):
        matters_more = _FIRST_IN_NEED[:needed]
        for label, groups in enumerate(labels.members):
            if fractions[split] <= 0 or counts[label, split] or len(groups) < needed:
                continue
            for group in groups.tolist():
                source, own = int(place[group]), labels.of(group)
                if source not in matters_more or all(counts[other, source] > 1 for other in own):
                    counts[own, source] -= 1
                    counts[own, split] += 1
                    place[group] = split
                    break


def _fill_empty_splits(place: np.ndarray, labels: _Labels, fractions: Sequence[float], order: np.ndarray) -> None:
    """Move an example from training to a split that should have examples but got none, so that small files work."""
    for split in _FIRST_IN_NEED[1:]:
        if fractions[split] <= 0 or (place == split).any():
            continue
        in_training = labels.counts(np.arange(len(place)), place)[:, 0]
        spare = [
            group for group in order[place[order] == 0].tolist() if all(in_training[label] > 1 for label in labels.of(group))
        ]
        if spare and np.count_nonzero(place == 0) > 1:
            chosen = max(
                spare, key=lambda group: min((int(in_training[label]) for label in labels.of(group)), default=len(place))
            )
            place[chosen] = split
