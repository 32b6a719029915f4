"""Texts that an earlier program damaged: characters lost, or bytes read in the wrong encoding."""

from core.datasets.checks.check_input import Material
from core.datasets.checks.finding import Finding, Severity
from core.files.text_patterns import DAMAGED
from core.text_format import counted


def check_damage(material: Material) -> list[Finding]:
    """Texts with replacement characters or wrongly read bytes."""
    marked = [place for place, text in enumerate(material.texts) if DAMAGED.search(text)]
    if not marked:
        return []
    ids = material.ids[marked]
    share = len(ids) / len(material.ids)
    return [
        Finding(
            check="damaged_characters",
            severity=Severity.WARNING if share >= 0.01 else Severity.NOTE,
            title=f"{counted(len(ids), 'text holds', 'texts hold')} damaged characters",
            count=len(ids),
            unit="text",
            effect="A program before this one lost letters or read them in the wrong encoding; such words are strange to any "
            "model. "
            "Export the file again as UTF-8, or choose its encoding when you import it.",
            examples=tuple(material.example(material.ids[place], text=_around(material.texts[place])) for place in marked[:5]),
            rows=ids,
        )
    ]


def _around(text: str) -> str:
    match = DAMAGED.search(text)
    start = max(0, match.start() - 60) if match else 0
    return ("…" if start else "") + text[start:]
