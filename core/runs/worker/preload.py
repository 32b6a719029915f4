"""Loads everything a warm worker needs before it is given a run."""

from __future__ import annotations

import torch

from core.machine import devices
from core.models.build import build_classifier
from core.models.heads import HeadShape
from core.models.hub import BUNDLED, bundled_folder, describe, verify_bundled
from core.tasks import get_task
from core.training import fine_tune  # noqa: F401  (loading it is what this module is for)


def preload() -> None:
    """Load libraries and the bundled model's file, and compute one small step, so that the first real step starts fast.

    Only internal state of libraries remains: every run seeds its random numbers and loads its model itself.
    """
    from tensorboard.summary.writer import record_writer  # noqa: F401  (as above)

    task = get_task("single_label")
    info = describe(BUNDLED, bundled_folder())
    classifier = build_classifier(info, task, ["a", "b"], pooling=info.pooling or "mean", head=HeadShape(kind="linear"))
    verify_bundled.cache_clear()  # the run verifies it again
    if torch.cuda.is_available():
        return  # a warm worker must not hold GPU memory, which computing a step would
    ids = torch.full((4, 24), 100)
    # On one thread: more threads would be started now, and could spin for minutes while they wait for a run.
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.autocast("cpu", torch.bfloat16, enabled=devices.cpu_has_bfloat16()):
        loss = classifier(ids, torch.ones_like(ids)).float().square().mean()
    loss.backward()
    torch.set_num_threads(num_threads)
