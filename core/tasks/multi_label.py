"""Text classification where a text may have any number of labels, none included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

import numpy as np
import pandas as pd

from core.errors import DatasetError
from core.evaluation.multi_label import best_thresholds, sample_f1, score_multi_label
from core.evaluation.paired import Outcomes, RowValues, Summary, of_indicators
from core.tasks.base import NO_DECISION, Decision, Encoded, Headline, Task
from core.tasks.losses import PLAIN, LossOptions, log_odds, positive_weights, sigmoid_loss
from core.tasks.tokenization import encode_texts, examples_of_texts

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase


class MultiLabel(Task):
    """Any number of labels per text: one binary decision per label, binary cross-entropy."""

    name: ClassVar[str] = "multi_label"
    title: ClassVar[str] = "Several labels per text"
    summary: ClassVar[str] = "A text may have several labels, or none, such as all topics of a review."
    target_columns: ClassVar[tuple[str, ...]] = ("labels",)
    head_level: ClassVar[Literal["text", "token"]] = "text"
    exclusive_labels: ClassVar[bool] = False
    problem_type: ClassVar[str] = "multi_label_classification"
    headline: ClassVar[Headline] = Headline(key="macro_f1", title="Macro F1")
    unused_options: ClassVar[frozenset[str]] = frozenset()
    metric_names: ClassVar[tuple[str, ...]] = ("macro_f1", "micro_f1", "weighted_f1", "samples_f1", "exact_match")
    live_metrics: ClassVar[Mapping[str, str]] = {"macro_f1": "Macro F1", "micro_f1": "Micro F1", "exact_match": "Exact match"}

    def label_names(self, examples: pd.DataFrame) -> list[str]:
        return sorted({label for labels in examples["labels"] for label in labels})

    def label_counts(self, examples: pd.DataFrame) -> dict[str, int]:
        counts = Counter(label for labels in examples["labels"] for label in labels)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def row_labels(self, examples: pd.DataFrame) -> list[tuple[str, ...]]:
        return [tuple(sorted(set(labels))) for labels in examples["labels"]]

    def check_trainable(self, examples: pd.DataFrame) -> None:
        labels = self.label_names(examples)
        if not labels:
            raise DatasetError(
                "No row of the training split has a label; training needs at least 1. Choose another label column, or add labels."
            )
        always = [label for label in labels if all(label in row for row in examples["labels"])]
        if len(always) == len(labels):
            raise DatasetError(
                "Every row of the training split has every label, so the model cannot learn to distinguish them. Add rows "
                "with fewer labels."
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
        targets: Sequence[Any] | np.ndarray = _indicators(examples["labels"], list(label2id)) if with_targets else []
        return encode_texts(examples["text"].tolist(), targets, tokenizer, max_length)

    def collate_targets(self, targets: Sequence[Any], padded_length: int) -> torch.Tensor:
        import torch

        del padded_length
        return torch.from_numpy(np.stack(list(targets))).float()

    def count_units(self, targets: torch.Tensor) -> int:
        return targets.numel()

    def starting_bias(self, encoded: Encoded, num_outputs: int) -> np.ndarray:
        del num_outputs
        return log_odds(np.sum(encoded.targets, axis=0), encoded.num_inputs)

    def balanced_weights(self, encoded: Encoded, num_outputs: int, strength: float = 1.0) -> np.ndarray:
        del num_outputs
        return positive_weights(np.sum(encoded.targets, axis=0), encoded.num_inputs, strength)

    def loss(
        self, logits: torch.Tensor, targets: torch.Tensor, options: LossOptions = PLAIN
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return sigmoid_loss(logits, targets, options)

    def decode(
        self,
        examples: pd.DataFrame,
        encoded: Encoded,
        logits: Sequence[np.ndarray],
        outputs: Sequence[str],
        decision: Decision = NO_DECISION,
    ) -> pd.DataFrame:
        del examples, encoded
        scores = np.stack(list(logits)).astype(np.float64) if len(logits) else np.zeros((0, len(outputs)))
        probabilities = 1 / (1 + np.exp(-scores))
        given = probabilities >= _thresholds(outputs, decision)
        predicted = [[label for label, yes in zip(outputs, row, strict=True) if yes] for row in given]
        return pd.DataFrame({"predicted": pd.Series(predicted, dtype=object), "probabilities": list(probabilities)})

    def choose_decision(self, gold: pd.Series, predictions: pd.DataFrame, outputs: Sequence[str]) -> Decision:
        if gold.empty:
            return NO_DECISION
        thresholds = best_thresholds(_indicators(gold, list(outputs)), np.stack(predictions["probabilities"].tolist()))
        return {"thresholds": dict(zip(outputs, thresholds.tolist(), strict=True))}

    def gold(self, examples: pd.DataFrame) -> pd.Series:
        return examples["labels"].map(list)

    def evaluate(
        self,
        gold: pd.Series,
        predictions: pd.DataFrame,
        outputs: Sequence[str],
        loss: float,
        decision: Decision = NO_DECISION,
    ) -> dict[str, Any]:
        names = list(outputs)
        probabilities = np.stack(predictions["probabilities"].tolist()) if len(gold) else np.zeros((0, len(names)))
        predicted = _indicators(predictions["predicted"], names)
        return asdict(
            score_multi_label(_indicators(gold, names), predicted, probabilities, _thresholds(names, decision), names, loss)
        )

    def flat_scores(self, result: Mapping[str, Any]) -> dict[str, float]:
        averages = {f"{name}_f1": result[name]["f1"] for name in ("macro", "micro", "weighted", "samples")}
        return {**averages, "exact_match": result["exact_match"], "hamming_loss": result["hamming_loss"]}

    def outcomes(self, gold: pd.Series, predictions: pd.DataFrame, outputs: Sequence[str], metric: str) -> Outcomes:
        wanted, given = (_indicators(column, outputs) for column in (gold, predictions["predicted"]))
        if metric in {"samples_f1", "exact_match"}:
            values = (wanted == given).all(axis=1) if metric == "exact_match" else sample_f1(wanted, given)
            return RowValues(values=values.astype(np.float32))
        return of_indicators(wanted, given, cast("Summary", metric))

    def label_rows(self, result: Mapping[str, Any]) -> list[dict[str, Any]]:
        return list(result["labels"])

    def predicted_counts(self, predictions: pd.DataFrame) -> dict[str, int]:
        return dict(Counter(label for labels in predictions["predicted"] for label in labels))

    def examples_of_texts(self, texts: Sequence[str]) -> pd.DataFrame:
        return examples_of_texts(texts)

    def present(
        self, examples: pd.DataFrame, predictions: pd.DataFrame, outputs: Sequence[str], decision: Decision = NO_DECISION
    ) -> list[dict[str, Any]]:
        del examples
        thresholds = dict(zip(outputs, _thresholds(outputs, decision).tolist(), strict=True))
        return [
            {
                "labels": list(labels),
                "probabilities": dict(zip(outputs, map(float, probabilities), strict=True)),
                "thresholds": thresholds,
            }
            for labels, probabilities in zip(predictions["predicted"], predictions["probabilities"], strict=True)
        ]


def _indicators(rows: pd.Series, names: Sequence[str]) -> np.ndarray:
    """The labels of each row: bool, ``(num_rows, num_labels)``."""
    ids = {label: i for i, label in enumerate(names)}
    indicators = np.zeros((len(rows), len(names)), dtype=bool)
    for i, labels in enumerate(rows):
        indicators[i, [ids[label] for label in labels]] = True
    return indicators


def _thresholds(outputs: Sequence[str], decision: Decision) -> np.ndarray:
    chosen = decision.get("thresholds", {})
    return np.array([float(chosen.get(label, 0.5)) for label in outputs])
