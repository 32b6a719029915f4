"""The result of a check: findings with their severity, examples, effect on training, and the repairs that would help.

Only the data types are defined here. Checks (the other modules of this package) turn a ``CheckInput`` into findings, repairs
(``core.datasets.repairs``) carry out what a finding offers, and pages and command line show both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from core.datasets.importing.import_summary import ImportSummary, account_from_json

JSON = dict[str, Any] | list[Any] | str | int | float | bool | None
"""A value that JSON can hold."""

NO_ROWS: np.ndarray = np.zeros(0, dtype=np.int64)

MOST_EXAMPLES = 5
"""Most examples stored with a finding; ``count`` covers all of them."""


class Severity(StrEnum):
    """How much a finding matters for training."""

    SERIOUS = "serious"
    """Scores will be misleading, or part of the training data is wrong."""
    WARNING = "warning"
    """Should be reviewed before training."""
    NOTE = "note"
    """For information."""

    @property
    def rank(self) -> int:
        """0 for the most severe."""
        return list(Severity).index(self)


@dataclass(frozen=True, kw_only=True)
class FindingExample:
    """One row, label or record that a finding is about.

    Attributes:
        id: of the example in the data set; ``None`` for what is no example, such as a label or a skipped record.
        split: of the example.
        record: number in the file.
        text: the user's own raw text to show; treat it as untrusted data. Shortened to one line.
        detail: what the finding is about in it, such as its label or the other half of a pair; may contain user text, too.
    """

    id: int | None = None
    split: str | None = None
    record: int | None = None
    text: str = ""
    detail: str = ""

    def to_json(self) -> dict[str, JSON]:
        """As plain values."""
        return {"id": self.id, "split": self.split, "record": self.record, "text": self.text, "detail": self.detail}


@dataclass(frozen=True, kw_only=True)
class RepairOffer:
    """A repair that would fix what was found.

    Attributes:
        repair: its name in ``core.datasets.repairs.REPAIRS``.
        title: the button's label, such as "Merge 2 spellings".
        parameters: the parameters for the repair, JSON-ready.
    """

    repair: str
    title: str
    parameters: Mapping[str, JSON] = field(default_factory=dict)

    def to_json(self) -> dict[str, JSON]:
        """As plain values."""
        return {"repair": self.repair, "title": self.title, "parameters": dict(self.parameters)}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One actual or possible problem of a data set.

    Attributes:
        check: name of the check, such as ``exact_duplicates``; stable, for machines.
        severity: how much it matters.
        title: what was found, one sentence without a full stop.
        count: how many there are …
        unit: … and of what, in the singular: ``row``, ``label``, ``text``.
        effect: its effect on training or on the scores, in one or two sentences.
        examples: a few of them.
        rows: ids of all examples concerned among the rows examined, int64, ascending; empty if the finding is not about rows.
        offers: repairs that would help, the best first.
        sampled: whether only a sample of the rows was examined, so that there are probably more.
    """

    check: str
    severity: Severity
    title: str
    count: int
    unit: str
    effect: str
    examples: tuple[FindingExample, ...] = ()
    rows: np.ndarray = field(default_factory=lambda: NO_ROWS, compare=False)
    offers: tuple[RepairOffer, ...] = ()
    sampled: bool = False

    def to_json(self) -> dict[str, JSON]:
        """As plain values; ``rows`` as a list of ids."""
        return {
            "check": self.check,
            "severity": str(self.severity),
            "title": self.title,
            "count": self.count,
            "unit": self.unit,
            "effect": self.effect,
            "examples": [example.to_json() for example in self.examples],
            "rows": self.rows.tolist(),
            "offers": [offer.to_json() for offer in self.offers],
            "sampled": self.sampled,
        }


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What all checks found.

    Attributes:
        findings: the most severe first.
        num_examples: rows of the data set.
        num_examined: rows that were examined; fewer than ``num_examples`` for large data sets.
        model: title of the model that lengths and vocabulary were checked against; ``None`` where none was given.
        unfinished: names of checks that failed to run.
        account: the import summary of the file's records; ``None`` where that is not known.
    """

    findings: tuple[Finding, ...]
    num_examples: int
    num_examined: int
    model: str | None = None
    unfinished: tuple[str, ...] = ()
    account: ImportSummary | None = None

    @property
    def sampled(self) -> bool:
        """Whether only a sample was examined."""
        return self.num_examined < self.num_examples

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of one severity."""
        return tuple(finding for finding in self.findings if finding.severity is severity)

    def to_json(self) -> dict[str, JSON]:
        """As plain values."""
        return {
            "num_examples": self.num_examples,
            "num_examined": self.num_examined,
            "sampled": self.sampled,
            "model": self.model,
            "unfinished": list(self.unfinished),
            "account": None if self.account is None else self.account.to_json(),
            "findings": [finding.to_json() for finding in self.findings],
        }


def report_from_json(raw: Mapping[str, Any]) -> CheckReport:
    """The report that ``CheckReport.to_json`` wrote.

    Raises:
        KeyError, TypeError, ValueError: it was written by another version.
    """
    return CheckReport(
        findings=tuple(_finding_from_json(finding) for finding in raw["findings"]),
        num_examples=raw["num_examples"],
        num_examined=raw["num_examined"],
        model=raw["model"],
        unfinished=tuple(raw["unfinished"]),
        account=None if raw["account"] is None else account_from_json(raw["account"]),
    )


def _finding_from_json(raw: Mapping[str, Any]) -> Finding:
    return Finding(
        **{
            **raw,
            "severity": Severity(raw["severity"]),
            "examples": tuple(FindingExample(**example) for example in raw["examples"]),
            "rows": np.array(raw["rows"], dtype=np.int64),
            "offers": tuple(RepairOffer(**offer) for offer in raw["offers"]),
        }
    )


def by_severity(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The most severe first; within a severity, in the order of the checks."""
    return tuple(sorted(findings, key=lambda finding: finding.severity.rank))
