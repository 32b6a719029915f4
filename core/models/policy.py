"""Which model references this server allows: local folders below certain roots, and hub ids that match certain patterns."""

import fnmatch
from collections.abc import Sequence
from pathlib import Path

from core.errors import ModelError
from core.models.hub import BUNDLED


def check_allowed(reference: str, *, roots: Sequence[Path], hub_models: Sequence[str], is_shared: bool) -> None:
    """Refuse a model reference that the rules do not allow; does not check whether the model exists.

    Args:
        reference: ``bundled``, a folder's path, or a hub id.
        roots: folders that local models must lie in; empty for anywhere, or nowhere on a shared server.
        hub_models: patterns of hub ids, such as ``google-bert/*``; empty for any.
        is_shared: whether users sign in, so that files of this machine may belong to somebody else.

    Raises:
        ModelError: it is not allowed.
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
                f"The model folder {reference[:120]!r} is not allowed. On this server, local models may be loaded from {where} "
                "(TUNEBOARD_MODEL_ROOTS). Choose another model, or ask the administrator of this server."
            )
        return
    if hub_models and not any(fnmatch.fnmatchcase(reference, pattern) for pattern in hub_models):
        raise ModelError(
            f"The hub model {reference[:120]!r} is not allowed. On this server, models that match {', '.join(hub_models)} may be "
            "downloaded (TUNEBOARD_HUB_MODELS). Choose another model, or ask the administrator of this server."
        )


def _looks_local(reference: str) -> bool:
    """Whether a reference is treated as a folder: it is one, or cannot be a hub id."""
    if reference.startswith(("/", "~", ".", "\\")) or reference.count("/") > 1:
        return True
    try:
        return Path(reference).expanduser().is_dir()
    except (OSError, ValueError, RuntimeError):
        return True
