"""Shared by all parts: models, data sets, and runs as the product starts them."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

PACK = ROOT / ".gpu"
"""Output of ``pack``, copied to the GPU machine beside the checkout."""

BETWEEN_LOOKS_S = 0.05


class CheckError(AssertionError):
    """A check of the benchmark failed."""


def check(holds: bool, sentence: str) -> None:
    """Fail the part with a message unless ``holds``."""
    if not holds:
        raise CheckError(sentence)


def notes_file(answer: Path) -> Path:
    """File of the intermediate results of a part."""
    return answer.with_suffix(".notes.json")


@dataclass
class Bench:
    """The working folder of a part, and whether it is a rehearsal.

    Attributes:
        work: folder that all parts of a measurement share.
        is_rehearsal: whether it runs on the CPU, with a tiny model and few rows.
        notes_file: where ``note`` writes, so that results are kept if a part exceeds its time limit.
    """

    work: Path
    is_rehearsal: bool = False
    notes_file: Path | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    def note(self, name: str, value: Any) -> None:
        """Save a result at once, so that it is kept even if the part fails later."""
        self.notes[name] = value
        if self.notes_file is not None:
            self.notes_file.write_text(json.dumps(self.notes), encoding="utf-8")

    @property
    def device(self) -> str:
        """The measured device."""
        return "cpu" if self.is_rehearsal else "cuda"

    def size(self, on_gpu: int, in_rehearsal: int) -> int:
        """A number of rows, steps or tokens."""
        return in_rehearsal if self.is_rehearsal else on_gpu

    def values(self, **values: Any) -> dict[str, Any]:
        """Settings of a run on the measured device; a rehearsal trains for one epoch."""
        return {"device": self.device, **({"epochs": 1} if self.is_rehearsal else {}), **values}

    # --- models ------------------------------------------------------------------------------------------------------------

    def model(self, name: str) -> str:
        """Reference of the ``bundled`` model or of a BERT of the usual ``base`` size with random weights."""
        folder = self.work / "models" / name
        if name == "bundled" and not self.is_rehearsal:
            return str(PACK / "model") if (PACK / "model").is_dir() else "bundled"
        if not (folder / "model.safetensors").is_file():
            sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
            self._write_random_bert(folder, sizes if self.is_rehearsal else {})
        return str(folder)

    def _write_random_bert(self, folder: Path, sizes: Mapping[str, int]) -> None:
        from transformers import BertConfig, BertModel

        from core.models.build import load_tokenizer
        from core.models.hub import describe

        source = describe("bundled" if self.is_rehearsal else self.model("bundled"), folder)
        assert source.folder is not None
        tokenizer = load_tokenizer(source.folder)
        tokenizer.save_pretrained(folder)
        (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
        (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_mean_tokens": True}), encoding="utf-8")
        BertModel(BertConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(folder)

    # --- data --------------------------------------------------------------------------------------------------------------

    def dataset(self, name: str) -> Any:
        """One of the sample data sets, imported as the product imports it."""
        from core.datasets.dataset import open_dataset
        from core.datasets.importing.prepare import guess_plan, prepare, write
        from core.datasets.readers.read_table import read_table

        folder = self.work / "datasets" / name
        if not (folder / "dataset.json").is_file():
            file = next((ROOT / "data").glob(f"{name}.*"))
            table = read_table(file)
            write(prepare({"main": table}, guess_plan(table)), folder)
        return open_dataset(folder)

    def texts(self, length: int, num_rows: int) -> tuple[list[str], list[int]]:
        """Texts of about ``length`` tokens with their labels: texts of BANKING77, joined until they are long enough."""
        file = PACK / "banking77" / "train.csv"
        if self.is_rehearsal or not file.is_file():
            file = ROOT / "data" / "support_tickets.csv"
        with file.open(encoding="utf-8", newline="") as lines:
            records = [list(record.values()) for record in csv.DictReader(lines)]
        ids = {label: i for i, label in enumerate(sorted({record[-1] for record in records}))}
        draw = random.Random(0)
        texts, labels = [], []
        for i in range(num_rows):
            text, label = str(records[i % len(records)][0]), records[i % len(records)][-1]
            while len(text.split()) < length * 0.75:  # about three words are four tokens
                text += " " + str(draw.choice(records)[0])
            texts.append(text)
            labels.append(ids[label])
        return texts, labels

    # --- runs --------------------------------------------------------------------------------------------------------------

    def config(self, dataset: Any, *, model: str = "bundled", recipe: str = "automatic", **values: Any) -> Any:
        """A complete config, as created by the form."""
        from core.training.planning.run_plan import new_run_config

        hub = self.work / "hub"
        config, _ = new_run_config(dataset, hub_folder=hub, model=self.model(model), recipe=recipe, values=self.values(**values))
        return config

    def run(self, name: str, dataset: Any, **values: Any) -> WorkerRun:
        """A run directory with its config; the run is not started."""
        from core.runs.directory.run_dir import RunDir

        run_dir = RunDir(self.work / "runs" / name)
        config = self.config(dataset, **values)
        if not run_dir.config_file.is_file():
            run_dir.create(config)
        return WorkerRun(run_dir, dataset.folder, config.model.model, self.work)


@dataclass
class WorkerRun:
    """A run whose worker is a process of its own, as the product starts it."""

    run_dir: Any
    dataset_folder: Path
    model: str
    home: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start a worker, which resumes from the last checkpoint if there is one."""
        from core.config.settings import Settings
        from core.runs.scheduler.worker_env import worker_environment

        own = {name: value for name, value in os.environ.items() if name == "TUNEBOARD_THREADS"}
        settings = Settings.from_environment({"TUNEBOARD_HOME": str(self.home), **own})
        environment = worker_environment(settings, self.model, is_alone=False)
        command = [
            sys.executable,
            "-m",
            "core.runs.worker",
            str(self.run_dir.folder),
            "--dataset",
            str(self.dataset_folder),
        ]
        with (self.run_dir.folder / "worker.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)

    def wait_for(self, what: str, holds: Callable[[], bool], limit_s: float = 90.0) -> None:
        """Wait for a condition; fails if the worker ends first."""
        assert self.process is not None
        deadline = time.monotonic() + limit_s
        while not holds():
            ended = self.process.poll() is not None and not holds()
            check(not ended, f"The worker ended ({self.process.returncode}) before {what}: {self.last_words()}")
            check(time.monotonic() < deadline, f"Waited {limit_s:.0f} s in vain for {what}.")
            time.sleep(BETWEEN_LOOKS_S)  # polling interval

    def send(self, which: signal.Signals, limit_s: float = 60.0) -> int:
        """Send the worker a signal, wait for its end and return its exit code."""
        assert self.process is not None
        os.kill(self.process.pid, which)
        return self.process.wait(limit_s)

    def finish(self, limit_s: float = 150.0) -> dict[str, Any]:
        """Wait for a run that should succeed, and return the content of ``result.json``."""
        assert self.process is not None
        code = self.process.wait(limit_s)
        result = self.run_dir.result()
        check(code == 0 and result is not None, f"The worker ended with {code}: {self.last_words()}")
        assert result is not None
        return dict(result)

    def last_words(self) -> str:
        """The run's error message, or the end of its log."""
        error = self.run_dir.error() or {}
        return f"{error.get('message', '')} {error.get('details', '')}"[-3000:] or "\n".join(self.run_dir.log_tail(40))[-3000:]

    def num_lines(self) -> int:
        """Number of lines of training metrics so far."""
        return sum("train/loss" in line for line in self.run_dir.metrics())

    def facts(self) -> dict[str, Any]:
        """Its device, memory and duration, from its events and metrics."""
        events, lines = self.run_dir.events(), self.run_dir.metrics()
        plan: dict[str, Any] = next((event for event in reversed(events) if event["kind"] == "plan"), {})
        return {
            **{name: plan.get(name) for name in ("device", "device_title", "precision", "batch_size", "total_steps")},
            "examples_per_s": max((line.get("train/examples_per_s", 0.0) for line in lines), default=0.0),
            "memory_mib": max((line.get("system/memory_mib", 0.0) for line in lines), default=0.0),
            "gpu_memory_mib": max((line.get("system/gpu_memory_mib", 0.0) for line in lines), default=0.0),
            "gpu_utilization": max((line.get("system/device_use", 0.0) for line in lines), default=0.0),
            "warnings": [event["message"] for event in events if event["kind"] == "warning"],
        }


class ListRecorder:
    """Keeps the metrics and events of a run in this process, and requests a stop after a number of steps."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.lines: list[dict[str, float]] = []
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self.stop_after = stop_after
        self.asked = 0

    def metrics(self, values: Mapping[str, float]) -> None:
        """Keep a line."""
        self.lines.append(dict(values))

    def event(self, kind: str, message: str, **facts: Any) -> None:
        """Keep an event."""
        self.events.append((kind, message, facts))

    def stop_requested(self) -> bool:
        """Whether the requested number of steps is done."""
        self.asked += 1
        return self.stop_after is not None and self.asked > self.stop_after

    def said(self, kind: str) -> list[str]:
        """Messages of one kind."""
        return [message for what, message, _ in self.events if what == kind]

    def plan(self) -> dict[str, Any]:
        """The facts of the run's plan event."""
        return next(facts for kind, _, facts in self.events if kind == "plan")
