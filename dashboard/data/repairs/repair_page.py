"""Repairs of a data set: a repair is chosen, previewed, and becomes a new version. Nothing is changed in place.

Several repairs can be collected and applied together. The collection is kept in the session, for each data set.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from core.datasets.checks.finding import RepairOffer
from core.datasets.dataset import Dataset
from core.datasets.repairs import REPAIRS, RepairStep
from core.datasets.versions.draft import Draft
from core.errors import UserError
from core.runs.store.records import DatasetRecord
from core.workspace import dataset_versions
from dashboard.data.repairs.diff_preview import draw_rows, draw_sum
from dashboard.data.repairs.parameter_form import draw_parameters
from dashboard.shared import formats, state, widgets
from dashboard.shared.escaping import markdown_text

KINDS = {
    "Texts": ("strip_whitespace", "normalise_characters", "remove_markup", "cut_boilerplate", "mask_personal_data"),
    "Labels": ("merge_labels", "drop_labels", "drop_rare_labels", "unlabel", "fix_tags"),
    "Rows": ("drop_duplicates", "resolve_conflicts"),
    "Splits": ("group_duplicates_into_one_split", "split_by_group", "split_by_time", "split_anew"),
}
"""Groups of repairs on screen -> names of the repairs that can be chosen."""


def offer_button(dataset: Dataset, offer: RepairOffer, *, key: str = "") -> None:
    """A button for a repair that a finding offers; it opens the preview.

    Args:
        dataset: the data set to repair.
        offer: the repair with its parameters.
        key: distinguishes the buttons of findings that offer the same repair.
    """
    step = RepairStep(repair=offer.repair, parameters=dict(offer.parameters))
    identity = f"{key}-{offer.repair}-{hash(json.dumps(dict(offer.parameters), sort_keys=True, default=str))}"
    if st.button(markdown_text(offer.title, longest=60), icon=":material/build:", key=f"offer-{dataset.id}-{identity}"):
        repair_dialog((dataset.id, (step,), True))


def draw_repairs(record: DatasetRecord, dataset: Dataset) -> None:
    """The repairs collected so far, and all repairs to choose from."""
    st.caption(
        "A repair creates a new version of this data set. This version and the runs that used it stay unchanged. "
        "You see a preview before anything is saved."
    )
    _draw_collected(record, dataset)
    fitting = {
        kind: [name for name in names if not REPAIRS[name].tasks or dataset.task in REPAIRS[name].tasks]
        for kind, names in KINDS.items()
    }
    kind = st.segmented_control("What to repair", list(fitting), default="Texts", required=True, key=f"repair-kind-{dataset.id}")
    name = st.radio(
        "Repair",
        fitting[str(kind)],
        format_func=lambda one: REPAIRS[one].title,
        captions=[REPAIRS[one].help for one in fitting[str(kind)]],
        key=f"repair-name-{dataset.id}-{kind}",
        label_visibility="collapsed",
    )
    repair = REPAIRS[name]
    with st.container(border=bool(repair.parameters)):
        values = draw_parameters(repair, dataset, key=f"repair-{dataset.id}-{name}")
    if st.button(
        "Preview", type="primary", icon=":material/preview:", disabled=values is None, key=f"repair-preview-{dataset.id}"
    ):
        assert values is not None
        repair_dialog((dataset.id, (RepairStep(repair=name, parameters=values),), True))


def _draw_collected(record: DatasetRecord, dataset: Dataset) -> None:
    steps = collected(dataset.id)
    if not steps:
        return
    with st.container(border=True):
        st.markdown(f"**{formats.plural(len(steps), 'repair')} in the next version**")
        for place, step in enumerate(steps):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.text(f"{place + 1}. {step.title}", width="stretch")
                if st.button("Remove", icon=":material/close:", type="tertiary", key=f"leave-out-{record.id}-{place}"):
                    _collect(dataset.id, [other for number, other in enumerate(steps) if number != place])
                    st.rerun()
        if st.button("Preview all", type="primary", icon=":material/preview:", key=f"preview-all-{record.id}"):
            repair_dialog((dataset.id, tuple(steps), False))


def collected(dataset_id: str) -> list[RepairStep]:
    """Repairs collected in this tab for the next version of a data set, in order."""
    steps: list[RepairStep] = st.session_state.get(f"repairs-{dataset_id}", [])
    return list(steps)


def _collect(dataset_id: str, steps: Sequence[RepairStep]) -> None:
    st.session_state[f"repairs-{dataset_id}"] = list(steps)


@st.dialog("Preview", width="large", icon=":material/build:")
def repair_dialog(asked: tuple[str, tuple[RepairStep, ...], bool]) -> None:
    """The preview of repairs, and the button that creates the version.

    Args:
        asked: id of the data set, the repairs, and whether they are added to those already collected.
    """
    dataset_id, steps, adds = asked
    workspace = state.workspace()
    try:
        dataset = workspace.dataset(dataset_id)
        everything = [*collected(dataset_id), *steps] if adds else list(steps)
        with st.spinner("Computing the changes…", show_time=True):
            draft = draft_of(dataset.folder, everything)
    except UserError as error:
        widgets.show_error(str(error), title="This repair is not possible")
        return
    if adds and len(everything) > len(steps):
        st.caption(f"Together with {formats.plural(len(everything) - len(steps), 'repair')} added before.")
    draw_sum(draft)
    with st.container(horizontal=True):
        make = st.button(
            "Create new version", type="primary", icon=":material/save:", disabled=not draft.changes_anything, key="make-version"
        )
        more = adds and st.button(
            "Add to next version", icon=":material/playlist_add:", disabled=not draft.changes_anything, key="collect-repair",
            help="Collect several repairs, then create one version from them.",
        )  # fmt: skip
    draw_rows(draft, key=f"draft-{dataset_id}")
    if make:
        with widgets.errors_shown():
            open_version(dataset_versions.save(workspace, draft))
    if more:
        _collect(dataset_id, everything)
        state.flash("Repair added to the next version. Create the version on the Repair tab.")
        st.rerun()


def open_version(record: DatasetRecord) -> None:
    """Open the page of a version that was just created."""
    if record.parent_id is not None:
        _collect(record.parent_id, [])
        st.session_state.pop(f"corrections-{record.parent_id}", None)
    state.flash(f"Created {markdown_text(record.name, longest=60)} with {formats.plural(record.num_examples, 'example')}.")
    state.remember_id("dataset", record.id)
    st.query_params["dataset"] = record.id
    st.rerun()


def draft_of(folder: Path, steps: Sequence[RepairStep]) -> Draft:
    """The result of repairs on a data set; the last few are cached, so that turning a page is fast.

    Raises:
        UserError: the repairs are not possible.
    """
    serialized = json.dumps([[step.repair, dict(step.parameters)] for step in steps], ensure_ascii=False)
    return _draft(folder, serialized, state.workspace().settings.max_labels)


@st.cache_resource(show_spinner=False, max_entries=4, ttl=1800)
def _draft(folder: Path, serialized: str, max_labels: int) -> Draft:
    from core.datasets.dataset import open_dataset
    from core.datasets.versions.draft import draft_version

    steps = [RepairStep(repair=repair, parameters=parameters) for repair, parameters in json.loads(serialized)]
    return draft_version(open_dataset(folder), steps, max_labels=max_labels)
