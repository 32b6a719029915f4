"""What people may call data sets, runs and tags."""

from core.errors import UserError

LONGEST_NAME = 120


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
