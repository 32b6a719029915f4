"""What people may call data sets, runs and tags, and in which form their own names are compared."""

from core.errors import UserError
from core.files.normal_forms import normalize

LONGEST_NAME = 120
_LONGEST_OF_A_PERSON = 320


def clean_name(name: str, kind: type[UserError]) -> str:
    """A name on one line, without control characters or outer space.

    Args:
        name: as a person wrote it.
        kind: the error to raise.

    Raises:
        UserError: of that kind; the name is empty or too long.
    """
    cleaned = " ".join("".join(character if character.isprintable() else " " for character in name).split())
    if not cleaned:
        raise kind("The name is empty. Give one or more visible characters.")
    if len(cleaned) > LONGEST_NAME:
        raise kind(f"The name has {len(cleaned)} characters; at most {LONGEST_NAME} are kept. Choose a shorter one.")
    return cleaned


def folded_name(name: str) -> str | None:
    """A person's name in the one form in which names are compared; None for what is no name or could be taken for another one.

    Some letters beyond ASCII become ASCII letters when they are made small or compatible: the Kelvin sign becomes k, a full-width
    a becomes a. Whoever has such a name would be let in as somebody else, so it is nobody's.
    """
    name = name.strip()
    if not name or len(name) > _LONGEST_OF_A_PERSON or not name.isprintable():
        return None
    for letter in name:  # before anything is normalized: NFC alone makes a K of the Kelvin sign
        if not letter.isascii() and _has_ascii(letter.lower() + normalize("NFKC", letter)):
            return None
    return normalize("NFC", name).lower()


def _has_ascii(text: str) -> bool:
    return any(letter.isascii() for letter in text)
