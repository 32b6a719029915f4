"""Missing values: texts or labels that are missing, empty, or only placeholders."""

from core.datasets.checks.check_input import CheckInput
from core.datasets.checks.finding import MOST_EXAMPLES, Finding, FindingExample, RepairOffer, Severity
from core.datasets.checks.normalized_text import has_content, shown
from core.datasets.importing.import_summary import ImportSummary
from core.tasks.skip_reasons import Reason
from core.text_format import counted, quoted

_ENGLISH = (
    "n/a",
    "na",
    "nan",
    "null",
    "none",
    "nil",
    "#n/a",
    "#na",
    "undefined",
    "unknown",
    "missing",
    "empty",
    "blank",
    "tbd",
    "todo",
)
_OTHERS = ("no data", "nothing", "无", "空", "未知", "暂无", "なし", "不明", "없음")

PLACEHOLDERS = frozenset({*_ENGLISH, *_OTHERS})
"""Placeholders for missing values that programs and people write."""

_NOT_TEXT = PLACEHOLDERS | {
    "test",
    "test test",
    "asdf",
    "xxx",
    "lorem ipsum",
    "no text",
    "no comment",
    "deleted",
    "[deleted]",
    "[removed]",
}
_NOT_LABELS = PLACEHOLDERS - {"unknown", "nothing", "none", "无"}
"""Placeholders that can also be real labels, such as "none" and "unknown", are not reported."""


def check_set_aside(check_input: CheckInput) -> list[Finding]:
    """Records that the import skipped, by reason, and the pool of unlabelled texts."""
    findings = []
    account, unlabelled = check_input.account, check_input.num_unlabelled
    # Unlabelled texts have a finding of their own.
    others = {kind: number for kind, number in account.by_kind.items() if kind is not Reason.NO_LABEL}
    if unlabelled:
        total = unlabelled + len(check_input.examples)
        findings.append(
            Finding(
                check="missing_labels",
                severity=Severity.WARNING if unlabelled > 0.2 * total else Severity.NOTE,
                title=f"{counted(unlabelled, 'text has', 'texts have')} no label",
                count=unlabelled,
                unit="text",
                effect="They are stored with the data set as a pool of unlabelled texts: they are not used for training, and "
                "Predict can label them.",
            )
        )
    num_others = sum(others.values())
    if num_others > 0:
        share = num_others / (num_others + len(check_input.examples))
        findings.append(
            Finding(
                check="set_aside",
                severity=Severity.WARNING if share > 0.05 else Severity.NOTE,
                title=f"{counted(num_others, 'record')} of the file skipped",
                count=num_others,
                unit="record",
                effect="They are in no split. To use them, correct them in the file and import it again.",
                examples=tuple(example_of_kind(account, kind) for kind in others),
            )
        )
    return findings


def example_of_kind(account: ImportSummary, kind: Reason) -> FindingExample:
    """A skip reason with its number of records and one example."""
    first = next((example for example in account.of(kind) if example.reason != kind.sentence), None)
    such = "" if first is None else f", such as record {first.record}: {first.reason}"
    return FindingExample(text=kind.sentence, detail=shown(f"{counted(account.by_kind[kind], 'record')}{such}"))


def records_of(account: ImportSummary, kind: Reason) -> tuple[FindingExample, ...]:
    """A few of the records skipped for one reason, as different as possible."""
    firsts = {one.reason: one for one in reversed(account.of(kind))}
    chosen = sorted(firsts.values(), key=lambda one: (one.part, one.record))[:MOST_EXAMPLES]
    return tuple(FindingExample(record=one.record, text=shown(one.reason)) for one in chosen)


def check_empty_texts(check_input: CheckInput) -> list[Finding]:
    """Texts without letters or digits, and texts that are placeholders."""
    positions = [
        place
        for place, text in enumerate(check_input.texts)
        if len(text) < 24 and (not has_content(text) or " ".join(text.casefold().split()) in _NOT_TEXT)
    ]
    if not positions:
        return []
    ids = check_input.ids[positions]
    return [
        Finding(
            check="empty_texts",
            severity=Severity.SERIOUS if len(ids) > 0.05 * len(check_input.texts) else Severity.WARNING,
            title=f"{counted(len(ids), 'text has', 'texts have')} no content, such as "
            f"{quoted([check_input.texts[positions[0]]])}",
            count=len(ids),
            unit="text",
            effect="Empty texts occur with different labels, so the model learns to guess.",
            examples=tuple(
                check_input.example(id_, detail=label_detail(check_input, place))
                for id_, place in zip(ids[:5], positions, strict=False)
            ),
            rows=ids,
            offers=(
                RepairOffer(
                    repair="drop_rows",
                    title="Delete these rows",
                    parameters={"ids": ids.tolist(), "reason": "The text has no content."},
                ),
            ),
        )
    ]


def check_placeholder_labels(check_input: CheckInput) -> list[Finding]:
    """Labels that look like missing values."""
    found = [label for label in check_input.labels if " ".join(label.casefold().split()) in _NOT_LABELS]
    if not found or check_input.has_entities:
        return []
    positions = [place for place, labels in enumerate(check_input.row_labels) if not set(found).isdisjoint(labels)]
    ids = check_input.ids[positions]
    return [
        Finding(
            check="placeholder_labels",
            severity=Severity.WARNING,
            title=f"Label {quoted(found)} looks like a missing value"
            if len(found) == 1
            else f"Labels {quoted(found)} look like missing values",
            count=len(ids),
            unit="row",
            effect="If it means that the row was never labelled, the model learns to predict it like a real label.",
            examples=tuple(
                check_input.example(id_, detail=label_detail(check_input, place))
                for id_, place in zip(ids[:5], positions, strict=False)
            ),
            rows=ids,
            offers=(RepairOffer(repair="unlabel", title="Move to unlabelled texts", parameters={"labels": found}),),
        )
    ]


def check_rows_without_labels(check_input: CheckInput) -> list[Finding]:
    """For tasks where a row may have no label: how many rows have none."""
    positions = [place for place, labels in enumerate(check_input.row_labels) if not labels]
    if not positions:
        return []
    share = len(positions) / len(check_input.texts)
    ids = check_input.ids[positions]
    noun = "entity" if check_input.has_entities else "label"
    return [
        Finding(
            check="rows_without_labels",
            severity=Severity.WARNING if share > (0.8 if check_input.has_entities else 0.5) else Severity.NOTE,
            title=f"{share:.0%} of the texts have no {noun}" if share >= 0.01 else f"Less than 1% of the texts have no {noun}",
            count=len(ids),
            unit="text",
            effect=f"They are negative examples, which is useful if somebody checked that no {noun} applies. Rows that were "
            "never labelled teach the model to miss labels.",
            examples=tuple(check_input.example(id_) for id_ in ids[:5]),
            rows=ids,
        )
    ]


def label_detail(check_input: CheckInput, position: int) -> str:
    """The labels of the example at a position, as text."""
    return ", ".join(check_input.row_labels[position]) or "no label"
