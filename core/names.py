"""Allowed names of data sets, runs and tags, and the normal form of user names for comparison."""

from core.errors import UserError
from core.files.normal_forms import normalize

LONGEST_NAME = 120
_LONGEST_OF_A_PERSON = 320


def clean_name(name: str, kind: type[UserError]) -> str:
    """A name on one line, without control characters or leading and trailing white space.

    Args:
        name: as entered by the user.
        kind: the error class to raise.

    Raises:
        UserError: of that kind; the name is empty or too long.
    """
    cleaned = " ".join("".join(character if character.isprintable() else " " for character in name).split())
    if not cleaned:
        raise kind("The name is empty. Enter at least 1 visible character.")
    if len(cleaned) > LONGEST_NAME:
        raise kind(f"The name has {len(cleaned)} characters; at most {LONGEST_NAME} are allowed. Choose a shorter one.")
    return cleaned


def folded_name(name: str) -> str | None:
    """A user name in its normal form for comparison; ``None`` if it is not a valid name or could be confused with another one.

    Some non-ASCII letters become ASCII letters by lower-casing or compatibility normalization: the Kelvin sign becomes k, a
    full-width a becomes a. Such a name could give access to another user's account, so it is refused.
    """
    name = name.strip()
    if not name or len(name) > _LONGEST_OF_A_PERSON or not name.isprintable():
        return None
    for letter in name:  # before any normalization: NFC alone turns the Kelvin sign into K
        if not letter.isascii() and _has_ascii(letter.lower() + normalize("NFKC", letter)):
            return None
    return normalize("NFC", name).lower()


def _has_ascii(text: str) -> bool:
    return any(letter.isascii() for letter in text)
