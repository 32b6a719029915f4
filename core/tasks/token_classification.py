"""Token classification: named entities, one IOB2 tag per word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd

from core.errors import DatasetError
from core.evaluation.entities import EntitySpan, score_entities, spans_of
from core.evaluation.paired import Outcomes, Summary, of_entities, of_words
from core.tasks.base import NO_DECISION, Decision, Encoded, Headline, Task
from core.tasks.losses import IGNORED, PLAIN, LossOptions, exclusive_weights, log_frequencies, softmax_loss
from core.tasks.ragged import RaggedBuilder, RaggedRows
from core.tasks.tokenization import IDS_ALONE, in_parts, words
from core.tasks.windows import SpecialTokens, num_windows, owner, window_shape, windows

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

OUTSIDE_SHIFTS = np.round(np.arange(-3.0, 1.01, 0.25), 2)
"""Candidate shifts of the logit of ``O``, tuned on validation."""


_SUMMARIES: dict[str, Summary] = {
    "entity_f1": "micro_f1",
    "entity_macro_f1": "macro_f1",
    "entity_precision": "precision",
    "entity_recall": "recall",
}
"""How each score is computed from the entity counts."""


class TokenClassification(Task):
    """One tag per word, trained and predicted at the word's first token."""

    name: ClassVar[str] = "token_classification"
    title: ClassVar[str] = "Named entities"
    summary: ClassVar[str] = "Finds and classifies spans of a text, such as people, companies, places and products."
    target_columns: ClassVar[tuple[str, ...]] = ("starts", "ends", "tags")
    head_level: ClassVar[Literal["text", "token"]] = "token"
    reads_windows: ClassVar[bool] = True
    exclusive_labels: ClassVar[bool] = False
    problem_type: ClassVar[str] = "token_classification"
    headline: ClassVar[Headline] = Headline(key="entity_f1", title="Entity F1")
    unused_options: ClassVar[frozenset[str]] = frozenset(
        {"thresholds", "pooling", "head", "hidden_sizes", "activation", "word_evidence", "calibration"}
    )
    metric_names: ClassVar[tuple[str, ...]] = (
        "entity_f1",
        "entity_macro_f1",
        "entity_precision",
        "entity_recall",
        "token_accuracy",
    )
    live_metrics: ClassVar[Mapping[str, str]] = {
        "entity_f1": "Entity F1",
        "entity_precision": "Entity precision",
        "entity_recall": "Entity recall",
    }

    def label_names(self, examples: pd.DataFrame) -> list[str]:
        return sorted({tag[2:] for tags in examples["tags"] for tag in tags if tag != "O"})

    def label_counts(self, examples: pd.DataFrame) -> dict[str, int]:
        counts = Counter(tag[2:] for tags in examples["tags"] for tag in tags if tag.startswith("B-"))
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def row_labels(self, examples: pd.DataFrame) -> list[tuple[str, ...]]:
        return [tuple(sorted({tag[2:] for tag in tags if tag != "O"})) for tags in examples["tags"]]

    def check_trainable(self, examples: pd.DataFrame) -> None:
        if not self.label_names(examples):
            raise DatasetError(
                "The training split has no entity, only words tagged O; training needs at least 1. "
                "Choose another tag column, or add entities."
            )

    def output_labels(self, labels: Sequence[str]) -> list[str]:
        return ["O", *(f"{prefix}-{label}" for label in labels for prefix in "BI")]

    def encode(
        self,
        examples: pd.DataFrame,
        tokenizer: PreTrainedTokenizerBase,
        label2id: Mapping[str, int],
        max_length: int,
        *,
        with_targets: bool = True,
    ) -> Encoded:
        """Overlapping windows of at most ``max_length`` tokens; ``alignment`` lists each one's (token position, word) pairs."""
        special = SpecialTokens.of(tokenizer)
        size, overlap = window_shape(max_length, special.count)
        inputs, targets, alignment = RaggedBuilder(), RaggedBuilder(), RaggedBuilder(width=2)
        example_of_input: list[int] = []
        tokenized = (
            zip(batch["input_ids"], batch["offset_mapping"], strict=True)
            for some in in_parts(examples["text"].tolist())
            for batch in (tokenizer(some, add_special_tokens=False, return_offsets_mapping=True, **IDS_ALONE),)
        )
        for i, (ids, offsets) in enumerate(chain.from_iterable(tokenized)):
            first_token = first_tokens(offsets, examples["starts"].iloc[i], examples["ends"].iloc[i])
            parts = windows(len(ids), size, overlap)
            placed: list[list[tuple[int, int]]] = [[] for _ in parts]
            for word, position in first_token.items():
                place = owner(position, parts)
                placed[place].append((position - parts[place].start + len(special.prefix), word))
            tags = examples["tags"].iloc[i] if with_targets else ()
            for part, pairs in zip(parts, placed, strict=True):
                input_ids = [*special.prefix, *ids[part.start : part.end], *special.suffix]
                inputs.append(input_ids)
                alignment.append(pairs)
                example_of_input.append(i)
                if with_targets:
                    wanted = [IGNORED] * len(input_ids)
                    for position, word in pairs:
                        wanted[position] = label2id[tags[word]]
                    targets.append(wanted)
        return Encoded(
            input_ids=inputs.built(),
            targets=targets.built(),
            example=np.array(example_of_input, dtype=int),
            num_examples=len(examples),
            alignment=alignment.built(),
        )

    def num_inputs(self, num_tokens: int, max_length: int, num_special: int) -> int:
        return num_windows(num_tokens, *window_shape(max_length, num_special))

    def collate_targets(self, targets: Sequence[Any], padded_length: int) -> torch.Tensor:
        import torch

        table = np.full((len(targets), padded_length), IGNORED, dtype=np.int64)
        for line, row in zip(table, targets, strict=True):
            line[: len(row)] = row
        return torch.from_numpy(table)

    def count_units(self, targets: torch.Tensor) -> int:
        return int((targets != IGNORED).sum())

    def starting_bias(self, encoded: Encoded, num_outputs: int) -> np.ndarray:
        return log_frequencies(_tag_counts(encoded, num_outputs))

    def balanced_weights(self, encoded: Encoded, num_outputs: int, strength: float = 1.0) -> np.ndarray:
        return exclusive_weights(_tag_counts(encoded, num_outputs), strength)

    def loss(
        self, logits: torch.Tensor, targets: torch.Tensor, options: LossOptions = PLAIN
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return softmax_loss(logits.flatten(0, 1), targets.flatten(), options)

    def decode(
        self,
        examples: pd.DataFrame,
        encoded: Encoded,
        logits: Sequence[np.ndarray],
        outputs: Sequence[str],
        decision: Decision = NO_DECISION,
    ) -> pd.DataFrame:
        del decision
        # A word without a token (tokenizers drop some control characters) is outside of every entity.
        tags = [["O"] * len(starts) for starts in examples["starts"]]
        confidences = [[1.0] * len(starts) for starts in examples["starts"]]
        for i, pairs, scores in zip(encoded.example, encoded.alignment, logits, strict=True):
            for position, word in pairs.tolist():
                exponentials = np.exp(scores[position].astype(np.float64) - scores[position].max())
                best = int(exponentials.argmax())
                tags[i][word] = outputs[best]
                confidences[i][word] = float(exponentials[best] / exponentials.sum())
        return pd.DataFrame(
            {
                "predicted": pd.Series([as_iob2(row) for row in tags], dtype=object),
                "probabilities": pd.Series(confidences, dtype=object),
            }
        )

    def output_shift(self, gold: pd.Series, encoded: Encoded, logits: Sequence[np.ndarray], outputs: Sequence[str]) -> np.ndarray:
        """A shift of the logit of ``O``, which makes the model predict more or fewer entities.

        Most words are ``O``, so an uncertain model predicts ``O`` and misses entities. The shift with the best entity F1 on
        validation is added to the weights, so that it applies wherever the model is loaded. If no shift is better, the outputs
        stay unchanged.
        """
        wanted = [set(spans_of(tags)) for tags in gold]
        scores = [self._entity_f1(wanted, encoded, logits, outputs, shift) for shift in OUTSIDE_SHIFTS]
        shift = np.zeros(len(outputs))
        shift[list(outputs).index("O")] = OUTSIDE_SHIFTS[middle_of_best(scores, OUTSIDE_SHIFTS)]
        return shift

    def _entity_f1(
        self,
        wanted: Sequence[set[EntitySpan]],
        encoded: Encoded,
        logits: Sequence[np.ndarray],
        outputs: Sequence[str],
        shift: float,
    ) -> float:
        """Strict entity F1 with ``shift`` added to the logit of ``O``."""
        outside = list(outputs).index("O")
        tags: list[dict[int, str]] = [{} for _ in wanted]
        for i, pairs, scores in zip(encoded.example, encoded.alignment, logits, strict=True):
            if not len(pairs):
                continue
            asked = scores[pairs[:, 0]].astype(np.float64)
            asked[:, outside] += shift
            tags[i].update((word, outputs[best]) for word, best in zip(pairs[:, 1].tolist(), asked.argmax(axis=1), strict=True))
        given = [set(spans_of([row.get(word, "O") for word in range(max(row, default=-1) + 1)])) for row in tags]
        hits = sum(len(w & g) for w, g in zip(wanted, given, strict=True))
        return 2 * hits / max(1, sum(map(len, wanted)) + sum(map(len, given)))

    def gold(self, examples: pd.DataFrame) -> pd.Series:
        return examples["tags"].map(list)

    def evaluate(
        self,
        gold: pd.Series,
        predictions: pd.DataFrame,
        outputs: Sequence[str],
        loss: float,
        decision: Decision = NO_DECISION,
    ) -> dict[str, Any]:
        del decision
        types = [name.removeprefix("B-") for name in outputs if name.startswith("B-")]
        return asdict(score_entities(gold.tolist(), predictions["predicted"].tolist(), types, loss))

    def flat_scores(self, result: Mapping[str, Any]) -> dict[str, float]:
        entities = result["entities"]
        return {
            "entity_f1": entities["micro"]["f1"],
            "entity_precision": entities["micro"]["precision"],
            "entity_recall": entities["micro"]["recall"],
            "entity_macro_f1": entities["macro"]["f1"],
            "token_accuracy": result["tokens"]["accuracy"],
        }

    def outcomes(self, gold: pd.Series, predictions: pd.DataFrame, outputs: Sequence[str], metric: str) -> Outcomes:
        del outputs
        wanted, given = gold.tolist(), predictions["predicted"].tolist()
        return of_words(wanted, given) if metric == "token_accuracy" else of_entities(wanted, given, _SUMMARIES[metric])

    def label_rows(self, result: Mapping[str, Any]) -> list[dict[str, Any]]:
        return list(result["entities"]["labels"])

    def predicted_counts(self, predictions: pd.DataFrame) -> dict[str, int]:
        return dict(Counter(tag[2:] for tags in predictions["predicted"] for tag in tags if tag.startswith("B-")))

    def examples_of_texts(self, texts: Sequence[str]) -> pd.DataFrame:
        found = [words(text) for text in texts]
        return pd.DataFrame(
            {
                "text": pd.Series(list(texts), dtype=object),
                "starts": pd.Series([[start for start, _ in row] for row in found], dtype=object),
                "ends": pd.Series([[end for _, end in row] for row in found], dtype=object),
            }
        )

    def present(
        self, examples: pd.DataFrame, predictions: pd.DataFrame, outputs: Sequence[str], decision: Decision = NO_DECISION
    ) -> list[dict[str, Any]]:
        del outputs, decision
        columns_of = (
            examples["text"],
            examples["starts"],
            examples["ends"],
            predictions["predicted"],
            predictions["probabilities"],
        )
        return [{"entities": entities_of(*row)} for row in zip(*columns_of, strict=True)]


def _tag_counts(encoded: Encoded, num_outputs: int) -> np.ndarray:
    targets = encoded.targets.values if isinstance(encoded.targets, RaggedRows) else np.concatenate(list(encoded.targets))
    return np.bincount(targets[targets != IGNORED], minlength=num_outputs)


def middle_of_best(scores: Sequence[float], shifts: Sequence[float] | np.ndarray) -> int:
    """Position of the best shift: the middle of the plateau of best scores that is closest to no shift.

    Scores are smoothed over neighbours first, so that a single outlier is not selected. If all scores are the same, the shift
    closest to 0 is used.

    Args:
        scores: of each shift; higher is better.
        shifts: ascending, as many as scores.
    """
    distances = np.abs(np.asarray(shifts, dtype=float))
    plain = np.asarray(scores, dtype=float)
    padded = np.pad(plain, 1, mode="edge")
    best = _highest((padded[:-2] + padded[1:-1] + padded[2:]) / 3)
    if len(best) == len(plain):
        return int(distances.argmin())
    best = best[_highest(plain[best])]  # at the edges, where a score is its own neighbour, smoothed scores are too similar
    plateaus = np.split(best, np.flatnonzero(np.diff(best) > 1) + 1)
    plateau = min(plateaus, key=lambda places: distances[places].min())
    middles = plateau[(len(plateau) - 1) // 2 : len(plateau) // 2 + 1]
    return int(min(middles, key=lambda place: distances[place]))


def _highest(scores: np.ndarray) -> np.ndarray:
    """Positions of the highest score, with a tolerance for rounding errors."""
    return np.flatnonzero(np.isclose(scores, scores.max(), rtol=0, atol=1e-9))


def as_iob2(tags: Sequence[str]) -> list[str]:
    """The same entities in strict IOB2: every entity starts with ``B-``."""
    strict = ["O"] * len(tags)
    for span in spans_of(tags):
        strict[span.start : span.end] = [f"B-{span.type}"] + [f"I-{span.type}"] * (span.end - span.start - 1)
    return strict


def entities_of(
    text: str, starts: Sequence[int], ends: Sequence[int], tags: Sequence[str], confidences: Sequence[float]
) -> list[dict[str, Any]]:
    """Entities of one text with character offsets; the probability of an entity is the mean over its words."""
    return [
        {
            "start": int(starts[span.start]),
            "end": int(ends[span.end - 1]),
            "type": span.type,
            "text": text[starts[span.start] : ends[span.end - 1]],
            "confidence": float(np.mean(confidences[span.start : span.end])),
        }
        for span in spans_of(tags)
    ]


def first_tokens(offsets: Sequence[tuple[int, int]], starts: Sequence[int], ends: Sequence[int]) -> dict[int, int]:
    """Word -> position of the first token that covers a character of it.

    Args:
        offsets: characters each token covers; some tokenizers let a token cover the space before its word.
        starts, ends: characters each word covers, in ascending order.
    """
    first: dict[int, int] = {}
    word = 0
    for position, (token_start, token_end) in enumerate(offsets):
        while word < len(starts) and ends[word] <= token_start:
            word += 1
        # A token may cover several words; it is used for each of them that has no token yet.
        reached = word
        while reached < len(starts) and starts[reached] < token_end:
            if token_end > token_start:
                first.setdefault(reached, position)
            reached += 1
    return first
