"""Texts that an earlier program damaged: characters lost, or bytes read in the wrong encoding."""

import re

from core.datasets.findings.base import Finding, Severity
from core.datasets.findings.material import Material
from core.tasks.columns.cells import counted

_DAMAGE = re.compile(
    "\ufffd|\u00ef\u00bf\u00bd"  # a lost character, once or twice wrongly read
    "|\u00c3[\u0080-\u00bf\u0152-\u0178\u2018-\u2022\u20ac]"  # UTF-8 letters with accents read as Latin
    "|\u00e2\u20ac[\u0090-\u00bf\u0152-\u2122]"  # UTF-8 quotation marks and dashes read as Latin
    "|\u951f\u65a4\u62f7|\u70eb\u70eb\u70eb"  # the classical ruins of Chinese encodings
    r"|\?{4,}(?=[^?]*\w)"  # letters replaced by question marks
)


def check_damage(material: Material) -> list[Finding]:
    """Texts with replacement characters or wrongly read bytes."""
    found = [(place, match[0]) for place, text in enumerate(material.texts) if (match := _DAMAGE.search(text))]
    marked = [place for place, sign in found if not sign.startswith("?")]
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
    match = _DAMAGE.search(text)
    start = max(0, match.start() - 60) if match else 0
    return ("…" if start else "") + text[start:]
