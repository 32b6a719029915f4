"""The Train page: the form on the left, the training plan on the right."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.config.run_config import RunConfig
from core.config.yaml_lines import pointing_at
from core.datasets.dataset import Dataset
from core.errors import ConfigError, UserError
from core.models.hub import BUNDLED, ModelInfo, describe
from core.runs.store.records import DatasetRecord
from core.tasks import get_task
from core.training.planning.estimates import Surroundings, memory_in_words
from core.training.planning.recipes import RECIPES
from core.training.planning.run_plan import TrainingPlan, new_run_config, plan
from core.training.planning.truncation import Truncation, usual_cuts
from dashboard.charts.labels import token_lengths_figure
from dashboard.data.checks.warning import draw_warnings
from dashboard.shared import formats, state, widgets
from dashboard.shared.escaping import markdown_text
from dashboard.train import options_form
from dashboard.train.config_source import StartingPoint, draw_starting_point

_LAUNCHES = "train-launches"
_DOUBLE_CLICK_S = 2.0
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
        The run that would be launched, or None while the model is not named yet.

    Raises:
        UserError: the choices do not fit together.
    """
    record = _draw_dataset(records)
    try:
        start = draw_starting_point()
    except ConfigError as error:
        widgets.show_error(f"{error.field}{_place(error)} {error.problem}", title="Invalid config file")
        return None
    reference = _draw_model()
    st.session_state.setdefault("train-recipe", "automatic")
    recipe = str(
        st.segmented_control(
            "Recipe", list(RECIPES), format_func=lambda name: RECIPES[name].title, required=True, key="train-recipe"
        )
    )
    st.caption(RECIPES[recipe].summary)
    if not reference:
        return None
    return _draw_settings(record, reference, recipe, start)


def draw_refusal(error: UserError) -> None:
    """Why these choices cannot be launched, with the field's title as in the form."""
    if isinstance(error, ConfigError):
        section, _, name = error.field.partition(".")
        widgets.show_error(f"{_field_title(section, name)}{_place(error)} {error.problem}", title="Invalid setting")
    else:
        widgets.show_error(str(error), title="This run cannot be launched")


def _place(error: ConfigError) -> str:
    return f" ({error.place})" if error.place else ""


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
    st.session_state.setdefault("train-model-source", "bundled")
    source = st.segmented_control(
        "Model", list(_SOURCES), format_func=_SOURCES.__getitem__, required=True, key="train-model-source"
    )
    if source == "bundled":
        st.caption("all-MiniLM-L6-v2: English, 22.7 million parameters, small and fast. Included with Tuneboard, no download.")
        return BUNDLED
    if source == "folder":
        return (
            st.text_input(
                "Folder of a transformers model",
                key="train-model-folder",
                placeholder="/home/me/models/my-bert",
                help="A folder on the machine that runs Tuneboard, with config.json, tokenizer files and *.safetensors.",
            )
            or ""
        ).strip()
    hub_id = st.text_input(
        "Model ID",
        key="train-model-hub",
        placeholder="google-bert/bert-base-multilingual-cased",
        help="Only safetensors weights are loaded. Code that comes with a model is never run.",
    )
    st.caption("The model is downloaded once from huggingface.co when the run starts. None of your data is sent.")
    return (hub_id or "").strip()


def _draw_settings(record: DatasetRecord, reference: str, recipe: str, start: StartingPoint) -> Prepared:
    workspace = state.workspace()
    dataset, hub_folder = workspace.dataset(record.id), workspace.settings.hub_models_folder
    workspace.check_model(reference)
    info = describe(reference, hub_folder)
    recommended, reasons = new_run_config(dataset, hub_folder=hub_folder, model=reference, recipe=recipe)
    shown = recommended.with_values(start.values)
    key = f"option-{record.id}-{reference}-{recipe}-{start.key}"
    choices = {"selection_metric": {metric: metric.replace("_", " ") for metric in get_task(dataset.task).selection_metrics}}
    st.subheader("Settings", anchor=False)
    changed = options_form.draw_essential(recommended, shown, reasons, key=key, choices=choices)
    with st.expander("All options", icon=":material/tune:"):
        changed |= options_form.draw_rest(recommended, shown, reasons, key=key, choices=choices)
    as_uploaded = {
        name: place for name, place in start.places.items() if name in changed and changed[name] == start.values.get(name)
    }
    with pointing_at(as_uploaded):
        config, _ = new_run_config(dataset, hub_folder=hub_folder, model=reference, recipe=recipe, values=changed)
    return Prepared(record=record, config=config, plan=_plan(config, dataset, info), model=info, changed=changed)


def _plan(config: RunConfig, dataset: Dataset, info: ModelInfo) -> TrainingPlan:
    with st.spinner("Computing the training plan…"):
        settings = state.workspace().settings
        surroundings = Surroundings(home=settings.home, threads=settings.threads, max_memory_mib=settings.max_memory_mib)
        return plan(config, dataset, info, surroundings)


def _field_title(section: str, name: str) -> str:
    for fields in (*options_form.fields_of(essential=True).values(), *options_form.fields_of(essential=False).values()):
        for field in fields:
            if (field.section, field.name) == (section, name):
                return field.declared.title
    return name or section


def draw_launch(prepared: Prepared) -> None:
    """The training plan and the launch button."""
    foreseen = prepared.plan
    with st.container(border=True):
        st.subheader("Training plan", anchor=False)
        left, right = st.columns(2)
        examples = foreseen.num_examples
        left.metric("Training examples", formats.count(examples["train"]))
        right.metric(
            "Estimated time",
            f"≈ {formats.rough_duration(foreseen.estimated_s)}" if foreseen.estimated_s else "unknown",
            help=None if foreseen.estimated_s else "No measurement on this machine yet. The run measures its speed at the start.",
        )
        left.metric("Epochs", formats.count(foreseen.epochs))
        right.metric("Steps", formats.count(foreseen.total_steps), help=f"{formats.count(foreseen.steps_per_epoch)} per epoch")
        st.caption(
            f"After each epoch the model is evaluated on {formats.count(examples['validation'])} validation examples, and the "
            f"best checkpoint is kept. At the end it is tested once on {formats.count(examples['test'])} test examples."
        )
        st.caption(f"Hardware: {markdown_text(foreseen.device)}. Precision: {markdown_text(foreseen.precision)}.")
        if foreseen.memory_mib is not None and foreseen.total_mib is not None:
            st.caption(f"Memory: {memory_in_words(foreseen.memory_mib, foreseen.total_mib)}.")
        _draw_lengths(foreseen, loses_ends=get_task(prepared.record.task).head_level == "text")
        draw_warnings(state.workspace().dataset(prepared.record.id), prepared.model)
        for note in foreseen.notes:
            st.warning(markdown_text(note, longest=600), icon=":material/info:")
        if prepared.changed:
            st.caption(f"{formats.plural(len(prepared.changed), 'setting')} changed from the recipe.")
        name = st.text_input("Name of the run", key="train-name", placeholder="Default: name of the data set", max_chars=120)
        if st.button("Launch", type="primary", icon=":material/rocket_launch:", width="stretch", key=_launch_key()):
            run_id = _launch(prepared, name)
            if run_id is not None:
                state.go_to(state.RUN_PAGE, run=run_id)


def leave_if_launched() -> None:
    """After a double click, whose first click launched the run, switch to the run instead of drawing the page again."""
    launches = _launches()
    if launches and time.monotonic() - launches[-1][1] < _DOUBLE_CLICK_S:
        state.go_to(state.RUN_PAGE, run=launches[-1][0])


def _launch_key() -> str:
    """Key of the button, which changes with each launch: a late second click then belongs to a removed button."""
    return f"launch-{len(_launches())}"


def _launches() -> list[tuple[str, float]]:
    """Run id and time of every launch from this tab."""
    launches: list[tuple[str, float]] = st.session_state.setdefault(_LAUNCHES, [])
    return launches


def _draw_lengths(foreseen: TrainingPlan, *, loses_ends: bool) -> None:
    """Text lengths in the model's tokens, whether all texts fit, and what other limits would truncate.

    Args:
        foreseen: the plan.
        loses_ends: whether a text that is too long is truncated, rather than read in windows.
    """
    lengths, limit = foreseen.token_lengths, foreseen.max_length
    if not lengths:
        return
    figure = token_lengths_figure(lengths, limit, tells_cuts=loses_ends)
    widgets.chart(figure, key="train-lengths", alt="Number of texts by number of tokens, and the limit")
    typical, longest = formats.plural(foreseen.median_tokens or 0, "token"), formats.count(foreseen.longest_tokens or 0)
    fit = "" if foreseen.num_cut else ", so all texts fit"
    st.caption(f"Median text length: {typical}; longest: {longest}. The model reads at most {formats.count(limit)}{fit}.")
    others = [cut for cut in usual_cuts(lengths) if cut.limit != limit] if loses_ends else []
    if others:
        cuts = "  \n".join(map(_cut_in_words, others))
        st.caption(f"Other limits would truncate:  \n{cuts}")


def _cut_in_words(cut: Truncation) -> str:
    return (
        f"{formats.count(cut.limit)} tokens: {formats.percent(cut.share_of_texts)} of texts, "
        f"{formats.percent(cut.share_of_tokens)} of all tokens"
    )


def _launch(prepared: Prepared, name: str | None) -> str | None:
    # A second click may end this script wherever it uses the session state: never between the launch and its entry.
    workspace, launches = state.workspace(), _launches()
    try:
        run_id = workspace.launch(prepared.config, name=(name or "").strip() or None).id
    except UserError as error:
        widgets.show_error(str(error))
        return None
    launches.append((run_id, time.monotonic()))
    return run_id
