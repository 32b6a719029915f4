"""Invalid entity annotations: I- tags without a beginning, overlapping spans, and entities that the import repaired."""

import numpy as np

from core.datasets.checks.check_input import CheckInput
from core.datasets.checks.finding import Finding, RepairOffer, Severity
from core.datasets.checks.texts.missing import records_of
from core.tasks.skip_reasons import Reason
from core.text_format import counted


def check_tags(check_input: CheckInput) -> list[Finding]:
    """Broken tag sequences, repaired ones, and overlapping spans."""
    if not check_input.has_entities:
        return []
    return [*_broken(check_input), *_repaired(check_input), *_overlapping(check_input)]


def _broken(check_input: CheckInput) -> list[Finding]:
    found = [
        (place, word)
        for place, tags in enumerate(check_input.examples["tags"])
        if (word := _first_broken(list(tags))) is not None
    ]
    if not found:
        return []
    ids = check_input.ids[[place for place, _ in found]]
    return [
        Finding(
            check="broken_tags",
            severity=Severity.WARNING,
            title=f"{counted(len(ids), 'text has', 'texts have')} an I- tag without a preceding B- tag",
            count=len(ids),
            unit="text",
            effect="A tag such as I-PER directly after O is invalid in IOB2. It is read as the start of an entity, and the model "
            "learns that entities may start with I-.",
            examples=tuple(
                check_input.example(
                    check_input.ids[place],
                    detail=" ".join(list(check_input.examples["tags"].iloc[place])[max(0, word - 2) : word + 3]),
                )
                for place, word in found[:5]
            ),
            rows=ids,
            offers=(RepairOffer(repair="fix_tags", title="Fix entity tags"),),
        )
    ]


def _first_broken(tags: list[str]) -> int | None:
    """Position of the first ``I-X`` that continues neither ``B-X`` nor ``I-X``."""
    before = "O"
    for place, tag in enumerate(tags):
        if tag.startswith("I-") and before[2:] != tag[2:]:
            return place
        before = tag
    return None


def _repaired(check_input: CheckInput) -> list[Finding]:
    number = check_input.num_mended
    if not number:
        return []
    return [
        Finding(
            check="mended_tags",
            severity=Severity.NOTE,
            title=f"The import repaired {counted(number, 'entity', 'entities')} with broken tags",
            count=number,
            unit="entity",
            effect="Each broken tag sequence became a complete entity. If there are many, the file may use another tag scheme, "
            "or words may be missing. The import notes list the records.",
        )
    ]


def _overlapping(check_input: CheckInput) -> list[Finding]:
    number = check_input.account.by_kind.get(Reason.OVERLAPPING_SPANS, 0)
    if not number:
        return []
    return [
        Finding(
            check="overlapping_spans",
            severity=Severity.WARNING if number > 0.01 * (number + len(check_input.examples)) else Severity.NOTE,
            title=f"{counted(number, 'record')} skipped because of overlapping spans",
            count=number,
            unit="record",
            effect="A word can have only one tag. In the file, keep only the longer or more important span of each pair and "
            "import it again.",
            examples=records_of(check_input.account, Reason.OVERLAPPING_SPANS),
        )
    ]


def concerned(check_input: CheckInput, places: list[int]) -> np.ndarray:
    """Ids of the examples at these positions, unique and ascending."""
    return np.unique(check_input.ids[places]) if places else np.zeros(0, dtype=np.int64)
