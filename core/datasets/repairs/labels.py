"""Repairs of labels: merging, deleting, and treating some as missing."""

from collections import Counter
from collections.abc import Mapping

from core.datasets.repairs.repair import Outcome, Parameter, Parameters, Repair, RepairInput, without
from core.datasets.repairs.targets import relabelled
from core.errors import DatasetError
from core.text_format import counted, quoted, short


def merged_name(label: str, mapping: Mapping[str, str]) -> str:
    """The final name of a label after following every step of the mapping.

    Raises:
        DatasetError: the mapping contains a cycle.
    """
    seen = {label: None}
    while (following := mapping.get(label, label)) != label:
        if following in seen:
            raise DatasetError(f"The new names of labels {quoted(seen)} form a cycle. Choose one name that is kept.")
        seen[following] = None
        label = following
    return label


def _merge_labels(repair_input: RepairInput, parameters: Parameters) -> Outcome:
    mapping: Mapping[str, str] = parameters["mapping"]
    if empty := [old for old, new in mapping.items() if not new.strip()]:
        raise DatasetError(f"Label {short(empty[0])} would get an empty name. Enter a name, or delete the label.")
    known = _known(repair_input)
    absent = [old for old in mapping if old not in known]
    notes = (f"{counted(len(absent), 'label')} to merge not found: {quoted(absent, 5)}.",) if absent else ()
    final = {label: merged_name(label, mapping).strip() for label in known}
    return Outcome(examples=relabelled(repair_input.examples, lambda label: final[label]), notes=notes)


def _drop_labels(repair_input: RepairInput, parameters: Parameters) -> Outcome:
    return _without_labels(repair_input, frozenset(parameters["labels"]), "Its label {} was deleted.")


def _drop_rare_labels(repair_input: RepairInput, parameters: Parameters) -> Outcome:
    minimum, into = int(parameters["minimum"]), (parameters["into"] or "").strip()
    counts = _known(repair_input)
    rare = frozenset(label for label, number in counts.items() if number < minimum and label != into)
    if not rare:
        return Outcome(examples=repair_input.examples, notes=(f"Every label has at least {minimum} examples.",))
    named = f"{counted(len(rare), 'label')} with fewer than {minimum} examples: {quoted(sorted(rare), 8)}."
    if into:
        renamed = relabelled(repair_input.examples, lambda label: into if label in rare else label)
        return Outcome(examples=renamed, notes=(named,))
    outcome = _without_labels(repair_input, rare, f"Its label {{}} has fewer than {minimum} examples.")
    return Outcome(examples=outcome.examples, removed=outcome.removed, notes=(named, *outcome.notes))


def _unlabel(repair_input: RepairInput, parameters: Parameters) -> Outcome:
    labels = frozenset(parameters["labels"])
    if "label" in repair_input.examples:
        outcome = _without_labels(repair_input, labels, "Its label {} means that the row is unlabelled.")
        return Outcome(examples=outcome.examples, removed=outcome.removed, pooled=frozenset(outcome.removed))
    found = [not row or bool(labels & set(row)) for row in repair_input.task.row_labels(repair_input.examples)]
    reason = "It has no label." if not labels else "Its labels mean that the row is unlabelled."
    removed = dict.fromkeys(repair_input.examples.loc[found, "id"].tolist(), reason)
    return Outcome(examples=without(repair_input.examples, removed), removed=removed, pooled=frozenset(removed))


def _without_labels(repair_input: RepairInput, labels: frozenset[str], reason: str) -> Outcome:
    """Remove labels. Rows that lose all their labels are deleted, since they would become negative examples.

    Other rows stay without the labels, and so do texts with tagged words, since their other words are still correctly tagged.

    Args:
        repair_input: the rows.
        labels: the labels to remove.
        reason: why a row is deleted, with a placeholder for the label.
    """
    examples = relabelled(repair_input.examples, lambda label: None if label in labels else label)
    if "tags" in examples:
        return Outcome(examples=examples)
    before = repair_input.task.row_labels(repair_input.examples)
    after = examples["label"].notna() if "label" in examples else examples["labels"].map(len) > 0
    ids = examples["id"].tolist()
    removed = {
        int(id_): reason.format(quoted(had, 5)) for id_, had, stays in zip(ids, before, after, strict=True) if had and not stays
    }
    return Outcome(examples=without(examples, removed), removed=removed)


def _known(repair_input: RepairInput) -> Counter[str]:
    """Every label and the number of rows in which it occurs."""
    return Counter(label for row in repair_input.task.row_labels(repair_input.examples) for label in row)


REPAIRS = (
    Repair(
        name="merge_labels",
        title="Merge or rename labels",
        help="Gives labels with the same meaning one name.",
        run=_merge_labels,
        parameters=(
            Parameter(
                name="mapping",
                title="New names",
                help='Old name -> new name, such as {"Billing ": "billing"}.',
                kind="mapping",
                required=True,
            ),
        ),
    ),
    Repair(
        name="drop_labels",
        title="Delete labels",
        help="Deletes rows without other labels. Rows with other labels, or with tagged words, stay and lose only these labels.",
        run=_drop_labels,
        parameters=(Parameter(name="labels", title="Labels to delete", help="Names of labels.", kind="labels", required=True),),
    ),
    Repair(
        name="drop_rare_labels",
        title="Delete or merge rare labels",
        help="A label with only a few examples can neither be learned nor evaluated.",
        run=_drop_rare_labels,
        parameters=(
            Parameter(
                name="minimum",
                title="Minimum number of examples",
                help="Labels that occur in fewer rows are deleted; all splits are counted.",
                kind="number",
                default=5,
                minimum=1,
            ),
            Parameter(
                name="into",
                title="Merge into label",
                help="One name for all rare labels, such as other. If empty, rows whose only label is rare are deleted.",
                kind="text",
                default="",
            ),
        ),
    ),
    Repair(
        name="unlabel",
        title="Move unlabelled rows to the pool",
        help="Rows whose label only means that they are unlabelled (NA, none, unknown) move to the pool of unlabelled texts. "
        "In data sets with several labels per text, rows without any label move too.",
        run=_unlabel,
        parameters=(
            Parameter(
                name="labels",
                title="Labels that mean 'not labelled'",
                help="Names of labels.",
                kind="labels",
                default=[],
            ),
        ),
        tasks=frozenset({"single_label", "multi_label"}),
    ),
)
