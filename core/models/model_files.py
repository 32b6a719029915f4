"""Safe reading of untrusted model folders: never from a pipe, never without a size limit, never with a traceback."""

from __future__ import annotations

import errno
import json
import math
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MOST_JSON_BYTES = 16 * 1024**2
"""Largest JSON file, such as ``config.json``, which has some kilobytes."""

MOST_HEADER_BYTES = 100_000_000
"""Largest header of a safetensors file, as its format defines."""

LARGEST_SIZE = 2**62

_MOST_DIMENSIONS = 64
"""Most dimensions of a tensor; no library supports more, and the product of very many would take too long."""

_NO_MEMORY = ("out of memory", "not enough memory", "allocate memory")
"""Parts of the messages with which torch and the system report that memory ran out; these errors have no type of their own."""


def check_regular_files(folder: Path, title: str) -> None:
    """Refuse a folder that contains something on which a read could block forever: a pipe, a socket, a device.

    Args:
        folder: of a model; its folder ``1_Pooling`` is checked as well.
        title: display name of the model.

    Raises:
        ModelError: it contains one, or cannot be read.
    """
    try:
        for place in (folder, folder / "1_Pooling"):
            for path in place.iterdir() if place.is_dir() else ():
                if not path.exists():
                    continue  # a broken link counts as no file
                mode = path.stat().st_mode
                if not os.access(path, os.R_OK):
                    raise PermissionError(errno.EACCES, f"{path.name[:80]!r} cannot be read by this user")
                if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                    raise ModelError(
                        f"The folder of model {title!r} contains {path.name[:80]!r}, which is not a regular file but a pipe, a "
                        "socket or a device. Remove it, or choose another folder."
                    )
    except OSError as error:
        raise ModelError(
            f"The folder of model {title!r} cannot be read: {error.strerror or 'its disk does not respond'}. Give this user "
            "permission to read it, or choose another folder."
        ) from None


def read_json(path: Path) -> dict[str, Any] | None:
    """The mapping in a JSON file; ``None`` if there is no such file or it contains something else."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_JSON_BYTES:
            return None
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def count_numbers(weights: Path) -> int:
    """Number of parameters in a safetensors file, from its header.

    Source: the safetensors format: 8 bytes of header length, little-endian, then a JSON header with the shape of every tensor.

    Raises:
        ModelError: it is not a complete safetensors file.
    """
    try:
        return _count(weights)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        raise ModelError(
            f"The weights file {weights.name[:80]!r} is not a complete safetensors file. Copy or download the model again."
        ) from None


def fast_tokenizer(folder: Path) -> Tokenizer | None:
    """The tokenizer of a model's ``tokenizer.json``, without truncation and padding; ``None`` if there is no such file.

    Raises:
        ModelError: the file is damaged.
    """
    from tokenizers import Tokenizer

    file = folder / "tokenizer.json"
    if not file.is_file():
        return None
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception:  # noqa: BLE001 - the library raises a bare Exception for a file it cannot read
        raise ModelError(
            f"The tokenizer in model folder {folder.name[:80]!r} cannot be read: tokenizer.json is damaged. Copy or download the "
            "model again."
        ) from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out while a file was opened."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(words in said for words in _NO_MEMORY)


def _count(weights: Path) -> int:
    status = weights.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a file")
    with weights.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > min(MOST_HEADER_BYTES, status.st_size - 8):
            raise ValueError("the header is longer than the file")
        header = json.loads(file.read(size))
    shapes = [tensor["shape"] for name, tensor in header.items() if name != "__metadata__"]
    if any(not _is_size(dimension) for shape in shapes for dimension in shape):
        raise ValueError("not a shape")
    if any(len(shape) > _MOST_DIMENSIONS for shape in shapes):
        raise ValueError("not a shape")
    count: int = sum(math.prod(shape) for shape in shapes)
    if count >= LARGEST_SIZE:
        raise ValueError("more numbers than any file holds")
    return count


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST_SIZE
