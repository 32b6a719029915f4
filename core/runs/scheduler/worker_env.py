"""The environment a worker is given."""

import os
from collections.abc import Mapping
from pathlib import Path

from core.config.settings import Settings
from core.files.text_patterns import HUB_ID
from core.models.hub import BUNDLED

KEEPING_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(2**32)}
"""Lets the C library keep the memory of one step for the next one, rather than get it anew from the system, page by page."""


SECRETS = ("TUNEBOARD_DATABASE_URL", "TUNEBOARD_PROXY_SECRET")
"""Variables that hold, or may hold, what nobody but the server is to know."""


def worker_environment(
    settings: Settings, model: str, environ: Mapping[str, str] | None = None, *, is_alone: bool = True
) -> dict[str, str]:
    """Environment variables of a worker: this process's own, and what makes it quiet, offline and a good neighbour.

    Args:
        settings: where the workspace is and how many threads a worker may use.
        model: the run's model reference; only a hub id may reach for the network.
        environ: this process's environment.
        is_alone: whether no other training is at work beside it, so that its threads may spin.
    """
    environment = dict(os.environ if environ is None else environ)
    # The worker writes its run directory and nothing else: it needs no way into the database, and no secret of the server's.
    for secret in SECRETS:
        environment.pop(secret, None)
    environment |= {
        "TUNEBOARD_HOME": str(settings.home),
        "TUNEBOARD_THREADS": str(settings.threads),
        "TUNEBOARD_MAX_MEMORY": f"{settings.max_memory_mib}MiB" if settings.max_memory_mib else "",
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",  # the log takes texts in every script, whatever the system's own encoding is
        # Threads that spin while they wait are a quarter faster alone, and slow two training processes down many times.
        "OMP_WAIT_POLICY": "ACTIVE" if is_alone else "PASSIVE",
        **KEEPING_MEMORY,
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    if not is_hub_id(model):
        environment["HF_HUB_OFFLINE"] = "1"
    return environment


def is_hub_id(model: str) -> bool:
    """Whether a model reference means a repository of the Hugging Face hub rather than what lies on this machine."""
    return model != BUNDLED and HUB_ID.fullmatch(model) is not None and not Path(model).exists()
