"""The run config: all settings of a run, as one frozen object that validates itself.

It is filled in by the form, the command line or a YAML file. Field names are unique across sections, so
``learning_rate=2e-4`` means the same as ``optimizer.learning_rate=2e-4``.
"""

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import yaml

from core.config.options import option_of, parse
from core.config.safe_yaml import mapping_from_yaml
from core.config.sections import (
    ComputeConfig,
    DataConfig,
    HeadConfig,
    LearningConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    ScheduleConfig,
    TrainingConfig,
)
from core.config.yaml_lines import places_in_yaml, pointing_at
from core.errors import ConfigError
from core.text_format import shown

__all__ = [
    "SECTIONS",
    "SECTION_TITLES",
    "ComputeConfig",
    "DataConfig",
    "HeadConfig",
    "LearningConfig",
    "LossConfig",
    "ModelConfig",
    "OptimizerConfig",
    "RunConfig",
    "ScheduleConfig",
    "TrainingConfig",
    "field_names",
    "locate",
    "mapping_from_yaml",
]


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """All settings of a run. Equal configs on equal rows and the same machine give equal runs."""

    data: DataConfig
    model: ModelConfig = field(default_factory=ModelConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
    learning: LearningConfig = field(default_factory=LearningConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    compute: ComputeConfig = field(default_factory=ComputeConfig)
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
                sorted(map(str, unknown))[0][:100],
                f"is not a section of a run config; expected one of {', '.join(SECTIONS)} and recipe.",
            )
        parts: dict[str, Any] = {name: _section_from(name, raw.get(name) or {}) for name in SECTIONS}
        return cls(**parts, recipe=str(raw.get("recipe", "automatic")))

    @classmethod
    def from_yaml(cls, text: str) -> Self:
        """Read YAML text.

        Raises:
            ConfigError: the text is not YAML, or ``from_dict`` refuses it; names the line.
        """
        raw = mapping_from_yaml(text)
        with pointing_at(places_in_yaml(text)):
            return cls.from_dict(raw)

    def value(self, name: str) -> Any:
        """The value of a field, given by its dotted or bare name.

        Raises:
            ConfigError: no field has this name.
        """
        section, field_name = locate(name)
        return getattr(getattr(self, section), field_name)

    def reads(self, name: str) -> bool:
        """Whether the field ``name`` has an effect, given the value of the field it needs.

        Raises:
            ConfigError: no field has this name.
        """
        section, field_name = locate(name)
        needs = option_of(SECTIONS[section], field_name).needs
        return needs is None or self.value(needs[0]) in needs[1]

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """A copy with other values for the named fields, dotted or bare.

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
    "head": HeadConfig,
    "learning": LearningConfig,
    "optimizer": OptimizerConfig,
    "schedule": ScheduleConfig,
    "loss": LossConfig,
    "training": TrainingConfig,
    "compute": ComputeConfig,
}

SECTION_TITLES = {
    "data": "Data",
    "model": "Model",
    "head": "Head",
    "learning": "Trainable parameters",
    "optimizer": "Optimizer",
    "schedule": "Learning-rate schedule",
    "loss": "Loss and class imbalance",
    "training": "Training",
    "compute": "Hardware and precision",
}


def field_names() -> Iterator[tuple[str, str]]:
    """Every (section, field) pair, in the order of declaration."""
    for section, kind in SECTIONS.items():
        for declared in dataclasses.fields(kind):
            yield section, declared.name


def locate(name: str) -> tuple[str, str]:
    """Section and field of a dotted or bare name.

    Raises:
        ConfigError: no field has this name.
    """
    for section, field_name in field_names():
        if name in (field_name, f"{section}.{field_name}"):
            return section, field_name
    known = ", ".join(field_name for section, field_name in field_names() if section != "data")
    raise ConfigError(name[:100], f"is not an option; expected one of {known}.")


def _section_from(name: str, raw: Any) -> Any:
    kind = SECTIONS[name]
    if not isinstance(raw, Mapping):
        raise ConfigError(name, f"is {shown(raw)}; expected a section with keys and values.")
    hints = typing.get_type_hints(kind)
    for key in raw:
        if key not in hints:
            raise ConfigError(f"{name}.{str(key)[:100]}", f"is not an option; expected one of {', '.join(hints)}.")
    for declared in dataclasses.fields(kind):
        if declared.default is dataclasses.MISSING and declared.name not in raw:
            raise ConfigError(f"{name}.{declared.name}", "is missing. Add it, or start from a downloaded config.")
    return kind(**{key: parse(value, hints[key]) for key, value in raw.items()})
