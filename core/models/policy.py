"""Which model references this server takes: folders below certain roots, hub ids of certain patterns."""

import fnmatch
from collections.abc import Sequence
from pathlib import Path

from core.errors import ModelError
from core.models.hub import BUNDLED


def check_allowed(reference: str, *, roots: Sequence[Path], hub_models: Sequence[str], is_shared: bool) -> None:
    """Refuse a model reference that the rules leave out; says nothing of whether it leads anywhere.

    Args:
        reference: ``bundled``, a folder's path, or a hub id.
        roots: folders below which local models may lie; empty for anywhere, or nowhere on a shared server.
        hub_models: patterns of hub ids, such as ``google-bert/*``; empty for any.
        is_shared: whether people sign in, so that whoever asks may not be whose files lie on this machine.

    Raises:
        ModelError: it is left out.
    """
    reference = reference.strip()
    if reference == BUNDLED:
        return
    if _looks_local(reference):
        if not roots and not is_shared:
            return
        try:
            folder = Path(reference).expanduser().resolve()
            is_below = any(folder.is_relative_to(root.resolve()) for root in roots)
        except (OSError, ValueError, RuntimeError):
            is_below = False
        if not is_below:
            where = ", ".join(str(root) for root in roots) or "no folder"
            raise ModelError(
                f"Models from folders are taken from {where} here (TUNEBOARD_MODEL_ROOTS), and {reference[:120]!r} is elsewhere. "
                "Choose another model, or ask whoever runs this server."
            )
        return
    if hub_models and not any(fnmatch.fnmatchcase(reference, pattern) for pattern in hub_models):
        raise ModelError(
            f"Of the models on the hub, {', '.join(hub_models)} may be downloaded here (TUNEBOARD_HUB_MODELS), "
            f"and {reference[:120]!r} is none of them. Choose another model, or ask whoever runs this server."
        )


def _looks_local(reference: str) -> bool:
    """Whether it would be taken for a folder: it is one, or cannot be a hub id."""
    if reference.startswith(("/", "~", ".", "\\")) or reference.count("/") > 1:
        return True
    try:
        return Path(reference).expanduser().is_dir()
    except (OSError, ValueError, RuntimeError):
        return True
