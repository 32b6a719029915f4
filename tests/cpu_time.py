"""CPU time of some work, for tests that hostile data takes no more than its share: a busy machine changes nothing of it."""

import time
from collections.abc import Callable

MOST_GROWTH = 3.0
"""Times as much CPU time for twice as much data: 2 where it grows in proportion, 4 where it grows with the square."""
TRIES = 4


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of this process for one call."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def grows_in_proportion(work: Callable[[int], Callable[[], object]], size: int) -> bool:
    """Whether twice as much data takes about twice as much CPU time, by the best of some tries.

    Args:
        work: size of the data -> what is done with it; making the data is not counted.
        size: for which work that grows with the square takes about a second.
    """
    once, twice = work(size), work(2 * size)
    best, best_twice = float("inf"), float("inf")
    for _ in range(TRIES):
        best, best_twice = min(best, cpu_seconds(once)), min(best_twice, cpu_seconds(twice))
        if best_twice < MOST_GROWTH * best or best_twice < 0.1:
            return True
    return False
