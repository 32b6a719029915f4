"""Predictions of a trained model for new texts."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from core.models.build import open_classifier
from core.models.heads import Classifier
from core.models.model_card import ModelCard
from core.tasks import Task, get_task
from core.training.steps.predict import run_model

BATCH_SIZE = 32


class Predictor:
    """A loaded trained model; thread-safe."""

    def __init__(self, classifier: Classifier, tokenizer: Any, card: ModelCard, device: torch.device) -> None:
        self._classifier = classifier.to(device)
        # A fast tokenizer stores its truncation and padding as state that every call changes. Two calls at once would truncate
        # each other's texts or leave them untruncated, so one thread at a time uses it. The model has no such state.
        self._tokenizer = tokenizer
        self._tokenizing = threading.Lock()
        self._card = card
        self._device = device
        self.task: Task = get_task(card.task)

    @classmethod
    def load(cls, folder: Path, device: str | None = None) -> Predictor:
        """Open the ``model/`` folder of a finished run.

        Args:
            folder: what ``save_classifier`` wrote.
            device: ``cpu``, ``cuda`` or ``mps``; by default a CUDA GPU if there is one, else the CPU.

        Raises:
            ModelError: it is not a model trained by Tuneboard, or is damaged.
        """
        classifier, tokenizer, card = open_classifier(folder)
        return cls(classifier, tokenizer, card, torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu")))

    @property
    def labels(self) -> list[str]:
        """Names of the model's outputs, in order."""
        return list(self._card.outputs)

    @property
    def max_length(self) -> int:
        """Longest input in tokens."""
        return self._card.max_length

    def predict(self, texts: Sequence[str], on_progress: Callable[[float], None] | None = None) -> list[dict[str, Any]]:
        """One JSON-serializable object for each text, in the task's own format (see ``Task.present``).

        Args:
            texts: any strings, empty ones included.
            on_progress: called with the share done, from 0 to 1.
        """
        examples = self.task.examples_of_texts(texts)
        with self._tokenizing:
            encoded = self.task.encode(examples, self._tokenizer, {}, self._card.max_length, with_targets=False)
            cut = self._is_cut(texts) if encoded.num_cut else None
        ran = run_model(
            self._classifier,
            encoded,
            self.task,
            pad_token_id=self._tokenizer.pad_token_id,
            batch_size=BATCH_SIZE,
            device=self._device,
            on_batch=None if on_progress is None else lambda done: on_progress(done / max(1, encoded.num_inputs)),
        )
        assert math.isnan(ran.loss)
        predictions = self.task.decode(examples, encoded, ran.logits, self._card.outputs, self._card.decision)
        results = self.task.present(examples, predictions, self._card.outputs, self._card.decision)
        if cut is not None:
            for result, row in zip(results, cut, strict=True):
                result["cut"] = row
        return results

    def _is_cut(self, texts: Sequence[str]) -> list[bool]:
        """Which texts are longer than the maximum input length."""
        lengths = [len(ids) for ids in self._tokenizer(list(texts), verbose=False)["input_ids"]]
        return [length > self._card.max_length for length in lengths]
