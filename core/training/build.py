"""Assembling a training loop from a run config; the loop itself gets plain values only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator
from transformers import PreTrainedTokenizerBase

from core.config.run_config import RunConfig
from core.errors import ConfigError
from core.machine.memory import left_mib
from core.models.build import build_classifier
from core.models.cpu.attention import NAME as PROCESSOR_ATTENTION
from core.models.freezing import check_layer_decay, choose_trainable, num_layers_with_gradients
from core.models.heads import Classifier, HeadShape
from core.models.hub import ModelInfo
from core.models.sizes import ModelSizes
from core.tasks import Encoded, Task
from core.tasks.base import LOSS, NO_DECISION, Decision
from core.tasks.losses import LossOptions
from core.training.checkpoint.manager import Checkpoints
from core.training.device import precision_name
from core.training.distributed import ALONE, Sharing
from core.training.loop import Loop
from core.training.planning.memory_footprint import NO_LIMITS, Footprint, MemoryLimits
from core.training.planning.recipes import batch_size_of
from core.training.steps.batching import balanced_weights
from core.training.steps.lr_schedule import LearningRate, Schedule
from core.training.steps.optimizers import HEAD_FACTOR, build_optimizer
from core.training.steps.out_of_memory import can_checkpoint_gradients, use_gradient_checkpointing
from core.training.steps.predict import EVALUATION_BATCH_FACTOR, Outputs, run_model
from core.training.steps.token_masking import TokenMasking
from core.training.tracking.progress import Validation
from core.training.tracking.recorder import Recorder


@dataclass(kw_only=True)
class Split:
    """One split as rows and as model inputs."""

    examples: pd.DataFrame
    encoded: Encoded


@dataclass(frozen=True, kw_only=True)
class SplitPredictor:
    """Computes logits, predictions and loss of a split with a run's task and model."""

    classifier: Classifier
    task: Task
    outputs: list[str]
    pad_token_id: int
    batch_size: int
    device: torch.device
    sharing: Sharing = ALONE

    def logits(self, split: Split) -> Outputs:
        """Logits of every input, and the mean loss."""
        return run_model(
            self.classifier,
            split.encoded,
            self.task,
            pad_token_id=self.pad_token_id,
            batch_size=self.batch_size,
            device=self.device,
            sharing=self.sharing,
        )

    def decode(self, split: Split, ran: Outputs, decision: Decision = NO_DECISION) -> pd.DataFrame:
        """Predictions for every example of a split from what ``logits`` gave for it."""
        return self.task.decode(split.examples, split.encoded, ran.logits, self.outputs, decision)

    def validate(self, split: Split, metric: str) -> Validation:
        """The loss, the task's scores, and the outcome of each row for the selection metric."""
        ran = self.logits(split)
        predictions, gold = self.decode(split, ran), self.task.gold(split.examples)
        result = self.task.evaluate(gold, predictions, self.outputs, ran.loss)
        counts = self.task.predicted_counts(predictions)
        return Validation(
            loss=ran.loss,
            scores=self.task.flat_scores(result),
            labels=[{**row, "predicted": counts.get(row["label"], 0)} for row in self.task.label_rows(result)],
            outcomes=None if metric == LOSS else self.task.outcomes(gold, predictions, self.outputs, metric),
        )


def head_shape(config: RunConfig) -> HeadShape:
    """The head a config asks for."""
    head = config.head
    sizes = tuple(head.layer_sizes) if head.head == "feed_forward" else ()
    return HeadShape(kind=head.head, hidden_sizes=sizes, activation=head.activation, dropout=head.dropout)


def assemble_classifier(config: RunConfig, info: ModelInfo, task: Task, outputs: list[str], pooling: str) -> Classifier:
    """The pretrained model with its head, with the config's trainable parameters."""
    classifier = build_classifier(
        info, task, outputs, pooling=pooling, head=head_shape(config), encoder_dropout=config.model.encoder_dropout
    )
    learning = config.learning
    choose_trainable(
        classifier,
        learning.trainable,
        top_layers=learning.top_layers,
        lora_rank=learning.lora_rank,
        lora_alpha=learning.lora_alpha,
    )
    check_layer_decay(classifier.pretrained, learning.layer_decay)
    if config.compute.gradient_checkpointing:
        if not can_checkpoint_gradients(classifier):
            raise ConfigError("compute.gradient_checkpointing", "is true, but the model does not support it. Leave it off.")
        use_gradient_checkpointing(classifier)
    return classifier


def assemble_predictor(
    task: Task,
    classifier: Classifier,
    tokenizer: PreTrainedTokenizerBase,
    outputs: list[str],
    device: torch.device,
    batch_size: int,
    sharing: Sharing = ALONE,
) -> SplitPredictor:
    """A predictor whose batches are ``EVALUATION_BATCH_FACTOR`` times those of training."""
    return SplitPredictor(
        classifier=classifier,
        task=task,
        outputs=outputs,
        pad_token_id=_pad_token_id(tokenizer),
        batch_size=EVALUATION_BATCH_FACTOR * batch_size,
        device=device,
        sharing=sharing,
    )


def assemble_loop(
    config: RunConfig,
    task: Task,
    accelerator: Accelerator,
    sharing: Sharing,
    classifier: Classifier,
    tokenizer: PreTrainedTokenizerBase,
    splits: dict[str, Split],
    outputs: list[str],
    checkpoints: Checkpoints,
    recorder: Recorder,
    sizes: ModelSizes | None = None,
    limits: MemoryLimits = NO_LIMITS,
) -> Loop:
    """The training loop of a config."""
    training, settings = config.training, config.optimizer
    encoded = splits["train"].encoded
    optimizer = build_optimizer(
        classifier,
        optimizer=settings.optimizer,
        learning_rate=settings.learning_rate,
        head_learning_rate=settings.head_learning_rate or HEAD_FACTOR * settings.learning_rate,
        weight_decay=settings.weight_decay,
        layer_decay=config.learning.layer_decay,
        momentum=settings.momentum,
    )
    # The model is not wrapped for several ranks either: the loop sums gradients itself, weighted by the size of each part.
    classifier = accelerator.prepare_model(classifier, evaluation_mode=sharing.size > 1)
    optimizer = accelerator.prepare_optimizer(optimizer)
    batch_size = batch_size_of(config, encoded.num_inputs)
    schedule = make_schedule(config, encoded.num_inputs)
    learning_rate = LearningRate(optimizer, schedule)
    predictor = assemble_predictor(task, classifier, tokenizer, outputs, accelerator.device, batch_size, sharing)
    metric = training.selection_metric or task.headline.key
    return Loop(
        accelerator=accelerator,
        classifier=classifier,
        forward=torch.compile(classifier) if config.compute.compile else classifier,
        optimizer=optimizer,
        learning_rate=learning_rate,
        task=task,
        encoded=encoded,
        records=splits["train"].examples["record"].to_numpy(),
        pad_token_id=_pad_token_id(tokenizer),
        validate=lambda: predictor.validate(splits["validation"], metric),
        checkpoints=checkpoints,
        recorder=recorder,
        epochs=training.epochs,
        batch_size=batch_size,
        gradient_accumulation=training.gradient_accumulation,
        seed=training.seed,
        selection_metric=metric,
        loss_options=loss_options(config, task, encoded, len(outputs), accelerator.device),
        sampling_weights=_sampling_weights(config, task, splits["train"]),
        footprint=footprint_of(config, classifier, sizes, precision_name(accelerator)),
        left_mib=partial(left_mib, limits.max_memory_mib),
        memory_kills=limits.kills,
        l1=settings.l1,
        max_gradient_norm=settings.max_gradient_norm,
        patience=training.early_stopping_patience,
        minimum_gain=training.minimum_gain,
        num_validation=len(splits["validation"].examples),
        averaging_steps=training.weight_averaging * schedule.total_steps,
        average_best=training.average_best,
        masking=TokenMasking.of(tokenizer, config.model.token_masking),
        sharing=sharing,
    )


def footprint_of(config: RunConfig, classifier: Classifier, sizes: ModelSizes | None, precision: str) -> Footprint:
    """Main memory of a classifier while it is trained with a config."""
    pretrained = classifier.pretrained
    parameters = list(classifier.parameters())
    if sizes is not None:
        keeps_scores = getattr(pretrained.config, "_attn_implementation", None) != PROCESSOR_ATTENTION
        sizes = replace(sizes, keeps_scores=keeps_scores)
    return Footprint(
        sizes=sizes,
        num_parameters=sum(parameter.numel() for parameter in parameters),
        num_trained=sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        num_layers_trained=num_layers_with_gradients(pretrained),
        optimizer=config.optimizer.optimizer,
        num_kept=config.training.average_best,
        is_averaged=config.training.weight_averaging > 0,
        precision=precision,
        recomputes=config.compute.gradient_checkpointing,
    )


def make_schedule(config: RunConfig, num_inputs: int) -> Schedule:
    """The learning-rate schedule for a training split of this many inputs."""
    chosen = config.schedule
    steps_per_epoch = -(-num_inputs // (batch_size_of(config, num_inputs) * config.training.gradient_accumulation))
    total_steps = steps_per_epoch * config.training.epochs
    warmup = chosen.warmup_steps if chosen.warmup_steps is not None else round(chosen.warmup_fraction * total_steps)
    return Schedule(
        name=chosen.schedule,
        total_steps=total_steps,
        steps_per_epoch=steps_per_epoch,
        warmup_steps=warmup,
        power=chosen.power,
        decay_rate=chosen.decay_rate,
        plateau_patience=chosen.plateau_patience,
    )


def loss_options(config: RunConfig, task: Task, encoded: Encoded, num_outputs: int, device: torch.device) -> LossOptions:
    """Label smoothing, class weights and focal loss of the training loss."""
    weights = None
    if config.loss.class_weights != "none":
        strength = {"square_root": 0.5, "balanced": 1.0}[config.loss.class_weights]
        weights = torch.tensor(task.balanced_weights(encoded, num_outputs, strength), dtype=torch.float32, device=device)
    return LossOptions(label_smoothing=config.loss.label_smoothing, label_weights=weights, focal_gamma=config.loss.focal_gamma)


def _sampling_weights(config: RunConfig, task: Task, split: Split) -> np.ndarray | None:
    if not config.loss.balanced_sampling:
        return None
    return np.asarray(balanced_weights(task.strata(split.examples))[split.encoded.example])


def _pad_token_id(tokenizer: PreTrainedTokenizerBase) -> int:
    assert tokenizer.pad_token_id is not None  # checked by load_tokenizer
    return int(tokenizer.pad_token_id)
