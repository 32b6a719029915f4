"""The interface of repairs: definition, parameters, input and result.

The changes of a repair are counted by comparing the rows before and after; repairs do not report their own numbers. Repairs
change copies and write no files. They keep the ``id`` of every row and the order of rows.
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
"""Type of a parameter: one of its choices, several of them, a boolean, a whole number, one label of the data set or several,
old label -> new label, pieces of text, one text, an extra column of the file, ids of examples, or corrected labels."""

Parameters = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter of a repair that the user can set.

    Attributes:
        name: as in JSON and on the command line.
        title: on screen.
        help: its effect, in one sentence.
        kind: its type.
        default: value if none is given; parameters without a default are required.
        choices: value -> display text, for ``choice`` and ``choices``.
        minimum: smallest allowed number.
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
    """The input of a repair.

    Attributes:
        examples: columns ``id, split, record, text`` and the targets; index from 0.
        task: the task of the examples.
        extra: extra columns of the file, ids as index.
        splitting: how the splits were created.
    """

    examples: pd.DataFrame
    task: Task
    extra: pd.DataFrame = field(default_factory=pd.DataFrame)
    splitting: Mapping[str, Any] = field(default_factory=dict)

    @property
    def targets(self) -> list[str]:
        """The target columns."""
        return list(self.task.target_columns)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of a repair function.

    Attributes:
        examples: the rows that stay, in their order.
        removed: id of each deleted row -> the reason, as a sentence.
        pooled: deleted rows whose text moves to the pool of unlabelled texts.
        notes: remarks, as full sentences.
        splitting: how the splits are created now, if the repair changed them.
    """

    examples: pd.DataFrame
    removed: Mapping[int, str] = field(default_factory=dict)
    pooled: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()
    splitting: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class RepairResult(Outcome):
    """An outcome with its change counts.

    Attributes:
        num_changed: rows that stay and differ in text, label or split.
        num_removed: deleted rows.
        changes: some of the changed or deleted rows, before and after.
    """

    num_changed: int
    num_removed: int
    changes: tuple[RowChange, ...]


@dataclass(frozen=True, kw_only=True)
class Repair:
    """A repair of a data set.

    Attributes:
        name: for machines.
        title: display title, as an action.
        help: what it does and when it helps, in one or two sentences.
        run: the function that does it.
        parameters: the parameters that the user can set.
        text: its effect on a single text, if it works text by text; also applied to the pool of unlabelled texts.
        cell: its effect on a cell of an extra column, if those need it too.
        tasks: names of the tasks it applies to; all tasks if empty.
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
            DatasetError: a parameter is unknown, missing or of the wrong type; states which, and what is expected.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        if unknown := [name for name in parameters if name not in known]:
            there = f"Its parameters: {quoted(known)}." if known else "It has no parameters."
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
        """Apply the repair to a copy of the rows.

        Args:
            examples: columns ``id, split, record, text`` and the targets.
            task: the task of the examples.
            parameters: see ``parameters``.
            extra: extra columns of the file, ids as index.
            splitting: how the splits were created.

        Raises:
            DatasetError: the parameters are invalid, or the repair cannot be applied to these rows.
        """
        if self.tasks and task.name not in self.tasks:
            raise DatasetError(f"Repair {self.name!r} is not available for the task {task.title!r}. Choose another repair.")
        before = examples.reset_index(drop=True)
        repair_input = RepairInput(
            examples=before, task=task, extra=extra if extra is not None else pd.DataFrame(), splitting=splitting or {}
        )
        outcome = self.run(repair_input, self.complete(parameters))
        compared = compare_rows(before, outcome.examples, repair_input.targets)
        assert set(compared.removed.tolist()) == set(outcome.removed), "every deleted row has a reason"
        assert not len(compared.added), "a repair adds no rows"
        return RepairResult(
            **{name: getattr(outcome, name) for name in ("removed", "pooled", "notes", "splitting")},
            examples=outcome.examples.reset_index(drop=True),
            num_changed=len(compared.changed),
            num_removed=len(compared.removed),
            changes=sample_changes(before, outcome.examples, compared, repair_input.targets, reasons=outcome.removed),
        )


def _problem(parameter: Parameter, value: Any) -> str:
    """The problem of a value, or an empty string."""
    kind = parameter.kind
    if kind == "choice" and value not in parameter.choices:
        return f"is {short(str(value))}; expected one of {quoted(parameter.choices)}."
    if kind in ("choices", "labels", "texts"):
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            return "must be a list of strings."
        if kind == "choices" and (odd := [item for item in value if item not in parameter.choices]):
            return f"contains {short(odd[0])}; allowed are {quoted(parameter.choices)}."
    if kind == "switch" and not isinstance(value, bool):
        return "must be true or false."
    if kind == "number" and (isinstance(value, bool) or not isinstance(value, int) or value < parameter.minimum):
        return f"is {short(str(value))}; expected a whole number of at least {parameter.minimum}."
    if kind in ("label", "text", "column") and not isinstance(value, str):
        return "must be a string."
    if kind == "mapping" and not (
        isinstance(value, Mapping) and all(isinstance(item, str) for pair in value.items() for item in pair)
    ):
        return 'must map the old name of each label to its new name, such as {"Billing": "billing"}.'
    if kind == "ids" and not (isinstance(value, list | tuple) and all(_is_id(item) for item in value)):
        return "must be a list of example ids."
    if kind == "corrections" and not (
        isinstance(value, list | tuple) and all(isinstance(item, Mapping) and _is_id(item.get("id")) for item in value)
    ):
        return 'must be a list of corrections, each with the "id" of an example.'
    return ""


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def without(examples: pd.DataFrame, removed: Mapping[int, str]) -> pd.DataFrame:
    """The rows that stay."""
    return examples[~examples["id"].isin(list(removed))] if removed else examples
