"""The Train page: what is chosen on the left, what will happen on the right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.config import RunConfig
from core.datasets.dataset import Dataset
from core.errors import ConfigError, UserError
from core.models.catalogue import BUNDLED, ModelInfo, describe
from core.runs.records import DatasetRecord
from core.tasks import get_task
from core.training.preparing import TrainingPlan, new_run_config, plan
from core.training.recipes import RECIPES
from dashboard import formats, forms, state, widgets
from dashboard.escaping import markdown_text

_SOURCES = {"bundled": "Bundled", "folder": "Local folder", "hub": "Hugging Face hub"}


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A run that could be launched now."""

    record: DatasetRecord
    config: RunConfig
    plan: TrainingPlan
    model: ModelInfo
    changed: dict[str, Any]


def draw_choices(records: Sequence[DatasetRecord]) -> Prepared | None:
    """The form.

    Returns:
        What would be launched, or nothing while a model has yet to be named.

    Raises:
        UserError: what was chosen does not fit together.
    """
    record = _draw_dataset(records)
    reference = _draw_model()
    recipe = st.segmented_control(
        "Recipe",
        list(RECIPES),
        format_func=lambda name: RECIPES[name].title,
        default="automatic",
        required=True,
        key="train-recipe",
    )
    recipe = str(recipe)
    st.caption(RECIPES[recipe].summary)
    if not reference:
        return None
    return _draw_settings(record, reference, recipe)


def draw_refusal(error: UserError) -> None:
    """Why what was chosen cannot be launched, with the field's name as the form shows it."""
    if isinstance(error, ConfigError):
        section, _, name = error.field.partition(".")
        widgets.show_error(f"{_field_title(section, name)} {error.problem}", title="One setting does not fit")
    else:
        widgets.show_error(str(error), title="This cannot be trained as it is")


def _draw_dataset(records: Sequence[DatasetRecord]) -> DatasetRecord:
    by_id = {record.id: record for record in records}
    wanted = state.remembered_id("dataset")
    current = wanted if wanted in by_id else records[0].id
    state.remember_id("dataset", current)
    if state.id_in_url("dataset") != current:
        st.query_params["dataset"] = current
    st.session_state["train-dataset"] = current

    def picked() -> None:
        st.query_params["dataset"] = st.session_state["train-dataset"]

    st.selectbox("Data set", list(by_id), format_func=lambda one: by_id[one].name, key="train-dataset", on_change=picked)
    record = by_id[current]
    task = get_task(record.task)
    st.caption(f"{task.title} · {formats.plural(record.num_examples, 'example')} · {formats.plural(record.num_labels, 'label')}")
    return record


def _draw_model() -> str:
    source = st.segmented_control(
        "Model", list(_SOURCES), format_func=_SOURCES.__getitem__, default="bundled", required=True, key="train-model-source"
    )
    if source == "bundled":
        st.caption("all-MiniLM-L6-v2, English, 22.7 million parameters: small, fast and good. Comes with Tuneboard; no download.")
        return BUNDLED
    if source == "folder":
        return (
            st.text_input(
                "Folder of a transformers model",
                key="train-model-folder",
                placeholder="/home/me/models/my-bert",
                help="A folder on the machine Tuneboard runs on, with config.json, tokenizer and *.safetensors.",
            )
            or ""
        ).strip()
    hub_id = st.text_input(
        "Model id",
        key="train-model-hub",
        placeholder="google-bert/bert-base-multilingual-cased",
        help="Weights are taken as safetensors only; code that comes with a model is never run.",
    )
    st.caption("The model is downloaded from huggingface.co once, when the run starts. Nothing of your data is sent.")
    return (hub_id or "").strip()


def _draw_settings(record: DatasetRecord, reference: str, recipe: str) -> Prepared:
    workspace = state.workspace()
    dataset, hub_folder = workspace.dataset(record.id), workspace.settings.hub_models_folder
    info = describe(reference, hub_folder)
    recommended, reasons = new_run_config(dataset, hub_folder=hub_folder, model=reference, recipe=recipe)
    key = f"option-{record.id}-{reference}-{recipe}"
    choices = {"selection_metric": {metric: metric.replace("_", " ") for metric in get_task(dataset.task).metric_names}}
    st.subheader("Settings", anchor=False)
    changed = forms.draw_essential(recommended, reasons, key=key, choices=choices)
    with st.expander("All options", icon=":material/tune:"):
        changed |= forms.draw_rest(recommended, reasons, key=key, choices=choices)
    config, _ = new_run_config(dataset, hub_folder=hub_folder, model=reference, recipe=recipe, values=changed)
    return Prepared(record=record, config=config, plan=_plan(config, dataset, info), model=info, changed=changed)


def _plan(config: RunConfig, dataset: Dataset, info: ModelInfo) -> TrainingPlan:
    with st.spinner("Looking at the texts…"):
        return plan(config, dataset, info)


def _field_title(section: str, name: str) -> str:
    for fields in (*forms.fields_of(essential=True).values(), *forms.fields_of(essential=False).values()):
        for field in fields:
            if (field.section, field.name) == (section, name):
                return field.declared.title
    return name or section


def draw_launch(prepared: Prepared) -> None:
    """What will happen, in plain figures, and the button."""
    foreseen = prepared.plan
    with st.container(border=True):
        st.subheader("What will happen", anchor=False)
        left, right = st.columns(2)
        examples = foreseen.num_examples
        left.metric("Training examples", formats.count(examples["train"]))
        right.metric(
            "Estimated time", f"about {formats.rough_duration(foreseen.estimated_s)}" if foreseen.estimated_s else "not known yet"
        )
        left.metric("Epochs", formats.count(foreseen.epochs))
        right.metric(
            "Steps", formats.count(foreseen.total_steps), help=f"{formats.count(foreseen.steps_per_epoch)} in each epoch"
        )
        st.caption(
            f"After each epoch the model is measured on {formats.count(examples['validation'])} validation examples and the best "
            f"checkpoint is kept; at the end it is tested once on {formats.count(examples['test'])} test examples."
        )
        st.caption(f"On {markdown_text(foreseen.device)} in {markdown_text(foreseen.precision)}.")
        if foreseen.median_tokens is not None:
            st.caption(
                f"A typical text has {formats.plural(foreseen.median_tokens, 'token')}, "
                f"the longest {formats.count(foreseen.longest_tokens or 0)}; "
                f"the model reads {formats.count(foreseen.max_length)}."
            )
        for note in foreseen.notes:
            st.warning(markdown_text(note, longest=600), icon=":material/info:")
        if prepared.changed:
            st.caption(f"{formats.plural(len(prepared.changed), 'setting')} changed from the recipe.")
        name = st.text_input("Name of the run", key="train-name", placeholder="Made from the data set's name", max_chars=120)
        if st.button("Launch", type="primary", icon=":material/rocket_launch:", width="stretch", key="launch"):
            run_id = _launch(prepared, name)
            if run_id is not None:
                state.go_to(state.RUN_PAGE, run=run_id)


def _launch(prepared: Prepared, name: str | None) -> str | None:
    try:
        return state.workspace().launch(prepared.config, name=(name or "").strip() or None).id
    except UserError as error:
        widgets.show_error(str(error))
        return None
