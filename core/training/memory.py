"""What to do when memory runs out: smaller portions of the same step, then gradient checkpointing, then an honest end."""

from __future__ import annotations

import torch

from core.errors import RunError
from core.models.heads import Classifier

ALLOCATION_FAILURES = ("out of memory", "can't allocate memory", "not enough memory", "defaultcpuallocator")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, on a GPU or in main memory."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in ALLOCATION_FAILURES)


class MemoryLadder:
    """How a step is portioned, and the way down when it does not fit.

    Args:
        batch_size: inputs computed together at first. The step stays what it is: smaller portions are accumulated.
    """

    def __init__(self, batch_size: int) -> None:
        self.portion = batch_size
        self._checkpointing = False

    def step_down(self, classifier: Classifier) -> str:
        """Take the next step down.

        Returns:
            What was done, in a sentence.

        Raises:
            RunError: there is no step left.
        """
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if self.portion > 1:
            before, self.portion = self.portion, (self.portion + 1) // 2
            return (
                f"Memory ran out with {before} inputs at a time; going on with {self.portion}, accumulated, so that the result "
                "stays the same and only the time grows."
            )
        if not self._checkpointing:
            self._checkpointing = True
            use_gradient_checkpointing(classifier)
            return "Memory ran out even with one input at a time; gradient checkpointing is on from here."
        raise RunError(
            "There is not enough memory for a single text, even with gradient checkpointing. "
            "Choose a shorter longest input or a smaller model, or free memory, and run again."
        )


def use_gradient_checkpointing(classifier: Classifier) -> None:
    """Compute the encoder's inner values again on the way back, where they would otherwise be kept."""
    pretrained = classifier.pretrained
    # transformers gave it a new name in 5.20.
    enable = getattr(pretrained, "activation_checkpointing_enable", None) or pretrained.gradient_checkpointing_enable
    enable()
