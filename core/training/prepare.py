"""The first phase of a run: rows, device, model and inputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from accelerate import Accelerator
from accelerate.utils import set_seed
from transformers import PreTrainedTokenizerBase

from core.config.run_config import RunConfig
from core.datasets.dataset import Dataset
from core.errors import DatasetError
from core.models.build import load_tokenizer, resolve_pooling
from core.models.heads import Classifier
from core.models.hub import ModelInfo, download
from core.tasks import Task, get_task
from core.training.build import (
    Split,
    assemble_classifier,
)
from core.training.device import open_accelerator
from core.training.distributed import Sharing
from core.training.tracking.recorder import Recorder


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a run works with, before its first step.

    Attributes:
        info: the pretrained model.
        outputs: names of the model's outputs.
        max_length: tokens of the longest input, special tokens included.
        splits: train, validation and test.
        pooling: how token vectors become one vector a text.
        classifier: encoder and head, frozen where the config says so.
        num_parameters: of the classifier.
    """

    config: RunConfig
    dataset: Dataset
    task: Task
    accelerator: Accelerator
    sharing: Sharing
    info: ModelInfo
    tokenizer: PreTrainedTokenizerBase
    outputs: list[str]
    max_length: int
    splits: dict[str, Split]
    pooling: str
    classifier: Classifier
    num_parameters: int


def prepare(config: RunConfig, dataset: Dataset, hub_models: Path, recorder: Recorder) -> Prepared:
    """Open the device, the model and the data set of a run.

    Args:
        config: settings of the run.
        dataset: the rows.
        hub_models: folder of downloaded models.
        recorder: gets warnings about truncated texts.

    Raises:
        UserError: the rows have changed, the device is not there, or the model cannot be used.
    """
    recorder.event("phase", "Preparing data and model.", phase="preparing")
    _check_same_rows(config, dataset)
    task = get_task(config.data.task)
    accelerator = open_accelerator(config.compute.device, config.compute.precision)
    sharing = Sharing(accelerator.process_index, accelerator.num_processes, accelerator.device)
    set_seed(config.training.seed, deterministic=config.compute.deterministic)
    info = download(config.model.model, hub_models)
    assert info.folder is not None
    tokenizer = load_tokenizer(info.folder)
    outputs = task.output_labels(dataset.labels)
    max_length = min(config.model.max_length or info.max_length, info.max_length)
    splits = _encode_splits(dataset, task, tokenizer, outputs, max_length, recorder)
    pooling = resolve_pooling(config.model.pooling, info, task)
    classifier = assemble_classifier(config, info, task, outputs, pooling)
    return Prepared(
        config=config,
        dataset=dataset,
        task=task,
        accelerator=accelerator,
        sharing=sharing,
        info=info,
        tokenizer=tokenizer,
        outputs=outputs,
        max_length=max_length,
        splits=splits,
        pooling=pooling,
        classifier=classifier,
        num_parameters=sum(parameter.numel() for parameter in classifier.parameters()),
    )


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
