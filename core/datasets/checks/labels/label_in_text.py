"""Texts that name their own label."""

from core.datasets.checks.check_input import CheckInput
from core.datasets.checks.finding import Finding, Severity
from core.datasets.checks.texts.missing import label_detail
from core.files.text_patterns import NAME_JOINTS, Anywhere, whole_word

_SHORTEST, _SHORTEST_SPACELESS = 3, 2
_LONGEST = 200
"""Longest label that is searched for; texts do not mention longer ones."""
_MOST_READ = 100_000
"""Characters of a text that are searched, once for each of its labels."""
_SOME, _MANY, _NEARLY_ALL = 0.05, 0.5, 0.9


def check_label_in_text(check_input: CheckInput) -> list[Finding]:
    """How many texts contain the name of one of their labels as a word."""
    if check_input.has_entities:
        return []
    patterns = {label: pattern for label in check_input.labels if (pattern := _pattern(label)) is not None}
    labelled = [place for place, labels in enumerate(check_input.row_labels) if any(label in patterns for label in labels)]
    naming = []
    for place in labelled:
        text = NAME_JOINTS.sub(" ", check_input.texts[place][:_MOST_READ].casefold())
        if any(_occurs(patterns[label], text) for label in check_input.row_labels[place] if label in patterns):
            naming.append(place)
    share = len(naming) / max(1, len(labelled))
    if share < _SOME or len(naming) < 2:
        return []
    ids = check_input.ids[naming]
    severity = Severity.SERIOUS if share >= _NEARLY_ALL else Severity.WARNING if share >= _MANY else Severity.NOTE
    return [
        Finding(
            check="label_in_text",
            severity=severity,
            title=f"{share:.0%} of the texts contain the name of their own label",
            count=len(ids),
            unit="text",
            effect="Some of this is natural. If a tag, a category or a file name was copied into the text, the model learns that "
            "instead of the content: the scores are too high, and it fails on texts without the name.",
            examples=tuple(
                check_input.example(id_, detail=label_detail(check_input, place))
                for id_, place in zip(ids[:5], naming, strict=False)
            ),
            rows=ids,
        )
    ]


def _pattern(label: str) -> tuple[str, Anywhere[str] | None] | None:
    """The pattern to search for: the label's words, as whole words if its script has spaces."""
    if len(label) > _LONGEST:
        return None
    plain = NAME_JOINTS.sub(" ", label.casefold()).strip()
    if plain.isascii():
        if len(plain) < _SHORTEST or not any(map(str.isalpha, plain)):
            return None
        return plain, whole_word(plain)
    return (plain, None) if len(plain) >= _SHORTEST_SPACELESS else None


def _occurs(pattern: tuple[str, Anywhere[str] | None], text: str) -> bool:
    plain, whole = pattern
    return plain in text and (whole is None or whole.search(text) is not None)
