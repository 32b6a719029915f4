"""The environment variables of a worker."""

import os
from collections.abc import Mapping
from pathlib import Path

from core.config.settings import Settings
from core.files.text_patterns import HUB_ID
from core.models.hub import BUNDLED

KEEPING_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(2**32)}
"""Lets the C library keep the memory of one step for the next one, rather than get it from the system again, page by page."""


SECRETS = ("TUNEBOARD_DATABASE_URL", "TUNEBOARD_PROXY_SECRET")
"""Variables that hold, or may hold, secrets of the server."""


def worker_environment(
    settings: Settings, model: str, environ: Mapping[str, str] | None = None, *, is_alone: bool = True
) -> dict[str, str]:
    """Environment variables of a worker: those of this process, without secrets, and the worker's own.

    Args:
        settings: where the workspace is and how many threads a worker may use.
        model: the run's model reference; only with a hub id may the worker use the network.
        environ: this process's environment.
        is_alone: whether no other process trains at the same time, so that its threads may spin.
    """
    environment = dict(os.environ if environ is None else environ)
    # The worker writes only its run directory: it needs no access to the database, and no secret of the server.
    for secret in SECRETS:
        environment.pop(secret, None)
    environment |= {
        "TUNEBOARD_HOME": str(settings.home),
        "TUNEBOARD_THREADS": str(settings.threads),
        "TUNEBOARD_MAX_MEMORY": f"{settings.max_memory_mib}MiB" if settings.max_memory_mib else "",
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",  # the log can hold text in any script, whatever the system's encoding is
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
    """Whether a model reference means a repository of the Hugging Face hub rather than a model on this machine."""
    return model != BUNDLED and HUB_ID.fullmatch(model) is not None and not Path(model).exists()
