"""How much text a maximum input length would truncate, computed before a run is configured."""

from collections.abc import Sequence
from dataclasses import dataclass

USUAL_LIMITS = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)


@dataclass(frozen=True, kw_only=True)
class Truncation:
    """What is truncated at a maximum input length.

    Attributes:
        limit: maximum tokens of a text.
        num_texts: texts that are longer.
        share_of_texts, share_of_tokens: share of all texts that are truncated, and of all tokens that are lost, from 0 to 1.
    """

    limit: int
    num_texts: int
    share_of_texts: float
    share_of_tokens: float


def cut_at(lengths: Sequence[int], limit: int) -> Truncation:
    """What a limit truncates, given the token count of each text."""
    lost = [length - limit for length in lengths if length > limit]
    return Truncation(
        limit=limit,
        num_texts=len(lost),
        share_of_texts=len(lost) / max(1, len(lengths)),
        share_of_tokens=sum(lost) / max(1, sum(lengths)),
    )


def usual_cuts(lengths: Sequence[int], *, most: int = 3) -> list[Truncation]:
    """The largest usual limits that truncate any text, in ascending order: lower limits save time and lose text."""
    return [cut_at(lengths, limit) for limit in USUAL_LIMITS if limit < max(lengths, default=0)][-most:]
