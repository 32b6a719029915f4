"""What a task must be able to do, and the values that pass between a task and the rest of core.

A task owns everything that differs between single-label, multi-label and token classification: which columns it needs, how labels
are read and encoded, the level of the model head, the loss, decoding and scoring. It knows nothing of files, pages, runs or
the training loop. torch is imported inside the functions that compute with tensors, so that a page can ask a task for its titles
and columns without loading it.
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
"""Name of the loss among the figures of a validation; of all others, higher is better."""

Decision = Mapping[str, Any]
"""How probabilities become predictions, as learned on the validation split; JSON-ready and saved with the model."""

NO_DECISION: Decision = MappingProxyType({})


@dataclass(kw_only=True)
class Encoded:
    """The model inputs of one split; a long text may have several.

    Attributes:
        input_ids: token ids of each input, special tokens included, not padded; lists are made flat.
        targets: what each input should give, one entry each, as a list, an array or flat rows; empty where gold is not known.
        example: position in the split of the example each input belongs to, shape ``(num_inputs,)``.
        num_examples: how many examples the split has.
        num_cut: how many examples lost text because it did not fit.
        vectors: what a frozen encoder made of the inputs, float32 ``(num_inputs, hidden_size)``, once that is known.
        alignment: for each input, pairs of numbers that the task needs to bring outputs back to the example; lists are made flat.
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
        """Tokens of each input, ``(num_inputs,)``."""
        return self.input_ids.lengths

    @property
    def num_inputs(self) -> int:
        """How many rows the model will see."""
        return len(self.input_ids)


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The one figure a task is judged by in lists of runs."""

    key: str
    title: str


class Task(ABC):
    """One kind of problem. Instances hold no state; ``core.tasks.get_task`` hands them out."""

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    target_columns: ClassVar[tuple[str, ...]]
    """Columns of ``examples`` beside ``text`` that hold what is to be learned."""
    head_level: ClassVar[Literal["text", "token"]]
    """Whether the model gives one output a text or one a token."""
    exclusive_labels: ClassVar[bool]
    """Whether every text has exactly one label, so that each label has typical texts; ``targets`` are label ids then."""
    problem_type: ClassVar[str]
    """What transformers calls the problem in a model's ``config.json``."""
    headline: ClassVar[Headline]
    """A key of ``flat_scores``; also what the best checkpoint is chosen by unless a run says otherwise."""
    unused_options: ClassVar[frozenset[str]]
    """Fields of a run config that do nothing for this task, so that a form need not show them."""
    metric_names: ClassVar[tuple[str, ...]]
    """Keys of ``flat_scores`` of which higher is better, so that a checkpoint can be chosen by them."""
    live_metrics: ClassVar[Mapping[str, str]]
    """Keys of ``flat_scores`` drawn while a run trains -> their titles."""

    # --- examples and their labels ------------------------------------------------------------------------------------------

    @property
    def selection_metrics(self) -> tuple[str, ...]:
        """Validation figures a checkpoint can be chosen by: ``metric_names``, and the loss, of which lower is better."""
        return (*self.metric_names, LOSS)

    @abstractmethod
    def label_names(self, examples: pd.DataFrame) -> list[str]:
        """Every label that occurs, sorted; the order fixes the model's outputs."""

    @abstractmethod
    def label_counts(self, examples: pd.DataFrame) -> dict[str, int]:
        """How often each label (for entities: each type) occurs; labels in descending count, then by name."""

    @abstractmethod
    def row_labels(self, examples: pd.DataFrame) -> list[tuple[str, ...]]:
        """The different labels of each example (for entities: the types that occur in it), sorted."""

    def strata(self, examples: pd.DataFrame) -> LabelMatrix:
        """What a split should keep in proportion: which example has which labels."""
        return LabelMatrix.of(self.row_labels(examples), self.label_names(examples))

    @abstractmethod
    def check_trainable(self, examples: pd.DataFrame) -> None:
        """Refuse examples no model can be trained on.

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
    """Whether a text longer than an input becomes several inputs and not one that is cut."""

    def num_inputs(self, num_tokens: int, max_length: int, num_special: int) -> int:
        """How many inputs ``encode`` makes of a text.

        Args:
            num_tokens: of the text alone.
            max_length: of an input, special tokens included.
            num_special: tokens of every input that are not the text's.
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
        """How many answers a batch of targets asks for: texts, decisions or words."""

    @abstractmethod
    def starting_bias(self, encoded: Encoded, num_outputs: int) -> np.ndarray:
        """Output biases with which an untrained head predicts each label as often as it occurs, ``(num_outputs,)``.

        Args:
            encoded: training inputs with targets.
            num_outputs: how many outputs the head has.
        """

    @abstractmethod
    def balanced_weights(self, encoded: Encoded, num_outputs: int, strength: float = 1.0) -> np.ndarray:
        """What a mistake on each output must count so that rare and frequent labels weigh alike, ``(num_outputs,)``.

        Args:
            encoded: training inputs with targets.
            num_outputs: how many outputs the head has.
            strength: 0.5 goes half the way, by square roots; 0 leaves every mistake to count 1.
        """

    @abstractmethod
    def loss(
        self, logits: torch.Tensor, targets: torch.Tensor, options: LossOptions = PLAIN
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Summed loss and the number of units it sums over, so that means over uneven batches stay exact.

        Args:
            logits: float32, ``(batch, num_outputs)`` or ``(batch, length, num_outputs)``.
            targets: as ``collate_targets`` gave them.
            options: how the loss departs from the plain one.
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
            encoded: its inputs, which the logits belong to.
            logits: one float32 array for each input, ``(num_outputs,)`` or ``(num_tokens, num_outputs)``.
            outputs: names of the model's outputs.
            decision: what ``choose_decision`` gave, or ``None`` for the task's plain rule.

        Returns:
            ``num_examples`` rows with columns ``predicted`` and ``probabilities`` in the task's own form.
        """

    def output_shift(self, gold: pd.Series, encoded: Encoded, logits: Sequence[np.ndarray], outputs: Sequence[str]) -> np.ndarray:
        """What validation says should be added to the outputs for ever, ``(num_outputs,)``; most tasks leave them alone."""
        del gold, encoded, logits
        return np.zeros(len(outputs))

    def choose_decision(self, gold: pd.Series, predictions: pd.DataFrame, outputs: Sequence[str]) -> Decision:
        """What the validation split teaches about deciding, such as thresholds; saved with the model. Most tasks have nothing."""
        del gold, predictions, outputs
        return NO_DECISION

    @abstractmethod
    def gold(self, examples: pd.DataFrame) -> pd.Series:
        """The right answer of each example, in the same form as ``predicted``."""

    @abstractmethod
    def evaluate(
        self,
        gold: pd.Series,
        predictions: pd.DataFrame,
        outputs: Sequence[str],
        loss: float,
        decision: Decision = NO_DECISION,
    ) -> dict[str, Any]:
        """Score a split; the value is what ``result.json`` holds under ``splits.<name>``."""

    @abstractmethod
    def flat_scores(self, result: Mapping[str, Any]) -> dict[str, float]:
        """The scores of ``evaluate`` worth drawing or choosing by, under flat keys such as ``macro_f1``."""

    @abstractmethod
    def outcomes(self, gold: pd.Series, predictions: pd.DataFrame, outputs: Sequence[str], metric: str) -> Outcomes:
        """What the rows of a split came to for one of ``metric_names``, so that two sets of predictions can be compared."""

    @abstractmethod
    def label_rows(self, result: Mapping[str, Any]) -> list[dict[str, Any]]:
        """``label``, ``precision``, ``recall``, ``f1`` and ``support`` of each label in what ``evaluate`` gave."""

    @abstractmethod
    def predicted_counts(self, predictions: pd.DataFrame) -> dict[str, int]:
        """How often each label (for entities: each type) was predicted; labels that never were are absent.

        Args:
            predictions: as ``decode`` gave them.
        """

    @abstractmethod
    def examples_of_texts(self, texts: Sequence[str]) -> pd.DataFrame:
        """Examples without gold for raw texts, ready for ``encode(..., with_targets=False)``."""

    @abstractmethod
    def present(
        self, examples: pd.DataFrame, predictions: pd.DataFrame, outputs: Sequence[str], decision: Decision = NO_DECISION
    ) -> list[dict[str, Any]]:
        """Predictions for texts without gold, one plain JSON-ready object each, as Predict shows and downloads them."""
