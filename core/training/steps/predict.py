"""Inference on a split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from core.models.heads import Classifier
from core.tasks.base import Encoded, Task
from core.training.distributed import ALONE, Sharing
from core.training.steps.batching import Batch, collate, evaluation_batches
from core.training.steps.out_of_memory import is_out_of_memory, no_room_to_read

EVALUATION_BATCH_FACTOR = 2
"""How many times larger a batch may be when no activations are stored."""


@dataclass(frozen=True)
class Outputs:
    """A model's outputs on a split.

    Attributes:
        logits: one float32 array for each input, without padding.
        loss: mean over all units of the split (texts, decisions or words), exact for batches of any size; NaN without gold
            labels.
    """

    logits: list[np.ndarray]
    loss: float


def run_model(
    classifier: Classifier,
    encoded: Encoded,
    task: Task,
    *,
    pad_token_id: int,
    batch_size: int,
    device: torch.device,
    on_batch: Callable[[int], None] | None = None,
    sharing: Sharing = ALONE,
) -> Outputs:
    """Logits and mean loss for every input of a split, in the order of the inputs.

    If memory runs out, fewer inputs are processed at a time; the results are the same.

    Args:
        classifier: left in evaluation mode.
        encoded: the inputs.
        task: gives the loss.
        pad_token_id: fills short rows.
        batch_size: inputs per forward pass.
        device: where the classifier is.
        on_batch: called with the number of inputs done so far.
        sharing: the ranks that share the split; each of them gets all results.

    Raises:
        RunError: there is no memory for a single input.
    """
    classifier.eval()
    own: dict[int, np.ndarray] = {}
    total, count, done, portion = 0.0, 0.0, 0, max(1, encoded.num_inputs)
    lengths = encoded.lengths
    with torch.inference_mode():
        for positions in sharing.own(evaluation_batches(lengths, batch_size)):
            waiting = list(positions)
            while waiting:
                some = waiting[:portion]
                batch = collate(encoded, some, task, pad_token_id)
                output = _within_memory(classifier, batch, device)
                if output is None:
                    if len(some) == 1:
                        raise no_room_to_read(device)
                    portion = (len(some) + 1) // 2
                    continue
                del waiting[: len(some)]
                if batch.targets is not None:
                    loss, units = task.loss(output, batch.targets.to(device))
                    total, count = total + float(loss), count + float(units)
                for position, row in zip(some, output.cpu().numpy(), strict=True):
                    own[position] = row[: lengths[position]] if task.head_level == "token" else row
                done += len(some)
                if on_batch is not None:
                    on_batch(done)
    read = {position: row for part in sharing.gather(own) for position, row in part.items()}
    total, count = sharing.sum([total, count])
    return Outputs([read[i] for i in range(encoded.num_inputs)], total / count if count else float("nan"))


def _within_memory(classifier: Classifier, batch: Batch, device: torch.device) -> torch.Tensor | None:
    """The model's output for a batch; ``None`` if there is not enough memory for it."""
    try:
        output: torch.Tensor = classifier(*batch.to(device).inputs)
        return output.float()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    # Only here has everything been freed that the error's traceback referenced.
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return None
