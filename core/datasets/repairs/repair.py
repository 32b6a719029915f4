"""What a repair is, what it is given and what it gives back.

Owns the shapes, and the count of what a repair did, which is taken by comparing the rows before and after: no repair reports its
own figures. Repairs change copies; nothing here writes a file. They keep the ``id`` of every row and the order of rows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from core.datasets.row_diff import RowChange, compare_rows, sample_changes
from core.errors import DatasetError
from core.tasks.base import Task
from core.text_format import quoted, short

Kind = Literal[
    "choice", "choices", "switch", "number", "label", "labels", "mapping", "texts", "text", "column", "ids", "corrections"
]
"""What values a parameter takes: one of its choices, several of them, yes or no, a whole number, one label of the data set or
several, old label -> new label, pieces of text, one text, a further column of the file, ids of examples, or corrected answers."""

Parameters = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A choice that a repair leaves to the person.

    Attributes:
        name: as in JSON and on the command line.
        title: on screen.
        help: what it does, in a sentence.
        kind: what values it takes.
        default: value where none is given; a parameter without one has to be given.
        choices: value -> words for it, for ``choice`` and ``choices``.
        minimum: smallest number.
    """

    name: str
    title: str
    help: str
    kind: Kind
    default: Any = None
    choices: Mapping[str, str] = field(default_factory=dict)
    minimum: int = 0
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class RepairInput:
    """What a repair works on.

    Attributes:
        examples: columns ``id, split, record, text`` and the targets; index from 0.
        task: whose examples they are.
        extra: further columns of the file, ids as index.
        splitting: how the splits were made.
    """

    examples: pd.DataFrame
    task: Task
    extra: pd.DataFrame = field(default_factory=pd.DataFrame)
    splitting: Mapping[str, Any] = field(default_factory=dict)

    @property
    def targets(self) -> list[str]:
        """Columns that hold the answers."""
        return list(self.task.target_columns)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the function of a repair gives.

    Attributes:
        examples: the rows that stay, in their order.
        removed: id of each row taken out -> why, in a sentence.
        pooled: those of them whose text stays, in the pool of unlabelled texts.
        notes: what is worth knowing, in plain sentences.
        splitting: how the splits are made now, where the repair made them.
    """

    examples: pd.DataFrame
    removed: Mapping[int, str] = field(default_factory=dict)
    pooled: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()
    splitting: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class RepairResult(Outcome):
    """An outcome with its account.

    Attributes:
        num_changed: rows that stay and differ in text, answer or split.
        num_removed: rows taken out.
        changes: some of the rows changed or removed, before and after.
    """

    num_changed: int
    num_removed: int
    changes: tuple[RowChange, ...]


@dataclass(frozen=True, kw_only=True)
class Repair:
    """One way of mending a data set.

    Attributes:
        name: for machines.
        title: on screen, as something to do.
        help: what it does and when it helps, in a sentence or two.
        run: what does it.
        parameters: what the person may choose.
        text: what it does to any single text, where it works text by text; the pool of unlabelled texts is treated alike.
        cell: what it does to a cell of a further column, where those need it too.
        tasks: names of the tasks it makes sense for; all of them if empty.
    """

    name: str
    title: str
    help: str
    run: Callable[[RepairInput, Parameters], Outcome]
    parameters: tuple[Parameter, ...] = ()
    text: Callable[[Parameters], Callable[[str], str]] | None = None
    cell: Callable[[Parameters], Callable[[str], str]] | None = None
    tasks: frozenset[str] = frozenset()

    def complete(self, parameters: Mapping[str, Any]) -> Parameters:
        """The parameters with defaults for those not given.

        Raises:
            DatasetError: one is unknown, missing or not of its kind; says which, and what is expected.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        if unknown := [name for name in parameters if name not in known]:
            there = f"It takes {quoted(known)}." if known else "It takes none."
            raise DatasetError(f"Repair {self.name!r} has no parameter {short(str(unknown[0]))}. {there}")
        complete = {}
        for name, parameter in known.items():
            value = parameters.get(name)
            if value is None:
                if parameter.required:
                    raise DatasetError(f"Repair {self.name!r} needs {name!r}: {parameter.help}")
                value = parameter.default
            elif problem := _problem(parameter, value):
                raise DatasetError(f"Repair {self.name!r}: {name!r} {problem}")
            complete[name] = value
        return complete

    def apply(
        self,
        examples: pd.DataFrame,
        task: Task,
        parameters: Mapping[str, Any],
        *,
        extra: pd.DataFrame | None = None,
        splitting: Mapping[str, Any] | None = None,
    ) -> RepairResult:
        """Carry the repair out on a copy of the rows.

        Args:
            examples: columns ``id, split, record, text`` and the targets.
            task: whose examples they are.
            parameters: see ``parameters``.
            extra: further columns of the file, ids as index.
            splitting: how the splits were made.

        Raises:
            DatasetError: the parameters are wrong, or the repair cannot be carried out on these rows.
        """
        if self.tasks and task.name not in self.tasks:
            raise DatasetError(f"Repair {self.name!r} does nothing for {task.title.lower()}. Choose another one.")
        before = examples.reset_index(drop=True)
        repair_input = RepairInput(
            examples=before, task=task, extra=extra if extra is not None else pd.DataFrame(), splitting=splitting or {}
        )
        outcome = self.run(repair_input, self.complete(parameters))
        compared = compare_rows(before, outcome.examples, repair_input.targets)
        assert set(compared.removed.tolist()) == set(outcome.removed), "every row taken out has a reason"
        assert not len(compared.added), "a repair adds no rows"
        return RepairResult(
            **{name: getattr(outcome, name) for name in ("removed", "pooled", "notes", "splitting")},
            examples=outcome.examples.reset_index(drop=True),
            num_changed=len(compared.changed),
            num_removed=len(compared.removed),
            changes=sample_changes(before, outcome.examples, compared, repair_input.targets, reasons=outcome.removed),
        )


def _problem(parameter: Parameter, value: Any) -> str:
    """What is wrong with a value, or ``None``."""
    kind = parameter.kind
    if kind == "choice" and value not in parameter.choices:
        return f"is {short(str(value))}; expected one of {quoted(parameter.choices)}."
    if kind in ("choices", "labels", "texts"):
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            return "must be a list of texts."
        if kind == "choices" and (odd := [item for item in value if item not in parameter.choices]):
            return f"holds {short(odd[0])}; expected some of {quoted(parameter.choices)}."
    if kind == "switch" and not isinstance(value, bool):
        return "must be true or false."
    if kind == "number" and (isinstance(value, bool) or not isinstance(value, int) or value < parameter.minimum):
        return f"is {short(str(value))}; expected a whole number from {parameter.minimum}."
    if kind in ("label", "text", "column") and not isinstance(value, str):
        return "must be a text."
    if kind == "mapping" and not (
        isinstance(value, Mapping) and all(isinstance(item, str) for pair in value.items() for item in pair)
    ):
        return 'must say the old and the new name of each label, such as {"Billing": "billing"}.'
    if kind == "ids" and not (isinstance(value, list | tuple) and all(_is_id(item) for item in value)):
        return "must be a list of the ids of examples."
    if kind == "corrections" and not (
        isinstance(value, list | tuple) and all(isinstance(item, Mapping) and _is_id(item.get("id")) for item in value)
    ):
        return 'must be a list of corrected answers, each with the "id" of an example.'
    return ""


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def without(examples: pd.DataFrame, removed: Mapping[int, str]) -> pd.DataFrame:
    """The rows that stay."""
    return examples[~examples["id"].isin(list(removed))] if removed else examples
