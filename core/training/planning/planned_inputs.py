"""Number of inputs of a training split: in token classification, a long text is read in several overlapping windows."""

import functools
from dataclasses import dataclass
from pathlib import Path

from core.datasets.dataset import Dataset, open_dataset
from core.models.hub import ModelInfo
from core.models.model_files import fast_tokenizer
from core.tasks import get_task

MOST_COUNTED = 2000
"""Most long texts whose tokens are counted. If there are more, a sample of this size is counted and extrapolated."""


@dataclass(frozen=True)
class PlannedInputs:
    """Number of inputs of a training split.

    Attributes:
        count: number of inputs.
        is_exact: whether every text that may be long was counted.
    """

    count: int
    is_exact: bool = True


def planned_inputs(dataset: Dataset, info: ModelInfo, max_length: int | None) -> PlannedInputs:
    """Number of inputs of the training split, counted with the model's own tokenizer.

    Args:
        dataset: with a training split.
        info: the model; if its tokenizer is not on this machine, every text counts as one input.
        max_length: longest input in tokens, or ``None`` for the model's own limit.
    """
    num_train = dataset.num_examples["train"]
    if not get_task(dataset.task).reads_windows or info.folder is None:
        return PlannedInputs(num_train, is_exact=info.folder is not None)
    return _counted(info.folder, dataset.folder, dataset.task, min(max_length or info.max_length, info.max_length))


@functools.lru_cache(maxsize=64)
def _counted(model_folder: Path, dataset_folder: Path, task_name: str, max_length: int) -> PlannedInputs:
    texts = open_dataset(dataset_folder).examples("train")["text"]
    tokenizer = fast_tokenizer(model_folder)
    if tokenizer is None:
        return PlannedInputs(len(texts), is_exact=False)
    task, num_special = get_task(task_name), tokenizer.num_special_tokens_to_add(is_pair=False)
    # A text has at most one token more than bytes (a tokenizer may put a space first): only these can need more windows.
    long = texts[[len(text.encode()) >= max_length - num_special for text in texts]]
    sample = long if len(long) <= MOST_COUNTED else long.sample(MOST_COUNTED, random_state=0)
    encodings = tokenizer.encode_batch(sample.tolist(), add_special_tokens=False)
    further = sum(task.num_inputs(len(encoding.ids), max_length, num_special) - 1 for encoding in encodings)
    is_exact = len(sample) == len(long)
    return PlannedInputs(len(texts) + (further if is_exact else round(further * len(long) / len(sample))), is_exact)
