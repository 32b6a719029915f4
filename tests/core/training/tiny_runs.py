"""Short runs on the CPU: their configs, their paths and their recorder."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.config.run_config import ComputeConfig, DataConfig, HeadConfig, ModelConfig, OptimizerConfig, RunConfig, TrainingConfig
from core.datasets.dataset import Dataset
from core.training.checkpoint.serialization import read_state, write_state
from core.training.fine_tune import Places
from tests.tiny import tiny_dataset, tiny_entities_dataset, tiny_multi_label_dataset

EXAMPLES = {
    "single_label": tiny_dataset,
    "multi_label": tiny_multi_label_dataset,
    "token_classification": tiny_entities_dataset,
}
"""Task -> examples a tiny model can learn from."""


class ListRecorder:
    """Keeps all metrics and events, and requests a stop after a number of steps."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.lines: list[dict[str, float]] = []
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self.asked = 0
        self.stop_after = stop_after

    def metrics(self, values: Mapping[str, float]) -> None:
        self.lines.append(dict(values))

    def event(self, kind: str, message: str, **facts: Any) -> None:
        self.events.append((kind, message, facts))

    def stop_requested(self) -> bool:
        self.asked += 1
        return self.stop_after is not None and self.asked > self.stop_after

    def values(self, key: str) -> list[float]:
        return [line[key] for line in self.lines if key in line]


def places_in(folder: Path) -> Places:
    folder.mkdir(exist_ok=True)
    return Places(
        checkpoints=folder / "checkpoints",
        model=folder / "model",
        predictions=folder / "predictions.parquet",
        hub_models=folder / "hub",
    )


def config_for(dataset: Dataset, model: Path, **training: Any) -> RunConfig:
    return RunConfig(
        data=DataConfig(dataset=dataset.id, dataset_hash=dataset.content_hash, task=dataset.task),
        model=ModelConfig(model=str(model)),
        head=HeadConfig(dropout=0.0),
        optimizer=OptimizerConfig(learning_rate=5e-3, head_learning_rate=2e-2),
        training=TrainingConfig(**{"epochs": 4, "batch_size": 8, **training}),
        compute=ComputeConfig(precision="float32", device="cpu"),
    )


def as_written_before(checkpoints: Path) -> None:
    """Convert the checkpoints of a folder to format version 3, without loss scale and outcomes."""
    for folder in sorted(checkpoints.glob("step-*")):
        state = read_state(folder)
        for name in ("scaler", "outcomes"):
            state.pop(name, None)
        write_state(state, folder)
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        manifest["layout"] = 3
        manifest["progress"].pop("highest", None)
        for kept in manifest["progress"]["kept"]:
            kept.pop("reached_epoch", None)
        for name in manifest["files"]:
            manifest["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
