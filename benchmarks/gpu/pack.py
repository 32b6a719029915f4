"""Files for the GPU machine beside the checkout: the bundled model in half precision, BANKING77, and wheels."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.gpu.bench import PACK

WHEELS = ("accelerate", "peft", "psutil", "filelock", "typer")
"""Packages a worker needs that a machine with torch and transformers may lack; installed only if missing."""

PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux_2_12_x86_64")

MOST_MIB = 50


def make_pack(data: Path) -> str:
    """Write ``.gpu/`` from scratch; returns a message about its content.

    Raises:
        SystemExit: there is no BANKING77 in the folder, or the result is too large.
    """
    if not (data / "banking77" / "train.csv").is_file():
        raise SystemExit(f"{data} has no banking77/train.csv. Give the folder that contains it: benchmarks/gpu.sh pack FOLDER")
    shutil.rmtree(PACK, ignore_errors=True)
    _write_model(PACK / "model")
    (PACK / "banking77").mkdir(parents=True)
    for file in (data / "banking77").glob("*.csv"):
        shutil.copyfile(file, PACK / "banking77" / file.name)
    wheels = PACK / "wheels"
    platforms = [part for name in PLATFORMS for part in ("--platform", name)]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(wheels)]
    subprocess.run([*command, "--python-version", "3.12", "--implementation", "cp", *platforms, *WHEELS], check=True)
    size = sum(path.stat().st_size for path in PACK.rglob("*") if path.is_file()) / 2**20
    if size > MOST_MIB:
        raise SystemExit(f"{PACK.name}/ has {size:.1f} MiB, more than the limit of {MOST_MIB} MiB.")
    return (
        f"{PACK.name}/ is ready: {size:.1f} MiB. Copy it beside the checkout on the GPU machine and run benchmarks/gpu.sh there."
    )


def _write_model(folder: Path) -> None:
    """A copy of the bundled model with float16 weights, which open as float32."""
    from safetensors.torch import load_file, save_file

    from core.models.hub import bundled_folder, verify_bundled

    source = bundled_folder()
    verify_bundled(source)
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.safetensors", "*.py", "__pycache__"))
    weights = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in load_file(source / "model.safetensors").items()
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "dtype": "float16"}), encoding="utf-8")
