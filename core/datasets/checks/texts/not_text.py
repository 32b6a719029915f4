"""Text columns without natural language: the same few values, or ids, numbers and paths."""

import numpy as np

from core.datasets.checks.check_input import CheckInput
from core.datasets.checks.finding import Finding, Severity
from core.files.text_patterns import ASCII_DIGIT, CODE

_ENOUGH = 50
_FEW_DIFFERENT = 0.02
_MOSTLY = 0.5
_LONGEST_CODE = 100


def check_text_column(check_input: CheckInput) -> list[Finding]:
    """Whether most texts are ids, or there are only a few different texts."""
    num_texts = len(check_input.texts)
    if num_texts < _ENOUGH:
        return []
    findings = []
    coded = np.array([_is_code(text) for text in check_input.texts], dtype=bool)
    if coded.mean() >= _MOSTLY:
        findings.append(
            Finding(
                check="texts_are_ids",
                severity=Severity.SERIOUS,
                title=f"{coded.mean():.0%} of the texts look like ids or numbers",
                count=int(coded.sum()),
                unit="text",
                effect="They contain no language to learn from. Probably another column is the text column.",
                examples=tuple(check_input.example(id_) for id_ in check_input.ids[coded][:5]),
                rows=check_input.ids[coded],
            )
        )
    different = check_input.examples["text"].nunique()
    if different <= max(1, _FEW_DIFFERENT * num_texts):
        counts = check_input.examples["text"].value_counts()
        distinct = check_input.examples.drop_duplicates("text")
        first = dict(zip(distinct["text"], distinct["id"], strict=True))
        findings.append(
            Finding(
                check="constant_texts",
                severity=Severity.SERIOUS,
                title=f"There are only {different:,} different texts in {num_texts:,} rows"
                if different > 1
                else "Every row has the same text",
                count=different,
                unit="text",
                effect="The model memorizes these texts. Probably this is a category, and another column is the text column.",
                examples=tuple(
                    check_input.example(int(first[str(text)]), detail=f"{number:,} times")
                    for text, number in counts.head(5).items()
                ),
            )
        )
    return findings


def _is_code(text: str) -> bool:
    """Whether a text is a single word that contains a digit."""
    return len(text) < _LONGEST_CODE and CODE.fullmatch(text) is not None and ASCII_DIGIT.search(text) is not None
