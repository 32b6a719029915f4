"""What to do when memory runs out: smaller portions of the same step, then gradient checkpointing, then an honest end."""

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
    """What a person is told of a run that memory running out has ended, where nothing could be made smaller."""
    if isinstance(error, torch.OutOfMemoryError) or "cuda" in str(error).lower():
        return (
            "The GPU ran out of memory. Where other programs use it too ('nvidia-smi' lists them), end those and resume; "
            "otherwise launch the run again with a shorter longest input, a smaller batch size or a smaller model."
        )
    return (
        "There was not enough main memory. Close other programs and resume, or launch the run again with a shorter longest "
        "input, a smaller batch size or a smaller model."
    )


def no_room_to_read(device: torch.device) -> RunError:
    """The error of a model that cannot read even one text."""
    if device.type == "cuda":
        return RunError(
            "The GPU has not enough memory to read even a single text. Other programs or runs may hold it "
            "('nvidia-smi' lists them): end them or wait for them, and try again."
        )
    return RunError("There is not enough main memory to read even a single text. Close other programs, and try again.")


class OomFallback:
    """How a step is portioned, and the way down when it does not fit.

    Args:
        batch_size: inputs computed together at first. The step stays what it is: smaller portions are accumulated.
        tell: is given a sentence for each step down.
        fits: how many inputs of so many tokens fit together; without it, all of them.
    """

    def __init__(self, batch_size: int, tell: Callable[[str], None], fits: Callable[[int], int] | None = None) -> None:
        self.portion = batch_size
        self._tell = tell
        self._fits = fits
        self._shares = 1
        self._checkpointing = False

    def most(self, length: int) -> int:
        """Inputs of so many tokens that may be computed together."""
        fits = self.portion if self._fits is None else self._fits(length) // self._shares
        return max(1, min(self.portion, fits))

    def halve(self, times: int) -> None:
        """Compute half as many inputs together, so many times: they were too many before."""
        self.portion = max(1, self.portion >> times)
        self._shares <<= times

    def within(self, compute: Callable[[], T], *, classifier: Classifier) -> T:
        """Compute gradients; as long as memory runs out, again in smaller portions, on the processor with equal random numbers.

        Raises:
            RunError: there is no smaller portion.
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
            self._shares *= 2
            return (
                f"Memory ran out with {before} inputs at a time; going on with {self.portion}, accumulated, so that the result "
                "stays the same and only the time grows."
            )
        if not self._checkpointing and can_checkpoint_gradients(classifier):
            self._checkpointing = True
            use_gradient_checkpointing(classifier)
            return "Memory ran out even with one input at a time; gradient checkpointing is on from here."
        even_so = ", even with gradient checkpointing" if self._checkpointing else ""
        if next(classifier.parameters()).device.type == "cuda":
            raise RunError(
                f"The GPU has not enough memory for a single text{even_so}. Choose a shorter longest "
                "input, a smaller model or fewer layers that learn, or end other programs that use the GPU ('nvidia-smi' lists "
                "them), and run again."
            )
        raise RunError(
            f"There is not enough memory for a single text{even_so}. "
            "Choose a shorter longest input or a smaller model, or free memory, and run again."
        )


def can_checkpoint_gradients(classifier: Classifier) -> bool:
    """Whether transformers has gradient checkpointing for the encoder's architecture."""
    return bool(getattr(classifier.pretrained, "supports_gradient_checkpointing", False))


def use_gradient_checkpointing(classifier: Classifier) -> None:
    """Compute the encoder's inner values again on the way back, where they would otherwise be kept."""
    pretrained = classifier.pretrained
    # transformers gave it a new name in 5.20.
    enable = getattr(pretrained, "activation_checkpointing_enable", None) or pretrained.gradient_checkpointing_enable
    enable()
