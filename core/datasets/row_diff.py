"""Differences between two states of a data set's rows, matched by ``id``: for repairs and for the comparison of versions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

MOST_SAMPLES = 200
"""Most changed rows that are kept as examples; all of them are counted."""


@dataclass(frozen=True)
class RowChange:
    """One row before and after.

    Attributes:
        id: of the example.
        record: number in the file.
        before: ``split``, ``text`` and targets as plain values; ``None`` for an added row.
        after: the same; ``None`` for a removed row.
        reason: why it was removed.
    """

    id: int
    record: int
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Ids of rows that differ, int64, ascending.

    Attributes:
        added, removed: rows that are only in the later or only in the earlier state.
        texts, answers, splits: rows in both that differ in this.
    """

    added: np.ndarray
    removed: np.ndarray
    texts: np.ndarray
    answers: np.ndarray
    splits: np.ndarray

    @property
    def changed(self) -> np.ndarray:
        """Rows in both states that differ."""
        return np.unique(np.concatenate([self.texts, self.answers, self.splits]))

    @property
    def is_same(self) -> bool:
        """Whether there are no differences."""
        return not (len(self.added) or len(self.removed) or len(self.changed))


def compare_rows(before: pd.DataFrame, after: pd.DataFrame, targets: Sequence[str]) -> Compared:
    """Find the differences.

    Args:
        before, after: columns ``id, split, record, text`` and the targets; ids are unique within each.
        targets: the target columns.
    """
    old_ids, new_ids = before["id"].to_numpy(dtype=np.int64), after["id"].to_numpy(dtype=np.int64)
    common, old_places, new_places = np.intersect1d(old_ids, new_ids, assume_unique=True, return_indices=True)

    def differing(names: Sequence[str]) -> np.ndarray:
        odd = np.zeros(len(common), dtype=bool)
        for name in names:
            old, new = (rows[name].to_numpy(dtype=object) for rows in (before, after))
            odd |= _differ(old[old_places], new[new_places])
        found: np.ndarray = common[odd]
        return found

    texts, answers = differing(["text"]), differing(targets)
    if (
        "tags" in targets
    ):  # an edited text has different word offsets, and possibly another number of words; its entities may be the same
        edited = np.intersect1d(texts, answers, assume_unique=True)
        old_tags, new_tags = (rows.set_index("id")["tags"].loc[edited] for rows in (before, after))
        same = [_kinds(old) == _kinds(new) for old, new in zip(old_tags, new_tags, strict=True)]
        answers = np.setdiff1d(answers, edited[np.array(same, dtype=bool)], assume_unique=True)
    return Compared(
        added=np.setdiff1d(new_ids, common, assume_unique=True),
        removed=np.setdiff1d(old_ids, common, assume_unique=True),
        texts=texts,
        answers=answers,
        splits=differing(["split"]),
    )


def _kinds(tags: Sequence[str]) -> list[str]:
    return [tag for tag in tags if tag.startswith("B-")]


def sample_changes(
    before: pd.DataFrame,
    after: pd.DataFrame,
    compared: Compared,
    targets: Sequence[str],
    *,
    reasons: Mapping[int, str] | None = None,
    most: int = MOST_SAMPLES,
) -> tuple[RowChange, ...]:
    """Some of the rows that differ: changed, removed and added rows in turn, so that all kinds are included."""
    kinds = [compared.changed.tolist(), compared.removed.tolist(), compared.added.tolist()]
    share = most // max(1, sum(bool(kind) for kind in kinds))
    room = most - sum(min(len(kind), share) for kind in kinds)
    chosen: list[int] = []
    for kind in kinds:
        taken = min(len(kind), share + room)
        room -= max(0, taken - share)
        chosen += kind[:taken]
    old, new = (_values(rows, chosen, targets) for rows in (before, after))
    records = {id_: values["record"] for found in (new, old) for id_, values in found.items()}
    return tuple(RowChange(id_, records[id_], old.get(id_), new.get(id_), (reasons or {}).get(id_, "")) for id_ in sorted(chosen))


def _values(rows: pd.DataFrame, ids: Sequence[int], targets: Sequence[str]) -> dict[int, dict[str, Any]]:
    wanted = rows[rows["id"].isin(ids)]
    names = ["split", "record", "text", *targets]
    return {
        int(id_): dict(zip(names, map(plain, values), strict=True))
        for id_, *values in wanted[["id", *names]].itertuples(index=False)
    }


def plain(value: Any) -> Any:
    """A cell as a JSON value: lists instead of arrays."""
    return value.tolist() if hasattr(value, "tolist") else value


def _differ(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """A mask of the rows in which two columns of text, or of lists, differ."""
    if len(old) and (_is_list(old[0]) or _is_list(new[0])):
        return np.array([one is not other and list(one) != list(other) for one, other in zip(old, new, strict=True)], dtype=bool)
    found: np.ndarray = (old != new).astype(bool)
    return found


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple | np.ndarray)
