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
from accelerate.utils import set_seed
from transformers import PreTrainedTokenizerBase

from core.config.run_config import RunConfig
from core.datasets.dataset import Dataset
from core.errors import DatasetError, RunError
from core.files import durable
from core.machine import devices
from core.models.build import load_tokenizer, resolve_pooling, save_classifier
from core.models.freezing import merge_adapters
from core.models.heads import Classifier, shift_outputs
from core.models.hub import ModelInfo, download
from core.models.model_card import ModelCard
from core.models.sizes import sizes_of
from core.tasks import Task, get_task
from core.tasks.base import NO_DECISION
from core.training.build import Split, assemble_classifier, assemble_loop, assemble_predictor, head_shape, make_schedule
from core.training.calibration.calibrate import calibrate
from core.training.calibration.temperature import LogitScaling
from core.training.checkpoint.manager import Checkpoints
from core.training.device import open_accelerator, precision_name
from core.training.distributed import Sharing
from core.training.loop import Loop
from core.training.planning.estimates import ANYWHERE, Surroundings, workload_of
from core.training.planning.memory_footprint import NO_LIMITS, MemoryLimits
from core.training.planning.pace_benchmark import known_or_rehearsed
from core.training.planning.run_plan import has_pooled_head
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
    # Prepare: rows, model, inputs.
    recorder.event("phase", "Preparing data and model.", phase="preparing")
    _check_same_rows(config, dataset)
    task = get_task(config.data.task)
    accelerator = open_accelerator(config.compute.device, config.compute.precision)
    sharing = Sharing(accelerator.process_index, accelerator.num_processes, accelerator.device)
    set_seed(config.training.seed, deterministic=config.compute.deterministic)
    info = download(config.model.model, places.hub_models)
    assert info.folder is not None
    tokenizer = load_tokenizer(info.folder)
    outputs = task.output_labels(dataset.labels)
    max_length = min(config.model.max_length or info.max_length, info.max_length)
    splits = _encode_splits(dataset, task, tokenizer, outputs, max_length, recorder)
    pooling = resolve_pooling(config.model.pooling, info, task)
    classifier = assemble_classifier(config, info, task, outputs, pooling)
    num_parameters = sum(parameter.numel() for parameter in classifier.parameters())

    # Train.
    loop = assemble_loop(
        config,
        task,
        accelerator,
        sharing,
        classifier,
        tokenizer,
        splits,
        outputs,
        Checkpoints(places.checkpoints),
        recorder,
        sizes=sizes_of(info.folder),
        limits=limits,
    )
    recorder.event(
        "plan",
        f"{len(splits['train'].examples):,} training examples, {loop.epochs} epochs.",
        **_plan_facts(config, loop, num_parameters, pooling, max_length),
    )
    if can_read_once(classifier) and loop.masking is None:
        recorder.event("info", "The encoder is frozen, so every text is encoded once and its vector is cached.")
        for split in splits.values():
            if not cache_features(
                classifier,
                split.encoded,
                pad_token_id=loop.pad_token_id,
                batch_size=loop.batch_size,
                device=accelerator.device,
                may_go_on=lambda: not recorder.stop_requested(),
            ):
                raise TrainingStopped
    _resume(loop, recorder)
    if not finish_now and loop.progress.step == 0 and surroundings.home is not None and sharing.size == 1:
        _say_how_long(config, dataset, info, loop, surroundings)
    if not finish_now:
        if loop.progress.step == 0:
            start_from_label_frequencies(classifier, task, loop.encoded, len(outputs))
            if task.exclusive_labels:
                start_from_label_means(
                    classifier, loop.encoded, len(outputs), loop.pad_token_id, accelerator.device, accelerator.autocast()
                )
        sharing.start_alike(classifier)
        if sharing.size > 1 and loop.progress.step == 0:
            set_seed(config.training.seed + sharing.rank)  # each rank draws its own dropout
        recorder.event("phase", "Training.", phase="training")
        if not loop.run():
            raise TrainingStopped
        loop.save_checkpoint()
    elif loop.progress.step == 0:
        raise RunError("There is no checkpoint to evaluate: the run ended before its first one. Resume it, or start a new run.")
    trained: Classifier = accelerator.unwrap_model(loop.classifier)
    weights, from_epochs = loop.settle()
    if not sharing.is_first:
        return {}  # the rest is done by rank 0 alone
    if weights is not None:
        trained.load_state_dict(weights)
    merge_adapters(trained)
    progress, selected = loop.progress, loop.selection.facts(loop.progress)
    recorder.event("info", which_epoch(selected) or no_epoch(progress.epoch))
    del loop.optimizer, loop.learning_rate
    gc.collect()

    # Calibrate: temperature, TF-IDF classifier and thresholds are fitted on validation.
    recorder.event("phase", "Calibrating the best checkpoint on validation.", phase="calibrating")
    predictor = assemble_predictor(task, trained, tokenizer, outputs, accelerator.device, loop.batch_size)
    validation = splits["validation"]
    gold = task.gold(validation.examples)
    logits = predictor.logits(validation).logits
    factors = LogitScaling()
    if task.head_level == "token":
        shift_outputs(trained, task.output_shift(gold, validation.encoded, logits, outputs))
    else:
        factors = calibrate(
            trained,
            task,
            splits["train"].encoded,
            validation.encoded,
            logits,
            weighs_words=config.head.word_evidence,
            may_scale=config.head.calibration,
            label_weights=loop.loss_options.label_weights,
            pad_token_id=predictor.pad_token_id,
            recorder=recorder,
        )
    tuned = config.training.thresholds == "tuned"
    decision = task.choose_decision(gold, predictor.predict(validation)[0], outputs) if tuned else NO_DECISION

    # Test: the test split is evaluated once.
    recorder.event("phase", "Testing the best checkpoint.", phase="testing")
    results: dict[str, Any] = {}
    tables = []
    for name in ("validation", "test"):
        predictions, loss = predictor.predict(splits[name], decision)
        if not math.isfinite(loss):
            raise RunError(
                f"The loss on the {name} split is not a finite number, because some of the model's outputs are not. "
                "Lower the learning rate, or choose precision float32, and run again."
            )
        gold = task.gold(splits[name].examples)
        results[name] = task.evaluate(gold, predictions, outputs, loss, decision)
        tables.append(_predictions_table(name, splits[name].examples, gold, predictions))

    # Save.
    recorder.event("phase", "Saving model and predictions.", phase="saving")
    with durable.written(places.predictions) as temporary:
        pd.concat(tables, ignore_index=True).to_parquet(temporary, index=False)
    card = ModelCard(
        task=task.name,
        outputs=list(outputs),
        max_length=max_length,
        pooling=pooling,
        head=head_shape(config),
        base_model=config.model.model,
        decision=dict(decision),
    )
    with durable.written_folder(places.model) as temporary:
        save_classifier(trained, tokenizer, card, temporary)
    return {
        "task": task.name,
        "splits": {"test": results["test"], "validation": results["validation"]},
        "training": {
            "steps": progress.step,
            "epochs": progress.epoch,
            "duration_s": round(progress.time_s, 3),
            "examples_per_s": round(progress.num_inputs / max(1e-9, progress.time_s), 2),
            **selected,
            "from_epochs": from_epochs,
            "device": accelerator.device.type,
            "precision": precision_name(accelerator),
        },
        "model": {
            "reference": config.model.model,
            "commit": info.commit,
            "title": info.title,
            "architecture": info.architecture,
            "num_parameters": num_parameters,
            "pooling": pooling,
            "max_length": max_length,
        },
        "calibration": asdict(factors),
        "dataset": {"id": dataset.id, "content_hash": dataset.content_hash, "test_hash": dataset.test_hash},
        "num_cut": {name: split.encoded.num_cut for name, split in splits.items()},
        "decision": dict(decision),
    }


def _check_same_rows(config: RunConfig, dataset: Dataset) -> None:
    if dataset.content_hash != config.data.dataset_hash:
        raise DatasetError(
            f"The rows of data set {dataset.id} have changed since this run was created: their content hash differs. "
            "Start a new run on the current data set."
        )


def _encode_splits(
    dataset: Dataset, task: Task, tokenizer: PreTrainedTokenizerBase, outputs: list[str], max_length: int, recorder: Recorder
) -> dict[str, Split]:
    label2id = {name: i for i, name in enumerate(outputs)}
    splits, cut = {}, []
    for name in ("train", "validation", "test"):
        examples = dataset.examples(name)
        encoded = task.encode(examples, tokenizer, label2id, max_length)
        splits[name] = Split(examples=examples, encoded=encoded)
        if encoded.num_cut:
            cut.append(f"{encoded.num_cut} of {len(examples)} texts of the {name} split")
    if cut:
        recorder.event("warning", f"Texts longer than {max_length} tokens are truncated: {', '.join(cut)}.")
    if not len(splits["train"].examples):
        raise DatasetError("The training split is empty. Import the data again with rows for training.")
    return splits


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
