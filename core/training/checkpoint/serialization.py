"""Serialization of nested values as tensors and plain values only, so that reading them never runs code.

Tensors are written as safetensors, everything else as JSON. Values are restored exactly: tuples stay tuples, numeric keys stay
numbers, and floats keep every bit.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, load_file, save, save_file

TENSORS, VALUES = "state.safetensors", "state.json"

Tensors = dict[str, torch.Tensor]


def write_state(value: Any, folder: Path) -> None:
    """Write a value as two files of a folder.

    Args:
        value: made of dicts, lists, tuples, tensors, arrays, numbers, text, booleans and ``None``.

    Raises:
        TypeError: a part of it has another type.
    """
    tensors: Tensors = {}
    plain = _taken_apart(value, tensors)
    save_file(tensors, folder / TENSORS)
    (folder / VALUES).write_text(json.dumps(plain, allow_nan=False), encoding="utf-8")


def read_state(folder: Path) -> Any:
    """The value that ``write_state`` wrote, with its tensors in main memory.

    Raises:
        OSError, ValueError, KeyError, TypeError, SafetensorError: the files are missing or were not written by it.
    """
    # Copied, because memory-mapped tensors would hold the file's disk space after the file is deleted.
    tensors = {name: tensor.clone() for name, tensor in load_file(folder / TENSORS).items()}
    return _put_together(json.loads((folder / VALUES).read_text(encoding="utf-8")), tensors)


def to_bytes(value: Any) -> bytes:
    """The value as bytes: the length of the JSON in eight bytes, the JSON, the safetensors."""
    tensors: Tensors = {}
    plain = json.dumps(_taken_apart(value, tensors), allow_nan=False).encode()
    packed: bytes = save(tensors)
    return len(plain).to_bytes(8, "little") + plain + packed


def from_bytes(data: bytes) -> Any:
    """The value that ``to_bytes`` was given."""
    end = 8 + int.from_bytes(data[:8], "little")
    return _put_together(json.loads(data[8:end]), load(data[end:]))


def _taken_apart(value: Any, tensors: Tensors) -> Any:
    """The value as JSON types, with names in place of its tensors, which are added to ``tensors``."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, list):
        return [_taken_apart(part, tensors) for part in value]
    if isinstance(value, tuple):
        return {"tuple": [_taken_apart(part, tensors) for part in value]}
    if isinstance(value, dict):
        return {"dict": [[_taken_apart(key, tensors), _taken_apart(part, tensors)] for key, part in value.items()]}
    if isinstance(value, np.ndarray):
        return {"array": _taken_apart(torch.from_numpy(np.ascontiguousarray(value)), tensors)["tensor"]}
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        # A copy, because safetensors refuses tensors that share their memory.
        tensors[name] = value.detach().to("cpu", copy=True).contiguous()
        return {"tensor": name}
    raise TypeError(f"a {type(value).__name__} is neither a tensor nor a plain value")


def _put_together(plain: Any, tensors: Tensors) -> Any:
    if isinstance(plain, list):
        return [_put_together(part, tensors) for part in plain]
    if not isinstance(plain, dict):
        return plain
    ((kind, content),) = plain.items()
    if kind == "dict":
        return {_put_together(key, tensors): _put_together(part, tensors) for key, part in content}
    if kind == "tuple":
        return tuple(_put_together(part, tensors) for part in content)
    if kind == "float":
        return float(content)
    if kind == "tensor":
        return tensors[content]
    if kind == "array":
        return tensors[content].numpy()
    raise ValueError(f"{kind!r} is not a kind of value")
