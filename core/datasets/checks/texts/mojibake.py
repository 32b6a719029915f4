"""Mojibake: lost characters, or bytes decoded with the wrong encoding."""

from core.datasets.checks.check_input import CheckInput
from core.datasets.checks.finding import Finding, Severity
from core.files.text_patterns import DAMAGED
from core.text_format import counted


def check_damage(check_input: CheckInput) -> list[Finding]:
    """Texts with replacement characters or wrongly decoded bytes."""
    marked = [place for place, text in enumerate(check_input.texts) if DAMAGED.search(text)]
    if not marked:
        return []
    ids = check_input.ids[marked]
    share = len(ids) / len(check_input.ids)
    return [
        Finding(
            check="damaged_characters",
            severity=Severity.WARNING if share >= 0.01 else Severity.NOTE,
            title=f"{counted(len(ids), 'text contains', 'texts contain')} damaged characters",
            count=len(ids),
            unit="text",
            effect="Another program lost letters or decoded them with the wrong encoding, so no model knows these words. "
            "Export the file again as UTF-8, or choose its encoding when you import it.",
            examples=tuple(
                check_input.example(check_input.ids[place], text=_around(check_input.texts[place])) for place in marked[:5]
            ),
            rows=ids,
        )
    ]


def _around(text: str) -> str:
    match = DAMAGED.search(text)
    start = max(0, match.start() - 60) if match else 0
    return ("…" if start else "") + text[start:]
