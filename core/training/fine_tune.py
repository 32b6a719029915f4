"""One run from its config to its results: prepare, train, calibrate, test, save.

The steps are in the order of execution. The caller gives the paths of checkpoints, model and predictions, and gets the content of
``result.json``; it owns the process, its signals and the run directory.
"""

from __future__ import annotations

import gc
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from accelerate.utils import set_seed

from core.config.run_config import RunConfig
from core.datasets.dataset import Dataset
from core.errors import RunError
from core.files import durable
from core.machine import devices
from core.models.build import save_classifier
from core.models.freezing import merge_adapters
from core.models.heads import Classifier, shift_outputs
from core.models.hub import ModelInfo
from core.models.model_card import ModelCard
from core.models.sizes import sizes_of
from core.tasks.base import NO_DECISION, Decision
from core.training.build import (
    SplitPredictor,
    assemble_loop,
    assemble_predictor,
    head_shape,
    make_schedule,
)
from core.training.calibration.calibrate import calibrate
from core.training.calibration.temperature import LogitScaling
from core.training.checkpoint.manager import Checkpoints
from core.training.device import precision_name
from core.training.loop import Loop
from core.training.planning.estimates import ANYWHERE, Surroundings, workload_of
from core.training.planning.memory_footprint import NO_LIMITS, MemoryLimits
from core.training.planning.pace_benchmark import known_or_rehearsed
from core.training.planning.run_plan import has_pooled_head
from core.training.prepare import Prepared, prepare
from core.training.steps.cached_features import cache_features, can_read_once
from core.training.steps.head_init import start_from_label_frequencies, start_from_label_means
from core.training.tracking.kept_epoch import no_epoch, which_epoch
from core.training.tracking.recorder import Recorder, TrainingStopped


@dataclass(frozen=True, kw_only=True)
class Places:
    """Paths of a run's files.

    Attributes:
        checkpoints: folder of checkpoints.
        model: folder of the trained model; replaced if it exists.
        predictions: Parquet file of gold labels and predictions.
        hub_models: folder of downloaded models.
    """

    checkpoints: Path
    model: Path
    predictions: Path
    hub_models: Path


def fine_tune(
    config: RunConfig,
    dataset: Dataset,
    places: Places,
    recorder: Recorder,
    *,
    finish_now: bool = False,
    limits: MemoryLimits = NO_LIMITS,
    surroundings: Surroundings = ANYWHERE,
) -> dict[str, Any]:
    """Train, test and save a model; resumes from the last valid checkpoint if there is one.

    Args:
        config: settings of the run.
        dataset: the rows.
        places: paths of the run's files.
        recorder: gets metrics and events during the run.
        finish_now: train no further; evaluate and save the best checkpoint.
        limits: limits on main memory.
        surroundings: workspace and resource limits; if the workspace does not know the machine's speed yet, it is measured.

    Returns:
        The content of ``result.json``; empty in ranks other than 0.

    Raises:
        UserError: an error that the person can fix.
        TrainingStopped: a stop was requested.
    """
    prepared = prepare(config, dataset, places.hub_models, recorder)
    loop = _train(prepared, places, recorder, finish_now=finish_now, limits=limits, surroundings=surroundings)
    weights, from_epochs = loop.select_weights()
    if not prepared.sharing.is_first:
        return {}  # the rest is done by rank 0 alone
    trained: Classifier = prepared.accelerator.unwrap_model(loop.classifier)
    if weights is not None:
        trained.load_state_dict(weights)
    merge_adapters(trained)
    selected = loop.selection.facts(loop.progress)
    recorder.event("info", which_epoch(selected) or no_epoch(loop.progress.epoch))
    del loop.optimizer, loop.learning_rate  # their memory is needed for the rest
    gc.collect()
    predictor = assemble_predictor(
        prepared.task, trained, prepared.tokenizer, prepared.outputs, prepared.accelerator.device, loop.batch_size
    )
    factors = _calibrate(prepared, trained, predictor, loop.loss_options.label_weights, recorder)
    evaluation = _evaluate(prepared, predictor, recorder)
    _save(prepared, trained, evaluation, places, recorder)
    progress = loop.progress
    return {
        "task": prepared.task.name,
        "splits": {name: evaluation.results[name] for name in ("test", "validation")},
        "training": {
            "steps": progress.step,
            "epochs": progress.epoch,
            "duration_s": round(progress.time_s, 3),
            "examples_per_s": round(progress.num_inputs / max(1e-9, progress.time_s), 2),
            **selected,
            "from_epochs": from_epochs,
            "device": prepared.accelerator.device.type,
            "precision": precision_name(prepared.accelerator),
        },
        "model": {
            "reference": config.model.model,
            "commit": prepared.info.commit,
            "title": prepared.info.title,
            "architecture": prepared.info.architecture,
            "num_parameters": prepared.num_parameters,
            "pooling": prepared.pooling,
            "max_length": prepared.max_length,
        },
        "calibration": asdict(factors),
        "dataset": {"id": dataset.id, "content_hash": dataset.content_hash, "test_hash": dataset.test_hash},
        "num_cut": {name: split.encoded.num_cut for name, split in prepared.splits.items()},
        "decision": dict(evaluation.decision),
    }


@dataclass(frozen=True, kw_only=True)
class _Evaluation:
    """Scores of validation and test, and the table of their predictions."""

    results: dict[str, Any]
    predictions: pd.DataFrame
    decision: Decision


def _train(
    prepared: Prepared,
    places: Places,
    recorder: Recorder,
    *,
    finish_now: bool,
    limits: MemoryLimits,
    surroundings: Surroundings,
) -> Loop:
    """The loop after its last step, or as its last checkpoint left it if there is nothing more to train."""
    config, classifier, sharing, splits = prepared.config, prepared.classifier, prepared.sharing, prepared.splits
    assert prepared.info.folder is not None
    loop = assemble_loop(
        config,
        prepared.task,
        prepared.accelerator,
        sharing,
        classifier,
        prepared.tokenizer,
        splits,
        prepared.outputs,
        Checkpoints(places.checkpoints),
        recorder,
        sizes=sizes_of(prepared.info.folder),
        limits=limits,
    )
    recorder.event(
        "plan",
        f"{len(splits['train'].examples):,} training examples, {loop.epochs} epochs.",
        **_plan_facts(config, loop, prepared.num_parameters, prepared.pooling, prepared.max_length),
    )
    if can_read_once(classifier) and loop.masking is None:
        _cache_features(prepared, loop, recorder)
    _resume(loop, recorder)
    is_fresh = loop.progress.step == 0
    if finish_now:
        if is_fresh:
            raise RunError(
                "There is no checkpoint to evaluate: the run ended before its first one. Resume it, or start a new run."
            )
        return loop
    if is_fresh and surroundings.home is not None and sharing.size == 1:
        _say_how_long(config, prepared.dataset, prepared.info, loop, surroundings)
    if is_fresh:
        _initialise_head(prepared, loop)
    sharing.start_alike(classifier)
    if is_fresh and sharing.size > 1:
        set_seed(config.training.seed + sharing.rank)  # each rank draws its own dropout
    recorder.event("phase", "Training.", phase="training")
    if not loop.run():
        raise TrainingStopped
    loop.save_checkpoint()
    return loop


def _cache_features(prepared: Prepared, loop: Loop, recorder: Recorder) -> None:
    recorder.event("info", "The encoder is frozen, so every text is encoded once and its vector is cached.")
    for split in prepared.splits.values():
        if not cache_features(
            prepared.classifier,
            split.encoded,
            pad_token_id=loop.pad_token_id,
            batch_size=loop.batch_size,
            device=prepared.accelerator.device,
            may_go_on=lambda: not recorder.stop_requested(),
        ):
            raise TrainingStopped


def _initialise_head(prepared: Prepared, loop: Loop) -> None:
    accelerator, num_outputs = prepared.accelerator, len(prepared.outputs)
    start_from_label_frequencies(prepared.classifier, prepared.task, loop.encoded, num_outputs)
    if prepared.task.exclusive_labels:
        start_from_label_means(
            prepared.classifier, loop.encoded, num_outputs, loop.pad_token_id, accelerator.device, accelerator.autocast()
        )


def _calibrate(
    prepared: Prepared,
    trained: Classifier,
    predictor: SplitPredictor,
    label_weights: torch.Tensor | None,
    recorder: Recorder,
) -> LogitScaling:
    """Fit temperature, TF-IDF classifier and the readiness to find entities on validation; they become part of the model."""
    recorder.event("phase", "Calibrating the best checkpoint on validation.", phase="calibrating")
    task, head, validation = prepared.task, prepared.config.head, prepared.splits["validation"]
    logits = predictor.logits(validation).logits
    if task.head_level == "token":
        gold = task.gold(validation.examples)
        shift_outputs(trained, task.output_shift(gold, validation.encoded, logits, prepared.outputs))
        return LogitScaling()
    return calibrate(
        trained,
        task,
        prepared.splits["train"].encoded,
        validation.encoded,
        logits,
        weighs_words=head.word_evidence,
        may_scale=head.calibration,
        label_weights=label_weights,
        pad_token_id=predictor.pad_token_id,
        recorder=recorder,
    )


def _evaluate(prepared: Prepared, predictor: SplitPredictor, recorder: Recorder) -> _Evaluation:
    """Choose thresholds on validation, then score both splits; the test split is read once, here.

    Raises:
        RunError: the model's outputs are not finite numbers.
    """
    task, outputs = prepared.task, prepared.outputs
    decision = NO_DECISION
    results: dict[str, Any] = {}
    tables = []
    for name in ("validation", "test"):
        if name == "test":
            recorder.event("phase", "Testing the best checkpoint.", phase="testing")
        split = prepared.splits[name]
        ran, gold = predictor.logits(split), task.gold(split.examples)
        if not math.isfinite(ran.loss):
            raise RunError(
                f"The loss on the {name} split is not a finite number, because some of the model's outputs are not. "
                "Lower the learning rate, or choose precision float32, and run again."
            )
        if name == "validation" and prepared.config.training.thresholds == "tuned":
            decision = task.choose_decision(gold, predictor.decode(split, ran), outputs)
        predictions = predictor.decode(split, ran, decision)
        results[name] = task.evaluate(gold, predictions, outputs, ran.loss, decision)
        tables.append(_predictions_table(name, split.examples, gold, predictions))
    return _Evaluation(results=results, predictions=pd.concat(tables, ignore_index=True), decision=decision)


def _save(prepared: Prepared, trained: Classifier, evaluation: _Evaluation, places: Places, recorder: Recorder) -> None:
    recorder.event("phase", "Saving model and predictions.", phase="saving")
    with durable.written(places.predictions) as temporary:
        evaluation.predictions.to_parquet(temporary, index=False)
    card = ModelCard(
        task=prepared.task.name,
        outputs=list(prepared.outputs),
        max_length=prepared.max_length,
        pooling=prepared.pooling,
        head=head_shape(prepared.config),
        base_model=prepared.config.model.model,
        decision=dict(evaluation.decision),
    )
    with durable.written_folder(places.model) as temporary:
        save_classifier(trained, prepared.tokenizer, card, temporary)


def _plan_facts(config: RunConfig, loop: Loop, num_parameters: int, pooling: str, max_length: int) -> dict[str, Any]:
    schedule = make_schedule(config, loop.encoded.num_inputs)
    return {
        "total_steps": schedule.total_steps,
        "steps_per_epoch": schedule.steps_per_epoch,
        "epochs": loop.epochs,
        "batch_size": loop.batch_size,
        "selection_metric": loop.selection_metric,
        "device": loop.accelerator.device.type,
        "device_title": devices.machine().title,
        "precision": precision_name(loop.accelerator),
        "processes": loop.sharing.size,
        "num_parameters": num_parameters,
        "pooling": pooling,
        "max_length": max_length,
    }


def _resume(loop: Loop, recorder: Recorder) -> None:
    found = loop.checkpoints.latest()
    if found is None:
        return
    folder, progress = found
    loop.load_checkpoint(folder, progress)
    recorder.event("resume", f"Resuming from the checkpoint at step {loop.progress.step}.", step=loop.progress.step)


def _say_how_long(config: RunConfig, dataset: Dataset, info: ModelInfo, loop: Loop, surroundings: Surroundings) -> None:
    """Report the expected duration of the run, from a one-second benchmark of this machine's CPU."""
    sizes = None if info.folder is None else sizes_of(info.folder)
    if loop.accelerator.device.type != "cpu" or sizes is None or surroundings.home is None:
        return
    pace = known_or_rehearsed(surroundings.home, threads=surroundings.threads, precision=precision_name(loop.accelerator))
    if pace is None:
        return
    is_pooled = has_pooled_head(config, loop.task.head_level, info)
    num_examples = {**dataset.num_examples, "train": loop.encoded.num_inputs}
    work = workload_of(config, sizes, num_examples, len(dataset.labels), loop.encoded.lengths.tolist(), is_pooled=is_pooled)
    seconds = work.seconds(pace)
    duration = "less than a minute" if seconds < 60 else f"about {round(seconds / 60):,} min"
    loop.recorder.event("info", f"The run is expected to take {duration} in all.", expected_s=round(seconds, 1))


def _predictions_table(name: str, examples: pd.DataFrame, gold: pd.Series, predictions: pd.DataFrame) -> pd.DataFrame:
    columns = {"split": name, "id": examples["id"], "gold": gold}
    return pd.DataFrame(columns).assign(predicted=predictions["predicted"], probabilities=predictions["probabilities"])
