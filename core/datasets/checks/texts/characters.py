"""Invisible characters and unusual spaces in texts, and full-width letters next to regular ones."""

from core.datasets.checks.check_input import CheckInput
from core.datasets.checks.finding import Finding, RepairOffer, Severity
from core.files.text_patterns import FULL_WIDTH, INVISIBLE, PLAIN_CHARACTER
from core.text_format import counted


def check_invisible_characters(check_input: CheckInput) -> list[Finding]:
    """Texts with invisible characters."""
    found = [place for place, text in enumerate(check_input.texts) if not text.isascii() or not text.isprintable()]
    found = [place for place in found if INVISIBLE.search(check_input.texts[place])]
    if not found:
        return []
    ids = check_input.ids[found]
    return [
        Finding(
            check="invisible_characters",
            severity=Severity.NOTE,
            title=f"{counted(len(ids), 'text holds', 'texts hold')} invisible characters",
            count=len(ids),
            unit="text",
            effect="They split or change words invisibly, and hide that two texts are the same.",
            examples=tuple(
                check_input.example(check_input.ids[place], detail=_points(check_input.texts[place])) for place in found[:5]
            ),
            rows=ids,
            offers=(RepairOffer(repair="strip_whitespace", title="Clean up white space"),),
        )
    ]


def check_full_width(check_input: CheckInput) -> list[Finding]:
    """Full-width letters and digits, if other texts have regular ones."""
    found = [place for place, text in enumerate(check_input.texts) if not text.isascii() and FULL_WIDTH.search(text)]
    if not found or not any(PLAIN_CHARACTER.search(text) for text in check_input.texts):
        return []
    ids = check_input.ids[found]
    return [
        Finding(
            check="full_width_characters",
            severity=Severity.NOTE,
            title=f"{counted(len(ids), 'text has', 'texts have')} full-width letters or digits next to regular ones",
            count=len(ids),
            unit="text",
            effect="To most models, the full-width Ａ and the regular A are different tokens.",
            examples=tuple(check_input.example(id_) for id_ in ids[:5]),
            rows=ids,
            offers=(RepairOffer(repair="normalise_characters", title="Normalize characters", parameters={"form": "NFKC"}),),
        )
    ]


def _points(text: str) -> str:
    return ", ".join(f"U+{ord(sign):04X}" for sign in sorted(set(INVISIBLE.findall(text)))[:5])
