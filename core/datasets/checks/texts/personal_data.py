"""Personal data with a recognizable format: e-mail addresses, phone numbers, bank accounts and payment cards.

Names and addresses of people are not detected, so a text without findings can still contain personal data.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from core.datasets.checks.check_input import CheckInput
from core.datasets.checks.finding import Finding, FindingExample, RepairOffer, Severity
from core.datasets.checks.texts.text_spans import apart_from
from core.files.text_patterns import DIGIT, EMAIL, IBAN, PAYMENT_CARD, PHONE
from core.text_format import counted

KINDS = {
    "email": ("e-mail address", "e-mail addresses"),
    "phone": ("phone number", "phone numbers"),
    "iban": ("bank account (IBAN)", "bank accounts (IBAN)"),
    "card": ("card number", "card numbers"),
}
"""Kind -> its name in singular and plural."""

_IBAN_LENGTHS = range(15, 35)
_PHONE_DIGITS = range(8, 16)
_MOST_READ = 1_000_000


@dataclass(frozen=True, order=True)
class PersonalDatum:
    """A span of a text, characters ``start`` up to ``end``, with its kind from ``KINDS``."""

    start: int
    end: int
    kind: str


def find_personal_data(text: str) -> list[PersonalDatum]:
    """The personal data in a text, in order and without overlaps."""
    found: list[list[PersonalDatum]] = []
    if "@" in text:
        found.append([PersonalDatum(*match.span(), "email") for match in EMAIL.finditer(text)])
    if DIGIT.search(text):
        found.append([PersonalDatum(*match.span(), "iban") for match in IBAN.finditer(text) if is_iban(match[0])])
        found.append([PersonalDatum(*match.span(), "card") for match in PAYMENT_CARD.finditer(text) if is_card_number(match[0])])
        found.append([PersonalDatum(*match.span(), "phone") for match in PHONE.finditer(text) if _is_phone(match[0])])
    kept: list[PersonalDatum] = []
    for of_kind in found:  # kinds with a checksum come first and take precedence over a phone number inside them
        kept = sorted([*kept, *apart_from(kept, of_kind, lambda datum: (datum.start, datum.end))])
    return kept


def is_card_number(written: str) -> bool:
    """Whether digits, separated by spaces or hyphens, have the length, prefix and checksum of a payment card.

    Source: ISO/IEC 7812-1, annex B (Luhn's formula).
    """
    digits = [int(character) for character in written if character.isascii() and character.isdigit()]
    if len(digits) not in range(13, 20) or len(set(digits)) < 2:
        return False
    doubled = [digit if place % 2 == 0 else 2 * digit - 9 * (digit > 4) for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def is_iban(written: str) -> bool:
    """Whether letters and digits form an IBAN with a valid checksum.

    Source: ISO 13616 (IBAN) and ISO/IEC 7064, MOD 97-10.
    """
    account = written.replace(" ", "")
    if len(account) not in _IBAN_LENGTHS or not account.isascii():
        return False
    moved = account[4:] + account[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def _is_phone(written: str) -> bool:
    digits = DIGIT.findall(written)
    return len(digits) in _PHONE_DIGITS and len(set(digits)) > 2


def check_personal_data(check_input: CheckInput) -> list[Finding]:
    """How many texts contain personal data, and of which kinds."""
    sample = check_input.sample(_MOST_READ)
    total: Counter[str] = Counter()
    rows, examples = [], []
    for id_, text in zip(sample.ids.tolist(), sample.texts, strict=True):
        found = find_personal_data(text)
        if not found:
            continue
        total.update(datum.kind for datum in found)
        rows.append(id_)
        examples.append((id_, text, found))
    if not rows:
        return []
    kinds = [kind for kind in KINDS if total[kind]]
    named = ", ".join(counted(total[kind], *KINDS[kind]) for kind in kinds)
    first_of_kind = {found[0].kind: position for position, (_, _, found) in reversed(list(enumerate(examples)))}
    chosen = list(dict.fromkeys([*sorted(first_of_kind.values()), *range(min(5, len(examples)))]))[:5]
    return [
        Finding(
            check="personal_data",
            severity=Severity.WARNING,
            title=f"Personal data in texts: {named}",
            count=len(rows),
            unit="text",
            effect="A model can memorize such details, and anyone who gets the model or its predictions may read them. "
            "They rarely help with the task itself. Names and addresses of people are not detected.",
            examples=tuple(_example(check_input, *examples[position]) for position in chosen),
            rows=np.array(rows, dtype=np.int64),
            offers=(RepairOffer(repair="mask_personal_data", title="Mask personal data", parameters={"kinds": list(kinds)}),),
            sampled=sample.is_part,
        )
    ]


def _example(check_input: CheckInput, id_: int, text: str, found: list[PersonalDatum]) -> FindingExample:
    """The text around the first match, with the kinds of all matches."""
    start = max(0, found[0].start - 60)
    detail = ", ".join(dict.fromkeys(KINDS[datum.kind][0] for datum in found))
    return check_input.example(id_, text=("…" if start else "") + text[start:], detail=detail)
