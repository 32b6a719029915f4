"""The import summary: how many records the files had, how many became examples, and why the others were skipped.

It covers all records and adds up: records read = records kept + records skipped, the latter by reason. It is stored in
``dataset.json`` with a few skipped records as examples; all skipped records are in a file of their own.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.datasets.skipped_records import SkippedFileRecord
from core.tasks.skip_reasons import Reason

MOST_EXAMPLES = 200
"""How many skipped records the summary contains as examples."""


@dataclass(frozen=True)
class Example:
    """One skipped record.

    Attributes:
        part: ``main``, ``validation`` or ``test``: the table it was read from.
        record: its number there, from 1.
        line: line of the file where it begins, if known.
        kind: the skip reason.
        reason: the explanation, in one or two sentences.
    """

    part: str
    record: int
    line: int | None
    kind: Reason
    reason: str


@dataclass(frozen=True, kw_only=True)
class ImportSummary:
    """Counts of kept and skipped records.

    Attributes:
        kept: how many are in the data set.
        by_kind: skip reason -> number of records, the most frequent first.
        examples: some of the skipped records, of every reason, in the order of the files.
    """

    kept: int = 0
    by_kind: Mapping[Reason, int] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()

    @property
    def num_set_aside(self) -> int:
        """How many records were skipped."""
        return sum(self.by_kind.values())

    @property
    def num_records(self) -> int:
        """How many records were read."""
        return self.kept + self.num_set_aside

    def of(self, kind: Reason) -> tuple[Example, ...]:
        """The examples of one reason."""
        return tuple(example for example in self.examples if example.kind is kind)

    def to_json(self) -> dict[str, Any]:
        """As plain values, without the examples."""
        return {
            "records": self.num_records,
            "kept": self.kept,
            "set_aside": self.num_set_aside,
            "set_aside_by_kind": {str(kind): number for kind, number in self.by_kind.items()},
        }


def take_account(set_aside: Sequence[SkippedFileRecord], num_records: int) -> ImportSummary:
    """Count.

    Args:
        set_aside: every skipped record, each once.
        num_records: how many were read.
    """
    by_kind = Counter(entry.kind for entry in set_aside)
    seen: Counter[Reason] = Counter()
    turns = []
    for place, entry in enumerate(set_aside):
        if seen[entry.kind] < MOST_EXAMPLES:
            turns.append((seen[entry.kind], place))
        seen[entry.kind] += 1
    chosen = sorted(place for _, place in sorted(turns)[:MOST_EXAMPLES])
    return ImportSummary(
        kept=num_records - len(set_aside),
        by_kind=dict(by_kind.most_common()),
        examples=tuple(
            Example(entry.part, entry.record, entry.line, entry.kind, entry.reason)
            for entry in map(set_aside.__getitem__, chosen)
        ),
    )


def examples_to_json(account: ImportSummary) -> list[dict[str, Any]]:
    """The examples of a summary as ``dataset.json`` stores them."""
    return [
        {"part": one.part, "record": one.record, "line": one.line, "kind": str(one.kind), "reason": one.reason}
        for one in account.examples
    ]


def account_of(source: Mapping[str, Any]) -> ImportSummary:
    """The import summary that is stored with a data set.

    Data sets of earlier versions store a total, the first reasons as text, and the number of unlabelled texts; the remaining
    records are counted as ``Reason.UNTOLD``.

    Args:
        source: ``Dataset.source``.
    """
    examples = tuple(
        Example(
            str(one.get("part", "main")), int(one.get("record", 0)), one.get("line"), _kind(one.get("kind")), str(one["reason"])
        )
        for one in source.get("set_aside_reasons", ())
    )
    if (counts := source.get("set_aside_by_kind")) is None:
        unlabelled = int(source.get("unlabelled") or 0)
        untold = int(source.get("set_aside") or 0) - unlabelled
        counts = {kind: number for kind, number in ((Reason.UNTOLD, untold), (Reason.NO_LABEL, unlabelled)) if number > 0}
    by_kind: Counter[Reason] = Counter()
    for kind, number in counts.items():
        by_kind[_kind(kind)] += int(number)
    return ImportSummary(kept=int(source.get("kept") or 0), by_kind=dict(by_kind), examples=examples)


def account_from_json(raw: Mapping[str, Any]) -> ImportSummary:
    """The summary that ``ImportSummary.to_json`` wrote, without examples.

    Raises:
        KeyError, TypeError, ValueError: it was written by another version.
    """
    return ImportSummary(kept=raw["kept"], by_kind={Reason(kind): number for kind, number in raw["set_aside_by_kind"].items()})


def _kind(value: object) -> Reason:
    """A reason by its name; ``Reason.UNTOLD`` for a name that this version does not know."""
    try:
        return Reason(str(value))
    except ValueError:
        return Reason.UNTOLD
