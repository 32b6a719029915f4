"""A benchmark of about a second: trains an encoder with random weights for a few steps, to measure the training speed here.

``python -m core.training.planning.pace_benchmark WORKSPACE THREADS`` runs it in a process of its own, so that its threads are
gone afterwards.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch

from core.machine import devices
from core.models.cpu.attention import use_cpu_attention
from core.models.cpu.dropout import use_cpu_dropout
from core.models.cpu.fused_qkv import use_shared_projections
from core.training.planning.machine_pace import LONG, SHORT, Pace, keep_pace, known_pace
from core.training.planning.workload import flops_of_token

NUM_LAYERS, HIDDEN, INNER, HEADS = 2, 384, 1536, 12
"""Two layers of the bundled model."""

TOKENS = {SHORT: 512, LONG: 2048}
"""Tokens per batch, for each text length."""

MOVED = 4_000_000
"""Parameters that the benchmarked optimizer updates."""

POLL_S = 0.5

EACH_S = 0.3
"""Seconds for each of the three measurements."""


def rehearse(*, threads: int = 0, each_s: float = EACH_S) -> Pace:
    """Measure this machine's CPU, in the precision that Automatic uses on it.

    Args:
        threads: thread limit recorded with the result; the number used is torch's own setting.
        each_s: seconds for each of three measurements.
    """
    here = devices.machine()
    has_bfloat16 = devices.cpu_has_bfloat16()
    with torch.random.fork_rng(devices=[]):
        return Pace(
            processor=here.processor,
            cores=here.cores,
            threads=threads,
            precision="bfloat16" if has_bfloat16 else "float32",
            short_flops=_flops(SHORT, each_s, has_bfloat16=has_bfloat16),
            long_flops=_flops(LONG, each_s, has_bfloat16=has_bfloat16),
            moved_per_s=_moved_per_s(each_s),
            measured_at=time.time(),
        )


def known_or_rehearsed(home: Path, *, threads: int, precision: str) -> Pace | None:
    """The machine's speed in a precision, measured now if the workspace has no result; ``None`` for one it does not use."""
    here = devices.machine()
    known = known_pace(home, here, threads=threads, precision=precision)
    if known is not None or precision != ("bfloat16" if devices.cpu_has_bfloat16() else "float32"):
        return known
    measured = rehearse(threads=threads)
    keep_pace(home, measured)
    return measured


def _flops(length: int, each_s: float, *, has_bfloat16: bool) -> float:
    from transformers import BertConfig, BertModel  # not needed by every run

    config = BertConfig(
        vocab_size=64,
        hidden_size=HIDDEN,
        num_hidden_layers=NUM_LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=INNER,
        max_position_embeddings=LONG,
    )
    model = BertModel(config, add_pooling_layer=False)
    use_cpu_attention(model)
    use_cpu_dropout(model)
    use_shared_projections(model)
    model.train()
    model.embeddings.requires_grad_(False)
    num_texts = TOKENS[length] // length
    ids = torch.randint(0, 64, (num_texts, length))
    mask = torch.ones_like(ids)
    mask[0, -1] = 0  # some padding, as in most batches

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16):
            hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
        hidden.float().square().mean().backward()

    in_layer = 4 * HIDDEN * HIDDEN + 2 * HIDDEN * INNER
    each = flops_of_token(
        in_layer=in_layer,
        num_layers=NUM_LAYERS,
        num_layers_back=NUM_LAYERS,
        num_learning=in_layer * NUM_LAYERS,
        hidden=HIDDEN,
        length=length,
    )
    return each * TOKENS[length] / _seconds(step, each_s)


def _moved_per_s(each_s: float) -> float:
    parameter = torch.nn.Parameter(torch.zeros(MOVED // 1000, 1000))
    optimizer = torch.optim.AdamW([parameter], fused=True)

    def step() -> None:
        parameter.grad = torch.zeros_like(parameter)
        parameter.grad[0] = 1.0
        torch.nn.utils.clip_grad_norm_([parameter], 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return MOVED / _seconds(step, each_s)


def _seconds(step: Callable[[], None], each_s: float) -> float:
    """Seconds of one step: the median of as many as fit, after a warm-up step that is not counted."""
    step()
    began = time.perf_counter()
    taken: list[float] = []
    while not taken or time.perf_counter() - began < each_s:
        start = time.perf_counter()
        step()
        taken.append(time.perf_counter() - start)
    return sorted(taken)[len(taken) // 2]


def main() -> int:
    """Measure this machine for the given workspace, unless it already has a result."""
    from core.training.device import yield_to_others

    home, threads = Path(sys.argv[1]), int(sys.argv[2])
    threading.Thread(target=_leave_with_the_parent, args=(os.getppid(),), daemon=True).start()
    yield_to_others(threads, 0)
    precision = "bfloat16" if devices.cpu_has_bfloat16() else "float32"
    known_or_rehearsed(home, threads=threads, precision=precision)
    return 0


def _leave_with_the_parent(parent: int) -> None:
    """End this process when its parent process has ended."""
    while os.getppid() == parent:
        time.sleep(POLL_S)  # polling: not every system notifies a process of its parent's end
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
