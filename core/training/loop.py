"""The training loop, top to bottom: for each epoch its batches, a step for each batch, then validation and the best weights.

It is independent of files, pages and processes: metrics and events go to a ``Recorder``, checkpoints to ``Checkpoints``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from accelerate import Accelerator

from core.errors import RunError
from core.models.heads import Classifier
from core.tasks.base import LOSS, Encoded, Task
from core.tasks.losses import PLAIN, LossOptions
from core.training.checkpoint.manager import Checkpoints
from core.training.checkpoint.state import TrainingState, Weights, mean_of, random_state, set_random_state, weights_of
from core.training.device import can_scale_less, unscale_gradients
from core.training.distributed import ALONE, Sharing
from core.training.planning.memory_footprint import Footprint
from core.training.steps.batching import PORTION_START_TOKENS, UNDIVIDED, Batch, collate, portions, training_batches
from core.training.steps.ema import WeightAverage
from core.training.steps.lr_schedule import LearningRate
from core.training.steps.optimizers import add_l1_gradient
from core.training.steps.out_of_memory import OomFallback
from core.training.steps.token_masking import TokenMasking
from core.training.tracking.alerts import averaged, new_alerts, not_finite, stopped_early
from core.training.tracking.metrics import Rates, StepFigures, StepMetrics
from core.training.tracking.model_selection import Selection
from core.training.tracking.progress import SelectionRule, TrainingProgress, Validation, comparable
from core.training.tracking.recorder import Recorder


@dataclass(kw_only=True)
class Loop:
    """Everything a training loop needs, assembled once by ``fine_tune``.

    Attributes:
        classifier, optimizer: prepared by ``accelerator``.
        forward: the classifier, or its compiled form.
        learning_rate: sets the optimizer's learning rates.
        encoded: inputs of the training split.
        records: record number of each training example in its source file.
        validate: evaluates the validation split.
        selection_metric: validation score by which the best weights are selected, or ``loss``.
        averaging_steps: number of steps the weight average (EMA) reaches back; it is validated and kept. Below 1 it is off.
        average_best: number of best epochs whose weights are kept and averaged at the end.
        masking: token masking while training; ``None`` if off.
        sharing: the ranks that share the work.
        gradient_accumulation: batches computed one after the other for one step.
        loss_options: label smoothing, class weights and focal loss.
        sampling_weights: how often each input is drawn; ``None`` draws each once per epoch.
        footprint: estimates the main memory of a portion.
        left_mib: returns the free main memory that portions must fit into; ``None`` makes each batch one portion.
        memory_kills: how often this run was killed for lack of memory; portions are halved as often.
        l1: strength of L1 regularization.
        patience: epochs without improvement after which training stops early; 0 is off.
        minimum_gain, num_validation: minimum improvement, and number of validation examples; see ``SelectionRule``.
        report_interval_s: seconds between two lines of training metrics.
        checkpoint_interval_s: least seconds between two checkpoints at the end of an epoch.
    """

    accelerator: Accelerator
    classifier: Classifier
    forward: Callable[..., torch.Tensor]
    optimizer: torch.optim.Optimizer
    learning_rate: LearningRate
    task: Task
    encoded: Encoded
    records: np.ndarray
    pad_token_id: int
    validate: Callable[[], Validation]
    checkpoints: Checkpoints
    recorder: Recorder
    epochs: int
    batch_size: int
    seed: int
    selection_metric: str
    gradient_accumulation: int = 1
    loss_options: LossOptions = PLAIN
    sampling_weights: np.ndarray | None = None
    footprint: Footprint | None = None
    left_mib: Callable[[], int] | None = None
    memory_kills: int = 0
    l1: float = 0.0
    max_gradient_norm: float = 0.0
    averaging_steps: float = 0.0
    patience: int = 0
    minimum_gain: float = 0.0
    num_validation: int = 0
    report_interval_s: float = 1.0
    checkpoint_interval_s: float = 60.0
    average_best: int = 1
    masking: TokenMasking | None = None
    sharing: Sharing = ALONE
    progress: TrainingProgress = field(default_factory=TrainingProgress)
    kept_weights: list[Weights] = field(default_factory=list)
    average: WeightAverage | None = None

    def __post_init__(self) -> None:
        self._lengths = self.encoded.lengths
        num_examples = 0 if self.selection_metric == LOSS else self.num_validation  # a loss is not a share of examples
        tie = 1 / num_examples if num_examples else 0.0  # the difference that one example can make
        rule = SelectionRule(tie=tie, num_examples=num_examples, minimum_gain=self.minimum_gain, num_kept=self.average_best)
        self.selection = Selection(metric=self.selection_metric, rule=rule)

    # --- when things happen ------------------------------------------------------------------------------------------------

    def run(self) -> bool:
        """Train to the end, or until a stop is requested.

        Returns:
            Whether training is complete; if not, a checkpoint was saved from which it can resume.

        Raises:
            RunError: loss or gradient is not finite; the weights of the step before are saved in a checkpoint.
        """
        progress = self.progress
        self._clock = time.monotonic() - progress.time_s
        self._last_checkpoint = time.monotonic()
        self._report = StepMetrics(self.accelerator.device)
        self._rates = Rates(self.optimizer, self._model.fresh_parameters())
        self.memory = self._memory_fallback()
        self._rehearse_largest_step()
        if self.average is None and self.averaging_steps > 1:
            self.average = WeightAverage(self._trained(), self.averaging_steps)
        while progress.epoch < self.epochs and not self._ran_out_of_patience():
            if not self._train_epoch():
                self.save_checkpoint()
                return False
            self._finish_epoch()
            if self.sharing.from_first(time.monotonic() - self._last_checkpoint >= self.checkpoint_interval_s):
                self.save_checkpoint()
        return True

    def select_weights(self) -> tuple[Weights | None, list[int]]:
        """Select the final weights: the best ones, or the average of several if that is no worse on validation.

        Returns:
            The weights and the epochs they are from; ``None`` and no epochs before the first validation.
        """
        best = self.progress.kept[: len(self.kept_weights)]
        if len(best) < 2:
            return (self.kept_weights[0], [best[0]["epoch"]]) if best else (None, [])
        together = mean_of(self.kept_weights)
        self._model.load_state_dict(together)
        score = self.validate().score(self.selection_metric)
        is_kept = math.isfinite(score) and not self.selection.rule.is_better(best[0]["reached"], score)
        self.recorder.event("info", averaged(best, score, is_kept=is_kept))
        if not is_kept:
            return self.kept_weights[0], [best[0]["epoch"]]
        return together, sorted(entry["epoch"] for entry in best)

    def _train_epoch(self) -> bool:
        """Train the rest of the current epoch; returns whether it was finished."""
        batches = training_batches(
            self._lengths,
            self.batch_size * self.gradient_accumulation,
            seed=self.seed,
            epoch=self.progress.epoch,
            weights=self.sampling_weights,
        )
        self.classifier.train()
        for positions in batches[self.progress.batch :]:
            if self.sharing.any(self.recorder.stop_requested()):
                return False
            step = self._train_step(positions)
            self._count(positions, step)
            self._report.add(step, len(positions), int(self._lengths[positions].sum()))
            if self.progress.step == 1 or self._report.age_s >= self.report_interval_s:
                self._write_report(self.progress.epoch + self.progress.batch / len(batches))
        return True

    def _finish_epoch(self) -> None:
        progress = self.progress
        progress.epoch, progress.batch = progress.epoch + 1, 0
        if self._report.num_inputs:
            self._write_report(progress.epoch)
        self.recorder.event("phase", f"Validating after epoch {progress.epoch}.", phase="validating")
        with self._averaged_weights():
            validation = self.validate()
            place = self.selection.update_best(validation, progress)
            if place is not None:
                self.kept_weights.insert(place, weights_of(self._model))
                del self.kept_weights[self.average_best :]
        figures = {
            "validation/loss": validation.loss,
            **{f"validation/{name}": value for name, value in validation.scores.items()},
            **{f"label_f1/{row['label']}": row["f1"] for row in validation.labels},
            "train/epoch_loss": progress.epoch_loss / max(1, progress.epoch_units),
            **self.selection.figures(progress),
        }
        progress.epoch_loss, progress.epoch_units = 0.0, 0
        self._line(progress.epoch, figures)
        for sentence in new_alerts(validation, progress, epochs=self.epochs):
            self.recorder.event("warning", sentence)
        if self.learning_rate.after_validation(gained=not progress.epochs_without_gain):
            self.recorder.event("info", "No improvement on validation; the learning rate was reduced.")
        self._report.restart()
        if progress.epoch < self.epochs:
            self.recorder.event("phase", "Training.", phase="training")

    def _ran_out_of_patience(self) -> bool:
        progress = self.progress
        if not self.patience or progress.epochs_without_gain < self.patience:
            return False
        self.recorder.event("info", stopped_early(progress, self.selection.rule))
        return True

    # --- how they happen ---------------------------------------------------------------------------------------------------

    def _train_step(self, positions: list[int]) -> StepFigures:
        """One optimizer step.

        Portions that are accumulated, here or in other ranks, are weighted by their size, so that a step is the same however it
        is divided.
        """
        own = list(self.sharing.own(positions))
        num_units = round(self.sharing.sum([self._count_units(own)])[0])
        own_loss = self.memory.within(partial(self._add_up_gradients, own, num_units), classifier=self._model)
        loss = self.sharing.sum([own_loss])[0]
        if not math.isfinite(loss):
            self._end_not_finite("loss", positions)
        self.sharing.add_gradients(self._trained())
        # From here on gradients are unscaled: anything added to them or measured on them must come after this line.
        unscale_gradients(self.accelerator, self.optimizer)
        if self.l1:
            add_l1_gradient(self.classifier.parameters(), self.l1)
        limit = self.max_gradient_norm or math.inf
        gradient_norm = float(torch.nn.utils.clip_grad_norm_(self.classifier.parameters(), limit))
        # In float16 an occasional overflow of gradients is expected: the scaler skips that step and lowers the loss scale.
        if not math.isfinite(gradient_norm) and not can_scale_less(self.accelerator):
            self._end_not_finite("gradient", positions)
        step = StepFigures(loss, num_units, gradient_norm, *self._rates.now())
        self.optimizer.step()
        self.learning_rate.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update(self._trained(), self.progress.step)
        return step

    def _count_units(self, positions: list[int]) -> int:
        if not positions:
            return 0
        length = int(self._lengths[positions].max())
        return self.task.count_units(self.task.collate_targets([self.encoded.targets[i] for i in positions], length))

    def _add_up_gradients(self, positions: list[int], num_units: int) -> float:
        """Accumulate the gradients of the mean loss over ``num_units`` for some of its inputs; returns their summed loss."""
        loss = 0.0
        for portion in self._portions(positions):
            total, _ = self._loss(self._batch(portion))
            loss += total.item()
            if not math.isfinite(loss):
                break
            self.accelerator.backward(total / max(1, num_units))
        return loss

    def _portions(self, positions: list[int]) -> list[list[int]]:
        """A step's inputs divided into portions that are computed one after the other."""
        # On a GPU padding costs little, and cached features have none.
        padding_is_costly = self.accelerator.device.type == "cpu" and self.encoded.vectors is None
        start_cost = PORTION_START_TOKENS if padding_is_costly else UNDIVIDED
        return portions(positions, self._lengths, self.memory.portion, start_cost=start_cost, most=self.memory.most)

    def _memory_fallback(self) -> OomFallback:
        """Portion sizes that fit into the free main memory; a GPU reports itself when its memory is full."""
        tell = partial(self.recorder.event, "warning")
        budget, fits = None, None
        if self.footprint is not None and self.encoded.vectors is None and self.accelerator.device.type == "cpu":
            if self.left_mib is not None:
                left_bytes = self.left_mib() * 2**20 // self.sharing.size
                budget = self.footprint.budget_bytes(left_bytes, has_state=bool(self.optimizer.state))
            fits = partial(self.footprint.most_texts, budget_bytes=budget)
        fallback = OomFallback(self.batch_size, tell, fits)
        if self.memory_kills:
            before = fallback.most(int(self._lengths.max()))
            fallback.halve(self.memory_kills)
            tell(
                f"The system ran out of memory and killed this run's worker. Training continues with {fallback.portion} inputs at"
                f" a time, {fallback.most(int(self._lengths.max()))} of the longest ones instead of {before}. Gradients "
                "are accumulated, so the result stays the same."
            )
        return fallback

    def _rehearse_largest_step(self) -> None:
        """Run one forward and backward pass with the longest inputs, so that memory runs out now and not hours later.

        Memory that the first steps and validations will allocate is reserved during the pass, and gradients of one portion are
        held while the next is computed, so that no later step needs more.
        """
        longest = np.argsort(-self._lengths, kind="stable")[: self.batch_size].tolist()

        def rehearse() -> None:
            later = self._room_for_later()
            with torch.random.fork_rng():
                for portion in self._portions(longest)[-2:]:
                    total, _ = self._loss(self._batch(portion))
                    self.accelerator.backward(total)
            del later
            self.optimizer.zero_grad(set_to_none=True)

        self.classifier.train()
        self.memory.within(rehearse, classifier=self._model)

    def _room_for_later(self) -> torch.Tensor | None:
        """A tensor as large as what the run will allocate later; ``None`` if that is allocated already, or on a GPU."""
        if self.footprint is None or self.optimizer.state or self.accelerator.device.type != "cpu":
            return None
        return torch.ones(self.footprint.later_bytes, dtype=torch.uint8)  # written to, or Linux would not allocate it

    def _batch(self, positions: list[int]) -> Batch:
        batch = collate(self.encoded, positions, self.task, self.pad_token_id)
        return (batch if self.masking is None else self.masking.hide(batch)).to(self.accelerator.device)

    def _loss(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        assert batch.targets is not None
        logits = self.forward(*batch.inputs).float()
        return self.task.loss(logits, batch.targets, self.loss_options)

    def _end_not_finite(self, what: str, positions: list[int]) -> NoReturn:
        """Save the weights of the last finite step in a checkpoint, and raise an error that names the batch."""
        self.optimizer.zero_grad(set_to_none=True)
        records = sorted({int(self.records[self.encoded.example[i]]) for i in positions})
        is_kept = self.progress.step > 0 and all(bool(parameter.isfinite().all()) for parameter in self._trained())
        if is_kept:
            self.save_checkpoint()
        is_precise = self.accelerator.mixed_precision == "no"
        raise RunError(not_finite(what, records, self.progress, is_kept=is_kept, is_precise=is_precise))

    def _count(self, positions: list[int], step: StepFigures) -> None:
        progress = self.progress
        progress.step += 1
        progress.batch += 1
        progress.num_inputs += len(positions)
        progress.epoch_loss += step.loss
        progress.epoch_units += step.units

    def _write_report(self, epoch: float) -> None:
        self._line(epoch, self._report.figures())
        self._report.restart()

    def _line(self, epoch: float, figures: dict[str, float]) -> None:
        self.progress.time_s = time.monotonic() - self._clock
        line = {"step": self.progress.step, "epoch": round(epoch, 4), "time_s": round(self.progress.time_s, 3)}
        self.recorder.metrics({**line, **{name: value for name, value in figures.items() if math.isfinite(value)}})

    @property
    def _model(self) -> Classifier:
        model: Classifier = self.accelerator.unwrap_model(self.classifier)
        return model

    def _trained(self) -> list[torch.nn.Parameter]:
        return [parameter for parameter in self.classifier.parameters() if parameter.requires_grad]

    def _averaged_weights(self) -> AbstractContextManager[None]:
        """Inside this context the model has the averaged weights, if there are any."""
        return nullcontext() if self.average is None else self.average.applied_to(self._trained())

    # --- checkpoints -------------------------------------------------------------------------------------------------------

    def save_checkpoint(self) -> None:
        """Save everything needed to resume training exactly as it would have continued."""
        self.progress.time_s = time.monotonic() - self._clock
        random = self.sharing.gather(random_state(self.accelerator.device))
        if self.sharing.is_first:
            state = TrainingState(
                weights=weights_of(self._model),
                kept=self.kept_weights,
                optimizer=self.optimizer.state_dict(),
                learning_rate=self.learning_rate.state_dict(),
                average=self.average.values if self.average is not None else [],
                random=random,
                outcomes=self.selection.state_dict(),
                scaler=scaler.state_dict() if (scaler := self.accelerator.scaler) is not None else {},
            )
            self.checkpoints.save(self.progress.step, state.write, asdict(self.progress))
        self._last_checkpoint = time.monotonic()

    def load_checkpoint(self, folder: Path, progress: dict[str, Any]) -> None:
        """Restore a checkpoint that ``Checkpoints.latest`` has verified."""
        state = TrainingState.read(folder, num_kept=len(progress["kept"]))
        self._model.load_state_dict(state.weights)
        self.kept_weights = [state.kept[place] for place in comparable(progress["kept"])]
        self.progress = TrainingProgress.restored(progress)
        self.selection.load_state_dict(state.outcomes)
        self.optimizer.load_state_dict(state.optimizer)
        self.learning_rate.load_state_dict(state.learning_rate)
        if state.scaler and self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(state.scaler)
        if state.average:
            self.average = WeightAverage(state.average, self.averaging_steps)
            self.average.to(self.accelerator.device)
        if len(state.random) == self.sharing.size:
            set_random_state(state.random[self.sharing.rank], self.accelerator.device)
        else:
            # Another number of ranks than before: random states cannot be reused, and no two ranks may draw the same numbers.
            torch.manual_seed(self.seed + self.progress.step + self.sharing.rank)
