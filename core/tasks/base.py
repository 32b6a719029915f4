"""The interface of tasks, and the values that are passed between a task and the rest of core.

A task contains everything that differs between single-label, multi-label and token classification: label encoding, the level of
the model head, the loss, decoding and scoring. It does not depend on files, pages, runs or the training loop. torch is imported
inside the functions that compute with tensors, so that pages can use titles and columns of a task without loading it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd

from core.evaluation.paired import Outcomes
from core.tasks.label_matrix import LabelMatrix
from core.tasks.losses import PLAIN, LossOptions
from core.tasks.ragged import RaggedRows, flat

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

SPLITS = ("train", "validation", "test")

LOSS = "loss"
"""Name of the loss among the validation metrics; for all other metrics, higher is better."""

Decision = Mapping[str, Any]
"""How probabilities become predictions, as tuned on the validation split; JSON-ready and saved with the model."""

NO_DECISION: Decision = MappingProxyType({})


@dataclass(kw_only=True)
class Encoded:
    """The model inputs of one split; a long text may have several.

    Attributes:
        input_ids: token ids of each input, special tokens included, not padded; lists are flattened.
        targets: target of each input, as a list, an array or flat rows; empty if gold labels are unknown.
        example: position in the split of the example each input belongs to, shape ``(num_inputs,)``.
        num_examples: how many examples the split has.
        num_cut: how many examples were truncated.
        vectors: outputs of a frozen encoder, float32 ``(num_inputs, hidden_size)``, once they are computed.
        alignment: for each input, pairs of numbers that the task needs to map outputs back to the example; lists are flattened.
    """

    input_ids: RaggedRows
    targets: Any
    example: np.ndarray
    num_examples: int
    num_cut: int = 0
    vectors: np.ndarray | None = None
    alignment: RaggedRows = field(default_factory=lambda: RaggedRows.of([], width=2))

    def __post_init__(self) -> None:
        self.input_ids, self.alignment = flat(self.input_ids), flat(self.alignment, width=2)

    @property
    def lengths(self) -> np.ndarray:
        """Number of tokens of each input, ``(num_inputs,)``."""
        return self.input_ids.lengths

    @property
    def num_inputs(self) -> int:
        """Number of model inputs."""
        return len(self.input_ids)


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The main metric of a task in lists of runs."""

    key: str
    title: str


class Task(ABC):
    """A kind of problem. Instances have no state; ``core.tasks.get_task`` returns them."""

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    target_columns: ClassVar[tuple[str, ...]]
    """Target columns of ``examples``."""
    head_level: ClassVar[Literal["text", "token"]]
    """Whether the model has one output per text or one per token."""
    exclusive_labels: ClassVar[bool]
    """Whether every text has exactly one label, so that labels have prototypes; ``targets`` are label ids then."""
    problem_type: ClassVar[str]
    """Name of the problem type in a model's ``config.json`` (transformers)."""
    headline: ClassVar[Headline]
    """A key of ``flat_scores``; also the default model selection metric."""
    unused_options: ClassVar[frozenset[str]]
    """Fields of a run config that have no effect for this task, so that forms do not show them."""
    metric_names: ClassVar[tuple[str, ...]]
    """Keys of ``flat_scores`` for which higher is better, so that they can be the model selection metric."""
    live_metrics: ClassVar[Mapping[str, str]]
    """Keys of ``flat_scores`` shown in live charts -> their titles."""

    # --- examples and their labels ------------------------------------------------------------------------------------------

    @property
    def selection_metrics(self) -> tuple[str, ...]:
        """Possible model selection metrics: ``metric_names``, and the loss, for which lower is better."""
        return (*self.metric_names, LOSS)

    @abstractmethod
    def label_names(self, examples: pd.DataFrame) -> list[str]:
        """Every label that occurs, sorted; the order fixes the model's outputs."""

    @abstractmethod
    def label_counts(self, examples: pd.DataFrame) -> dict[str, int]:
        """How often each label (for entities: each type) occurs; labels in descending count, then by name."""

    @abstractmethod
    def row_labels(self, examples: pd.DataFrame) -> list[tuple[str, ...]]:
        """The distinct labels of each example (for entities: the types that occur in it), sorted."""

    def strata(self, examples: pd.DataFrame) -> LabelMatrix:
        """The labels of each example, for stratified splits."""
        return LabelMatrix.of(self.row_labels(examples), self.label_names(examples))

    @abstractmethod
    def check_trainable(self, examples: pd.DataFrame) -> None:
        """Refuse examples that cannot be used for training.

        Args:
            examples: the training split.

        Raises:
            DatasetError: too few examples or labels.
        """

    # --- from examples to tensors and back ---------------------------------------------------------------------------------

    @abstractmethod
    def encode(
        self,
        examples: pd.DataFrame,
        tokenizer: PreTrainedTokenizerBase,
        label2id: Mapping[str, int],
        max_length: int,
        *,
        with_targets: bool = True,
    ) -> Encoded:
        """Turn examples into model inputs of at most ``max_length`` tokens."""

    reads_windows: ClassVar[bool] = False
    """Whether a long text becomes several inputs instead of being truncated."""

    def num_inputs(self, num_tokens: int, max_length: int, num_special: int) -> int:
        """How many inputs ``encode`` creates from a text.

        Args:
            num_tokens: of the text alone.
            max_length: of an input, special tokens included.
            num_special: number of special tokens in every input.
        """
        del num_tokens, max_length, num_special
        return 1

    @abstractmethod
    def output_labels(self, labels: Sequence[str]) -> list[str]:
        """Names of the model's outputs for a data set's labels (for entities, the tags ``O``, ``B-X``, ``I-X``)."""

    @abstractmethod
    def collate_targets(self, targets: Sequence[Any], padded_length: int) -> torch.Tensor:
        """One tensor for a batch of targets."""

    @abstractmethod
    def count_units(self, targets: torch.Tensor) -> int:
        """Number of units in a batch of targets: texts, decisions or words."""

    @abstractmethod
    def starting_bias(self, encoded: Encoded, num_outputs: int) -> np.ndarray:
        """Output biases with which an untrained head predicts each label as often as it occurs, ``(num_outputs,)``.

        Args:
            encoded: training inputs with targets.
            num_outputs: how many outputs the head has.
        """

    @abstractmethod
    def balanced_weights(self, encoded: Encoded, num_outputs: int, strength: float = 1.0) -> np.ndarray:
        """Class weights that balance rare and frequent labels, ``(num_outputs,)``.

        Args:
            encoded: training inputs with targets.
            num_outputs: how many outputs the head has.
            strength: 1 for full balancing, 0.5 for square roots of the weights, 0 for equal weights.
        """

    @abstractmethod
    def loss(
        self, logits: torch.Tensor, targets: torch.Tensor, options: LossOptions = PLAIN
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Summed loss and the number of units it sums over, so that means over unequal batches are exact.

        Args:
            logits: float32, ``(batch, num_outputs)`` or ``(batch, length, num_outputs)``.
            targets: from ``collate_targets``.
            options: modifications of the plain loss.
        """

    @abstractmethod
    def decode(
        self,
        examples: pd.DataFrame,
        encoded: Encoded,
        logits: Sequence[np.ndarray],
        outputs: Sequence[str],
        decision: Decision = NO_DECISION,
    ) -> pd.DataFrame:
        """Predictions for every example of a split.

        Args:
            examples: the split.
            encoded: its inputs, in the order of the logits.
            logits: one float32 array for each input, ``(num_outputs,)`` or ``(num_tokens, num_outputs)``.
            outputs: names of the model's outputs.
            decision: the result of ``choose_decision``, or ``None`` for the task's default rule.

        Returns:
            ``num_examples`` rows with columns ``predicted`` and ``probabilities`` in the task's own form.
        """

    def output_shift(self, gold: pd.Series, encoded: Encoded, logits: Sequence[np.ndarray], outputs: Sequence[str]) -> np.ndarray:
        """A permanent shift of the outputs, tuned on validation, ``(num_outputs,)``; most tasks have none."""
        del gold, encoded, logits
        return np.zeros(len(outputs))

    def choose_decision(self, gold: pd.Series, predictions: pd.DataFrame, outputs: Sequence[str]) -> Decision:
        """The decision rule tuned on the validation split, such as thresholds; saved with the model. Most tasks have none."""
        del gold, predictions, outputs
        return NO_DECISION

    @abstractmethod
    def gold(self, examples: pd.DataFrame) -> pd.Series:
        """The gold label of each example, in the same form as ``predicted``."""

    @abstractmethod
    def evaluate(
        self,
        gold: pd.Series,
        predictions: pd.DataFrame,
        outputs: Sequence[str],
        loss: float,
        decision: Decision = NO_DECISION,
    ) -> dict[str, Any]:
        """Score a split; ``result.json`` stores the result under ``splits.<name>``."""

    @abstractmethod
    def flat_scores(self, result: Mapping[str, Any]) -> dict[str, float]:
        """The scores of ``evaluate`` for charts and model selection, with flat keys such as ``macro_f1``."""

    @abstractmethod
    def outcomes(self, gold: pd.Series, predictions: pd.DataFrame, outputs: Sequence[str], metric: str) -> Outcomes:
        """The row results of a split for one of ``metric_names``, for comparing two sets of predictions."""

    @abstractmethod
    def label_rows(self, result: Mapping[str, Any]) -> list[dict[str, Any]]:
        """``label``, ``precision``, ``recall``, ``f1`` and ``support`` of each label in the result of ``evaluate``."""

    @abstractmethod
    def predicted_counts(self, predictions: pd.DataFrame) -> dict[str, int]:
        """How often each label (for entities: each type) was predicted; labels that never were are absent.

        Args:
            predictions: from ``decode``.
        """

    @abstractmethod
    def examples_of_texts(self, texts: Sequence[str]) -> pd.DataFrame:
        """Examples without gold for raw texts, ready for ``encode(..., with_targets=False)``."""

    @abstractmethod
    def present(
        self, examples: pd.DataFrame, predictions: pd.DataFrame, outputs: Sequence[str], decision: Decision = NO_DECISION
    ) -> list[dict[str, Any]]:
        """Predictions for texts without gold labels, one JSON-ready object each, as on the Predict page and in its downloads."""
