"""Text classification where every text has exactly one label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

import numpy as np
import pandas as pd

from core.errors import DatasetError
from core.evaluation.classification import score_classification
from core.evaluation.paired import Outcomes, RowValues, Summary, of_labels
from core.tasks.base import NO_DECISION, Decision, Encoded, Headline, Task
from core.tasks.label_matrix import LabelMatrix
from core.tasks.losses import PLAIN, LossOptions, exclusive_weights, log_frequencies, softmax_loss
from core.tasks.tokenization import encode_texts, examples_of_texts

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase


class SingleLabel(Task):
    """One label per text: softmax over all labels, cross-entropy."""

    name: ClassVar[str] = "single_label"
    title: ClassVar[str] = "One label per text"
    summary: ClassVar[str] = "Every text gets exactly one label, such as the topic of a ticket or the sentiment of a headline."
    target_columns: ClassVar[tuple[str, ...]] = ("label",)
    head_level: ClassVar[Literal["text", "token"]] = "text"
    exclusive_labels: ClassVar[bool] = True
    problem_type: ClassVar[str] = "single_label_classification"
    headline: ClassVar[Headline] = Headline(key="macro_f1", title="Macro F1")
    unused_options: ClassVar[frozenset[str]] = frozenset({"thresholds"})
    metric_names: ClassVar[tuple[str, ...]] = ("macro_f1", "accuracy", "micro_f1", "weighted_f1")
    live_metrics: ClassVar[Mapping[str, str]] = {"macro_f1": "Macro F1", "accuracy": "Accuracy"}

    def label_names(self, examples: pd.DataFrame) -> list[str]:
        return sorted(examples["label"].unique())

    def label_counts(self, examples: pd.DataFrame) -> dict[str, int]:
        counts = examples["label"].value_counts()
        return {str(label): int(counts[label]) for label in sorted(counts.index, key=lambda label: (-counts[label], label))}

    def row_labels(self, examples: pd.DataFrame) -> list[tuple[str, ...]]:
        return [(label,) for label in examples["label"]]

    def strata(self, examples: pd.DataFrame) -> LabelMatrix:
        names = self.label_names(examples)
        labels = pd.Index(names).get_indexer(pd.Index(examples["label"]))
        return LabelMatrix(rows=np.arange(len(examples)), labels=labels, num_rows=len(examples), num_labels=len(names))

    def check_trainable(self, examples: pd.DataFrame) -> None:
        labels = self.label_names(examples)
        if len(labels) < 2:
            found = f"only one label, {labels[0]!r}" if labels else "no labels"
            raise DatasetError(
                f"The training split has {found}; training needs at least 2 different labels. "
                "Choose another label column, or add examples."
            )

    def output_labels(self, labels: Sequence[str]) -> list[str]:
        return list(labels)

    def encode(
        self,
        examples: pd.DataFrame,
        tokenizer: PreTrainedTokenizerBase,
        label2id: Mapping[str, int],
        max_length: int,
        *,
        with_targets: bool = True,
    ) -> Encoded:
        targets = np.array([label2id[label] for label in examples["label"]] if with_targets else [], dtype=np.int32)
        return encode_texts(examples["text"].tolist(), targets, tokenizer, max_length)

    def collate_targets(self, targets: Sequence[Any], padded_length: int) -> torch.Tensor:
        import torch

        del padded_length
        return torch.from_numpy(np.asarray(targets, dtype=np.int64))

    def count_units(self, targets: torch.Tensor) -> int:
        return len(targets)

    def starting_bias(self, encoded: Encoded, num_outputs: int) -> np.ndarray:
        return log_frequencies(np.bincount(encoded.targets, minlength=num_outputs))

    def balanced_weights(self, encoded: Encoded, num_outputs: int, strength: float = 1.0) -> np.ndarray:
        return exclusive_weights(np.bincount(encoded.targets, minlength=num_outputs), strength)

    def loss(
        self, logits: torch.Tensor, targets: torch.Tensor, options: LossOptions = PLAIN
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return softmax_loss(logits, targets, options)

    def decode(
        self,
        examples: pd.DataFrame,
        encoded: Encoded,
        logits: Sequence[np.ndarray],
        outputs: Sequence[str],
        decision: Decision = NO_DECISION,
    ) -> pd.DataFrame:
        del examples, encoded, decision
        scores = np.stack(list(logits)).astype(np.float64) if len(logits) else np.zeros((0, len(outputs)))
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        probabilities = scores / scores.sum(axis=1, keepdims=True)
        predicted = [outputs[i] for i in probabilities.argmax(axis=1)]
        return pd.DataFrame({"predicted": pd.Series(predicted, dtype=object), "probabilities": list(probabilities)})

    def gold(self, examples: pd.DataFrame) -> pd.Series:
        return examples["label"]

    def evaluate(
        self,
        gold: pd.Series,
        predictions: pd.DataFrame,
        outputs: Sequence[str],
        loss: float,
        decision: Decision = NO_DECISION,
    ) -> dict[str, Any]:
        del decision
        gold_ids, predicted_ids = (_ids(column, outputs) for column in (gold, predictions["predicted"]))
        return asdict(score_classification(gold_ids, predicted_ids, list(outputs), loss))

    def flat_scores(self, result: Mapping[str, Any]) -> dict[str, float]:
        averages = {f"{name}_f1": result[name]["f1"] for name in ("macro", "micro", "weighted")}
        return {"accuracy": result["accuracy"], **averages}

    def outcomes(self, gold: pd.Series, predictions: pd.DataFrame, outputs: Sequence[str], metric: str) -> Outcomes:
        gold_ids, predicted_ids = (_ids(column, outputs) for column in (gold, predictions["predicted"]))
        if metric in {"macro_f1", "weighted_f1"}:
            return of_labels(gold_ids, predicted_ids, cast("Summary", metric))
        return RowValues(values=(gold_ids == predicted_ids).astype(np.float32))  # with one label each, micro F1 is accuracy

    def label_rows(self, result: Mapping[str, Any]) -> list[dict[str, Any]]:
        return list(result["labels"])

    def predicted_counts(self, predictions: pd.DataFrame) -> dict[str, int]:
        return dict(Counter(predictions["predicted"]))

    def examples_of_texts(self, texts: Sequence[str]) -> pd.DataFrame:
        return examples_of_texts(texts)

    def present(
        self, examples: pd.DataFrame, predictions: pd.DataFrame, outputs: Sequence[str], decision: Decision = NO_DECISION
    ) -> list[dict[str, Any]]:
        del examples, decision
        return [
            {
                "label": label,
                "probability": float(max(probabilities)),
                "probabilities": dict(zip(outputs, map(float, probabilities), strict=True)),
            }
            for label, probabilities in zip(predictions["predicted"], predictions["probabilities"], strict=True)
        ]


def _ids(column: pd.Series, outputs: Sequence[str]) -> np.ndarray:
    """Position of each label among the outputs."""
    ids = {label: i for i, label in enumerate(outputs)}
    return np.array([ids[label] for label in column], dtype=int)
