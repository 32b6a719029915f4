"""Cutting a text into overlapping windows of tokens so that every word has exactly one place where it is answered for.

The word is answered for in the window that shows it the most context, so that nothing is judged at the edge of what the model
sees unless the text itself ends there.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


WINDOW_OVERLAP = 0.25
"""Share of a window that it has in common with the next one."""


@dataclass(frozen=True)
class Window:
    """Tokens ``start`` up to ``end`` of a text."""

    start: int
    end: int

    def context(self, position: int) -> int:
        """How many tokens the window shows on the shorter side of a position; negative outside of it."""
        return min(position - self.start, self.end - 1 - position)


def windows(num_tokens: int, size: int, overlap: int) -> list[Window]:
    """Windows of at most ``size`` tokens that cover ``num_tokens``, neighbours sharing ``overlap``; the last one ends at the end.

    Args:
        num_tokens: length of the text; 0 gives one empty window.
        size: at least 1.
        overlap: less than ``size``.
    """
    found = [Window(0, min(size, num_tokens))]
    while found[-1].end < num_tokens:
        start = min(found[-1].end - overlap, num_tokens - size)
        found.append(Window(start, start + size))
    return found


def num_windows(num_tokens: int, size: int, overlap: int) -> int:
    """How many ``windows`` there are, without making them."""
    return 1 + -(-max(0, num_tokens - size) // (size - overlap))


def window_shape(max_length: int, num_special: int) -> tuple[int, int]:
    """Size and overlap of windows, in tokens of the text.

    Args:
        max_length: of an input, special tokens included.
        num_special: tokens of every input that are not the text's.
    """
    size = max(1, max_length - num_special)
    return size, min(int(size * WINDOW_OVERLAP), size - 1)


def owner(position: int, candidates: list[Window]) -> int:
    """Which window answers for the token at a position: the one that shows it the most context, the first among equals."""
    first = bisect_right(candidates, position, key=lambda window: window.end)
    last = bisect_right(candidates, position, key=lambda window: window.start)
    # Windows follow each other, so those that hold the position are neighbours; without one, all may be asked.
    holding = range(first, last) or range(len(candidates))
    return max(holding, key=lambda i: (candidates[i].context(position), -i))


@dataclass(frozen=True)
class SpecialTokens:
    """What a tokenizer puts before and after a text."""

    prefix: tuple[int, ...]
    suffix: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many tokens of an input are not the text's."""
        return len(self.prefix) + len(self.suffix)

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> SpecialTokens:
        """Read off from how the tokenizer wraps a short text."""
        wrapped = tokenizer("a")["input_ids"]
        bare = tokenizer("a", add_special_tokens=False)["input_ids"]
        for i in range(len(wrapped) - len(bare) + 1):
            if wrapped[i : i + len(bare)] == bare:
                return cls(tuple(wrapped[:i]), tuple(wrapped[i + len(bare) :]))
        return cls((), ())
