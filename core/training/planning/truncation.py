"""What a limit on the tokens of an input would cut off, before a run is told one."""

from collections.abc import Sequence
from dataclasses import dataclass

USUAL_LIMITS = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)


@dataclass(frozen=True, kw_only=True)
class Truncation:
    """What texts lose where only so many tokens of each are read.

    Attributes:
        limit: most tokens of a text.
        num_texts: texts that are longer.
        share_of_texts, share_of_tokens: theirs among all texts, and what they lose of all tokens, from 0 to 1.
    """

    limit: int
    num_texts: int
    share_of_texts: float
    share_of_tokens: float


def cut_at(lengths: Sequence[int], limit: int) -> Truncation:
    """What a limit cuts off texts of these many tokens."""
    lost = [length - limit for length in lengths if length > limit]
    return Truncation(
        limit=limit,
        num_texts=len(lost),
        share_of_texts=len(lost) / max(1, len(lengths)),
        share_of_tokens=sum(lost) / max(1, sum(lengths)),
    )


def usual_cuts(lengths: Sequence[int], *, most: int = 3) -> list[Truncation]:
    """The largest usual limits that cut anything, the largest last: below them time is saved and text is lost."""
    return [cut_at(lengths, limit) for limit in USUAL_LIMITS if limit < max(lengths, default=0)][-most:]
