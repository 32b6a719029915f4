"""Splits a long text into overlapping windows of tokens (stride); every word is predicted in exactly one window.

This is the window with the most context around the word, so that no word is predicted at the edge of a window unless the text
itself ends there.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


WINDOW_OVERLAP = 0.25
"""Overlap of consecutive windows, as a share of a window."""


@dataclass(frozen=True)
class Window:
    """Tokens ``start`` up to ``end`` of a text."""

    start: int
    end: int

    def context(self, position: int) -> int:
        """Number of context tokens on the shorter side of a position; negative outside of the window."""
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
    """Number of ``windows``, without creating them."""
    return 1 + -(-max(0, num_tokens - size) // (size - overlap))


def window_shape(max_length: int, num_special: int) -> tuple[int, int]:
    """Size and overlap of windows, in tokens of the text.

    Args:
        max_length: of an input, special tokens included.
        num_special: number of special tokens in every input.
    """
    size = max(1, max_length - num_special)
    return size, min(int(size * WINDOW_OVERLAP), size - 1)


def owner(position: int, candidates: list[Window]) -> int:
    """Index of the window that predicts the token at a position: the one with the most context; ties go to the first."""
    first = bisect_right(candidates, position, key=lambda window: window.end)
    last = bisect_right(candidates, position, key=lambda window: window.start)
    # Windows are in order, so those that contain the position are adjacent; without any, all are candidates.
    holding = range(first, last) or range(len(candidates))
    return max(holding, key=lambda i: (candidates[i].context(position), -i))


@dataclass(frozen=True)
class SpecialTokens:
    """The special tokens before and after a text."""

    prefix: tuple[int, ...]
    suffix: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of special tokens in an input."""
        return len(self.prefix) + len(self.suffix)

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> SpecialTokens:
        """Determine the special tokens by tokenizing a short text."""
        wrapped = tokenizer("a")["input_ids"]
        bare = tokenizer("a", add_special_tokens=False)["input_ids"]
        for i in range(len(wrapped) - len(bare) + 1):
            if wrapped[i : i + len(bare)] == bare:
                return cls(tuple(wrapped[:i]), tuple(wrapped[i + len(bare) :]))
        return cls((), ())
