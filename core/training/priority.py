"""How a training process behaves towards the rest of the machine."""

import torch

from core.machine.platform_support import lower_priority


def step_back(threads: int, niceness: int) -> None:
    """Use no more threads than allowed, and let everything else on the machine go first.

    Args:
        threads: most processor threads; 0 leaves torch's choice, one for each core.
        niceness: added to the process's own.
    """
    if threads:
        torch.set_num_threads(threads)
    lower_priority(niceness)
