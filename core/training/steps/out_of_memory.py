"""Fallbacks when memory runs out: smaller portions of the same step, then gradient checkpointing, then an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from core.errors import RunError
from core.models.heads import Classifier

T = TypeVar("T")

ALLOCATION_FAILURES = ("out of memory", "can't allocate memory", "not enough memory", "defaultcpuallocator")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, on a GPU or in main memory."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in ALLOCATION_FAILURES)


def ran_out(error: BaseException) -> str:
    """The error message of a run that ended because memory ran out."""
    if isinstance(error, torch.OutOfMemoryError) or "cuda" in str(error).lower():
        return (
            "The GPU ran out of memory. If other programs use it too ('nvidia-smi' lists them), close them and resume the run. "
            "Otherwise start a new run with a lower maximum input length, a smaller batch size or a smaller model."
        )
    return (
        "There was not enough main memory. Close other programs and resume the run, or start a new run with a lower maximum "
        "input length, a smaller batch size or a smaller model."
    )


def no_room_to_read(device: torch.device) -> RunError:
    """The error of a model that cannot process even one text."""
    if device.type == "cuda":
        return RunError(
            "The GPU does not have enough memory to process even a single text. Other programs or runs may use it "
            "('nvidia-smi' lists them): close them or wait until they end, and try again."
        )
    return RunError("There is not enough main memory to process even a single text. Close other programs, and try again.")


class OomFallback:
    """Divides a step into portions, and makes them smaller when memory runs out.

    Args:
        batch_size: inputs computed together at first. The step stays the same: gradients of smaller portions are accumulated.
        tell: called with a message for each fallback.
        fits: returns how many inputs of a given length fit into memory together; without it, all of them.
    """

    def __init__(self, batch_size: int, tell: Callable[[str], None], fits: Callable[[int], int] | None = None) -> None:
        self.portion = batch_size
        self._tell = tell
        self._fits = fits
        self._shares = 1
        self._checkpointing = False

    def most(self, length: int) -> int:
        """Most inputs of this many tokens that may be computed together."""
        fits = self.portion if self._fits is None else self._fits(length) // self._shares
        return max(1, min(self.portion, fits))

    def halve(self, times: int) -> None:
        """Halve the portion size this many times."""
        self.portion = max(1, self.portion >> times)
        self._shares <<= times

    def within(self, compute: Callable[[], T], *, classifier: Classifier) -> T:
        """Compute gradients; while memory runs out, retry in smaller portions, on the CPU with the same random numbers.

        Raises:
            RunError: no fallback is left.
        """
        while True:
            random = torch.get_rng_state()
            try:
                return compute()
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            classifier.zero_grad(set_to_none=True)
            torch.set_rng_state(random)
            self._tell(self.step_down(classifier))

    def step_down(self, classifier: Classifier) -> str:
        """Apply the next fallback.

        Returns:
            A message that says what was done.

        Raises:
            RunError: no fallback is left.
        """
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if self.portion > 1:
            before, self.portion = self.portion, (self.portion + 1) // 2
            self._shares *= 2
            return (
                f"Out of memory with {before} inputs at a time. Training continues with {self.portion} at a time and accumulated "
                "gradients: the result stays the same, but training takes longer."
            )
        if not self._checkpointing and can_checkpoint_gradients(classifier):
            self._checkpointing = True
            use_gradient_checkpointing(classifier)
            return "Out of memory even with one input at a time. Gradient checkpointing was turned on."
        even_so = ", even with gradient checkpointing" if self._checkpointing else ""
        if next(classifier.parameters()).device.type == "cuda":
            raise RunError(
                f"The GPU does not have enough memory for a single text{even_so}. Choose a lower maximum input length, a smaller "
                "model or fewer trainable layers, or close other programs that use the GPU ('nvidia-smi' lists them), and run "
                "again."
            )
        raise RunError(
            f"There is not enough memory for a single text{even_so}. "
            "Choose a lower maximum input length or a smaller model, or free memory, and run again."
        )


def can_checkpoint_gradients(classifier: Classifier) -> bool:
    """Whether transformers supports gradient checkpointing for the encoder's architecture."""
    return bool(getattr(classifier.pretrained, "supports_gradient_checkpointing", False))


def use_gradient_checkpointing(classifier: Classifier) -> None:
    """Recompute the encoder's activations in the backward pass instead of storing them."""
    pretrained = classifier.pretrained
    # transformers renamed it in 5.20.
    enable = getattr(pretrained, "activation_checkpointing_enable", None) or pretrained.gradient_checkpointing_enable
    enable()
