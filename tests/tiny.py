"""A model and data sets small enough to train in a second, for tests of every room."""

import json
from pathlib import Path

import pandas as pd

from core.datasets.dataset import Dataset, hash_examples, write_dataset
from core.tasks import get_task

VOCABULARY = (
    "the a is was very quite sky grass sea leaf looks seems blue green calm fresh deep light and or of to in "
    "anna berlin acme works lives at john paris globex visits from . , !"
)
WORDS = VOCABULARY.split()
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def write_tiny_model(folder: Path, *, max_length: int = 64, pooling: str | None = "mean") -> None:
    """A random BERT of two layers and 32 dimensions, the same every time; declares a pooling unless told not to."""
    import torch
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    vocabulary = [*SPECIAL, *WORDS, *letters, *(f"##{letter}" for letter in letters)]
    ids = {token: i for i, token in enumerate(dict.fromkeys(vocabulary))}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])]
    )
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=max_length, **names).save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=len(ids),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=max_length,
        )
        BertModel(config).save_pretrained(folder, safe_serialization=True)
    if pooling is not None:
        (folder / "1_Pooling").mkdir()
        key = {"mean": "pooling_mode_mean_tokens", "first": "pooling_mode_cls_token", "max": "pooling_mode_max_tokens"}[pooling]
        (folder / "1_Pooling" / "config.json").write_text(json.dumps({key: True}))


def tiny_dataset(num_examples: int = 60) -> pd.DataFrame:
    """Texts labelled blue or green, split 2:1:1; a word decides the label."""
    things, verbs, manners = (
        ["sky", "sea", "grass", "leaf"],
        ["is", "was", "looks", "seems"],
        ["very", "quite", "calm", "fresh", "deep"],
    )
    rows = []
    for i in range(num_examples):
        colour = "blue" if i % 2 else "green"
        text = f"the {things[i % 4]} {verbs[(i // 2) % 4]} {manners[(i // 3) % 5]} {colour}"
        rows.append({"text": text, "label": colour, "split": ("train", "train", "validation", "test")[(i // 2) % 4]})
    return with_ids(pd.DataFrame(rows))


def tiny_multi_label_dataset(num_examples: int = 60) -> pd.DataFrame:
    """Texts that name none, one or both colours; each colour named is a label."""
    rows = []
    for i in range(num_examples):
        colours = [colour for colour, named in (("blue", i % 2), ("green", i % 3)) if named]
        text = f"the {('sky', 'sea', 'grass')[i % 3]} is {' and '.join(colours) or 'calm'}"
        rows.append({"text": text, "labels": colours, "split": ("train", "train", "validation", "test")[(i // 6) % 4]})
    return with_ids(pd.DataFrame(rows))


def tiny_entities_dataset(num_examples: int = 60) -> pd.DataFrame:
    """Sentences about people, places and firms, tagged in IOB2."""
    rows = []
    for i in range(num_examples):
        person, place, firm = ("anna", "john")[i % 2], ("berlin", "paris")[(i // 2) % 2], ("acme", "globex")[(i // 3) % 2]
        tokens, tags = ([person, "works", "at", firm, "in", place, "."], ["B-PER", "O", "O", "B-ORG", "O", "B-LOC", "O"])
        if i % 5 == 0:
            tokens, tags = ([person, person, "visits", place], ["B-PER", "I-PER", "O", "B-LOC"])
        starts = [sum(len(token) + 1 for token in tokens[:k]) for k in range(len(tokens))]
        rows.append(
            {
                "text": " ".join(tokens),
                "starts": starts,
                "ends": [start + len(token) for start, token in zip(starts, tokens, strict=True)],
                "tags": tags,
                "split": ("train", "train", "validation", "test")[(i // 4) % 4],
            }
        )
    return with_ids(pd.DataFrame(rows))


def with_ids(examples: pd.DataFrame) -> pd.DataFrame:
    """Number the rows as an import does."""
    return examples.assign(id=range(len(examples)), record=range(1, len(examples) + 1))


def write_tiny_dataset(folder: Path, examples: pd.DataFrame, task_name: str = "single_label") -> Dataset:
    """Put examples on disk as a data set, without the import."""
    task = get_task(task_name)
    by_split = dict(iter(examples.groupby("split")))
    columns = ["split", "text", *task.target_columns]
    return write_dataset(
        folder,
        examples,
        {
            "id": folder.name,
            "task": task_name,
            "labels": task.label_names(by_split["train"]),
            "num_examples": {str(name): len(rows) for name, rows in by_split.items()},
            "label_counts": {str(name): task.label_counts(rows) for name, rows in by_split.items()},
            "content_hash": hash_examples(examples, columns),
            "test_hash": hash_examples(by_split["test"], columns),
            "splitting": {"method": "fixed"},
            "source": {},
            "notes": [],
            "created_at": "2026-01-01T00:00:00+00:00",
        },
    )
