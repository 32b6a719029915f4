"""The run config: the whole of what a run is told, as frozen dataclasses that validate themselves.

The form, the command line and a YAML file are three doors to the same object. Field names are unique across sections, so
that ``learning_rate=2e-4`` says as much as ``optimizer.learning_rate=2e-4``.
"""

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import yaml

from core.errors import ConfigError
from core.options import option, parse, validate


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which rows the run learns from; the hash makes sure they are still the same ones."""

    dataset: str = option(title="Data set", help="Id of the data set.")
    dataset_hash: str = option(title="Content hash", help="sha256 of the data set's rows and splits when the run was made.")
    task: str = option(title="Task", help="What is learned: single_label, multi_label or token_classification.")

    def __post_init__(self) -> None:
        validate("data", self)


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Which pretrained model is fine-tuned, and what is put on top of it."""

    model: str = option(
        "bundled",
        title="Model",
        help="'bundled', a folder with a transformers model, or a hub id such as google-bert/bert-base-uncased.",
        essential=True,
    )
    pooling: str = option(
        "declared",
        title="Pooling",
        help="How a text's tokens become one vector. The way the model was trained with gives the best start by far.",
        choices={
            "declared": "As the model declares",
            "mean": "Mean of all tokens",
            "first": "First token",
            "max": "Maximum over tokens",
            "architecture": "The architecture's own head",
        },
    )
    head: str = option(
        "linear",
        title="Head",
        help="Similarity starts from what each label's texts have in common and needs fewer of them; linear starts from nothing.",
        choices={"linear": "Linear layer", "cosine": "Similarity to each label's typical vector"},
    )
    max_length: int | None = option(
        None,
        title="Longest input (tokens)",
        help="Longer texts lose their end; longer inputs cost time. Automatic: as long as needed, up to the model's limit.",
        minimum=8,
        maximum=8192,
    )
    trainable: str = option(
        "everything",
        title="What learns",
        help="Word vectors that stay as pretrained save time and keep the meaning of words that training texts lack.",
        choices={
            "everything": "Everything",
            "all_but_embeddings": "All but the word vectors",
            "head": "The head alone",
        },
    )
    dropout: float = option(
        0.1,
        title="Head dropout",
        help="Share of the head's inputs switched off at random while training; more makes small data sets overfit less.",
        minimum=0.0,
        below=1.0,
    )

    def __post_init__(self) -> None:
        validate("model", self)


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """How far each step goes."""

    learning_rate: float = option(
        2e-4,
        title="Learning rate",
        help="Size of each step of the pretrained encoder. Too small learns little in the time, too large forgets what it knew.",
        above=0.0,
        maximum=1.0,
        essential=True,
    )
    head_learning_rate: float | None = option(
        None,
        title="Head learning rate",
        help="Step size of the new head, which starts from nothing. Automatic: ten times the encoder's.",
        above=0.0,
        maximum=1.0,
    )
    weight_decay: float = option(
        0.01,
        title="Weight decay",
        help="Pulls weights towards zero a little at each step; more counters overfitting.",
        minimum=0.0,
        maximum=1.0,
    )
    max_gradient_norm: float = option(
        1.0,
        title="Gradient clipping",
        help="Longest gradient that is followed; a single odd batch cannot throw the model off. 0 switches it off.",
        minimum=0.0,
        maximum=1000.0,
    )

    def __post_init__(self) -> None:
        validate("optimizer", self)


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """How the learning rate changes over the run."""

    schedule: str = option(
        "linear",
        title="Schedule",
        help="Large steps first, small ones to settle: linear and cosine end at zero, constant never slows down.",
        choices={"linear": "Linear to zero", "cosine": "Cosine to zero", "constant": "Constant"},
    )
    warmup_fraction: float = option(
        0.1,
        title="Warm-up",
        help="Share of the steps over which the learning rate rises from zero; protects the pretrained weights at the start.",
        minimum=0.0,
        below=1.0,
    )

    def __post_init__(self) -> None:
        validate("schedule", self)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How long, in what portions, and with what arithmetic."""

    epochs: int = option(
        6,
        title="Epochs",
        help="How often every training example is seen. Few examples need more epochs.",
        minimum=1,
        maximum=1000,
        essential=True,
    )
    batch_size: int = option(
        32,
        title="Batch size",
        help="Examples per step. Larger batches are faster and smoother, and need more memory.",
        minimum=1,
        maximum=4096,
        essential=True,
    )
    weight_averaging: float = option(
        0.1,
        title="Weight averaging",
        help="Tests and keeps the average of the weights over about this share of the steps, which evens out chance; 0 is off.",
        minimum=0.0,
        maximum=1.0,
    )
    label_smoothing: float = option(
        0.0,
        title="Label smoothing",
        help="Aims slightly below certainty, which helps when some labels in the data are wrong.",
        minimum=0.0,
        below=1.0,
    )
    selection_metric: str | None = option(
        None,
        title="Best checkpoint by",
        help="Validation figure by which the checkpoint to keep is chosen. Automatic: the task's usual F1.",
    )
    early_stopping_patience: int = option(
        0,
        title="Stop early after",
        help="Epochs without a better validation figure after which training ends; 0 always trains to the end.",
        minimum=0,
        maximum=1000,
    )
    precision: str = option(
        "automatic",
        title="Precision",
        help="Number format of the arithmetic. bfloat16 is several times faster where the machine has it, with the same result.",
        choices={"automatic": "Automatic", "float32": "float32", "bfloat16": "bfloat16", "float16": "float16 (GPU only)"},
    )
    device: str = option(
        "automatic",
        title="Device",
        help="Where the model is trained. Automatic takes a GPU if there is one.",
        choices={"automatic": "Automatic", "cpu": "Processor", "cuda": "NVIDIA GPU", "mps": "Apple GPU"},
    )
    seed: int = option(
        0,
        title="Seed",
        help="Start of all random choices; the same seed on the same machine gives the same run.",
        minimum=0,
        maximum=2**31 - 1,
    )

    def __post_init__(self) -> None:
        validate("training", self)
        if self.precision == "float16" and self.device == "cpu":
            raise ConfigError(
                "training.precision", "is float16, which processors cannot train with. Choose automatic, bfloat16 or float32."
            )


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything a run is told. Equal configs on equal rows and the same machine give equal runs."""

    data: DataConfig
    model: ModelConfig = field(default_factory=ModelConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    recipe: str = "automatic"

    def to_dict(self) -> dict[str, Any]:
        """Nested plain dictionaries, in the order of declaration."""
        return dataclasses.asdict(self)

    def to_yaml(self) -> str:
        """The config as YAML text that ``from_yaml`` reads back equal."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Build a config from nested mappings.

        Raises:
            ConfigError: a section or key is unknown or missing, or a value is not allowed.
        """
        unknown = set(raw) - {declared.name for declared in dataclasses.fields(cls)}
        if unknown:
            raise ConfigError(
                sorted(unknown)[0], f"is not a section of a run config; known are {', '.join(SECTIONS)} and recipe."
            )
        parts: dict[str, Any] = {name: _section_from(name, raw.get(name) or {}) for name in SECTIONS}
        return cls(**parts, recipe=str(raw.get("recipe", "automatic")))

    @classmethod
    def from_yaml(cls, text: str) -> Self:
        """Read YAML text.

        Raises:
            ConfigError: the text is not YAML (with the line), or ``from_dict`` refuses it.
        """
        return cls.from_dict(mapping_from_yaml(text))

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """A copy in which the named fields, dotted or bare, have other values.

        Raises:
            ConfigError: a name is unknown or a value is not allowed.
        """
        changed: dict[str, dict[str, Any]] = {}
        for name, raw in values.items():
            section, field_name = locate(name)
            hint = typing.get_type_hints(SECTIONS[section])[field_name]
            changed.setdefault(section, {})[field_name] = parse(raw, hint)
        replaced: dict[str, Any] = {
            section: dataclasses.replace(getattr(self, section), **fields) for section, fields in changed.items()
        }
        return dataclasses.replace(self, **replaced)


SECTIONS: dict[str, type] = {
    "data": DataConfig,
    "model": ModelConfig,
    "optimizer": OptimizerConfig,
    "schedule": ScheduleConfig,
    "training": TrainingConfig,
}


def field_names() -> Iterator[tuple[str, str]]:
    """Every (section, field) pair, in the order of declaration."""
    for section, kind in SECTIONS.items():
        for declared in dataclasses.fields(kind):
            yield section, declared.name


def locate(name: str) -> tuple[str, str]:
    """Section and field that a dotted or bare name stands for.

    Raises:
        ConfigError: no field has this name.
    """
    for section, field_name in field_names():
        if name in (field_name, f"{section}.{field_name}"):
            return section, field_name
    known = ", ".join(field_name for section, field_name in field_names() if section != "data")
    raise ConfigError(name, f"is not an option; known are {known}.")


def mapping_from_yaml(text: str) -> dict[str, Any]:
    """The nested mapping a YAML text holds; nothing but plain values is ever built from it.

    Raises:
        ConfigError: the text is not YAML, or not a mapping.
    """
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(
            "config", f"is not valid YAML{where}. Correct the file, or download a run's config to start from."
        ) from None
    if not isinstance(raw, dict):
        raise ConfigError("config", f"holds {type(raw).__name__}, expected sections such as 'training:' with keys below them.")
    return raw


def _section_from(name: str, raw: Any) -> Any:
    kind = SECTIONS[name]
    if not isinstance(raw, Mapping):
        raise ConfigError(name, f"is {raw!r}; expected keys and values below it.")
    hints = typing.get_type_hints(kind)
    for key in raw:
        if key not in hints:
            raise ConfigError(f"{name}.{key}", f"is not an option; {name} knows {', '.join(hints)}.")
    for declared in dataclasses.fields(kind):
        if declared.default is dataclasses.MISSING and declared.name not in raw:
            raise ConfigError(f"{name}.{declared.name}", "is missing. Add it, or start from a downloaded config.")
    return kind(**{key: parse(value, hints[key]) for key, value in raw.items()})
