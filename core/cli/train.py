"""``train``, ``resume`` and ``cancel``: starting, resuming and stopping runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.answers import (
    DONE,
    EXIT_CODES,
    AsJson,
    Reply,
    RunArgument,
    answer,
    duration_in_words,
    one_line,
    opened_workspace,
    remark,
    run_fields,
)
from core.cli.following import ProgressLine, follow
from core.config.run_config import SECTIONS, RunConfig, locate, mapping_from_yaml
from core.config.safe_yaml import config_text
from core.config.yaml_lines import places_in_yaml, pointing_at
from core.errors import ConfigError
from core.files.safe_path import expanded, is_folder
from core.models.hub import BUNDLED, describe
from core.runs.store.records import RunRecord, RunState
from core.text_format import shown
from core.workspace.workspace import Workspace

if TYPE_CHECKING:
    from core.datasets.dataset import Dataset


def train(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Id or name of the data set.")],
    model: Annotated[
        str | None, typer.Option(help="'bundled', a folder, or a hub id (which is downloaded once); bundled unless given.")
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="Recipe that fills in what is not set; automatic unless given.")] = None,
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set one option, such as learning_rate=3e-4.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="YAML file with options; --set and other arguments override it.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the run.")] = None,
    as_json: AsJson = False,
) -> Reply:
    """Fine-tune a model on a data set, and follow the run to its end. Ctrl-C stops after the current step and keeps the
    training progress."""
    from core.training.planning.run_plan import new_run_config

    with opened_workspace(context) as workspace:
        chosen_dataset = workspace.dataset(dataset)
        overrides, places = ({}, {}) if config is None else _read_config(config, chosen_dataset)
        assigned = _assignments(values or [])
        overrides, places = overrides | assigned, places | dict.fromkeys(assigned, "--set")
        set_model, set_recipe = overrides.pop("model.model", None), overrides.pop("recipe", None)
        reference = _resolved(model or str(set_model or BUNDLED))
        workspace.check_model(reference)  # before anything of it is read
        with pointing_at(places):
            run_config, reasons = new_run_config(
                chosen_dataset,
                hub_folder=workspace.settings.hub_models_folder,
                model=reference,
                recipe=recipe or str(set_recipe or "automatic"),
                values=overrides,
            )
        _announce_recipe(run_config, {name: why for name, why in reasons.items() if ".".join(locate(name)) not in overrides})
        foreseen = _announce(workspace, run_config, chosen_dataset)
        record = workspace.launch(run_config, name=name)
        remark(f"Run {one_line(record.name)} ({record.id})")
        progress = ProgressLine(workspace.run_dir(record.id))
        return _follow_to_the_end(workspace, record, progress, as_json=as_json, foreseen=foreseen)


def resume(
    context: typer.Context,
    run: RunArgument,
    finish: Annotated[bool, typer.Option(help="Do not train further; evaluate and save the best checkpoint so far.")] = False,
    as_json: AsJson = False,
) -> Reply:
    """Resume a run that ended early from its last checkpoint, and follow it to its end."""
    with opened_workspace(context) as workspace:
        workspace.settle()
        record = workspace.run(run)
        progress = ProgressLine(workspace.run_dir(record.id))
        record = workspace.finish(record.id) if finish else workspace.resume(record.id)
        return _follow_to_the_end(workspace, record, progress, as_json=as_json)


def cancel(context: typer.Context, run: RunArgument, as_json: AsJson = False) -> Reply:
    """Stop a run: a queued run at once, a running run after its current step. Training progress is kept."""
    with opened_workspace(context) as workspace:
        workspace.settle()
        record = workspace.run(run)
        progress = ProgressLine(workspace.run_dir(record.id))
        record = workspace.stop(record.id)
        if not record.state.is_final:
            record = follow(workspace, record, progress, start_queued=False)
        text = f"Run {one_line(record.name)} ({record.id}) is {record.state}."
        return answer(as_json, run_fields(workspace, record), text, DONE)


def _follow_to_the_end(
    workspace: Workspace, record: RunRecord, progress: ProgressLine, *, as_json: bool, foreseen: Mapping[str, Any] | None = None
) -> Reply:
    record = follow(workspace, record, progress)
    if waiting := workspace.queue():
        counted = "1 more run is" if len(waiting) == 1 else f"{len(waiting):,} more runs are"
        remark(f"{counted} queued. Start the dashboard, or use 'resume' or 'train', to run them.")
    lines = [f"Run {one_line(record.name)} ({record.id}) has {_outcome(record)} after {duration_in_words(record.duration_s)}."]
    if record.message:
        lines.append(one_line(record.message))
    if record.headline is not None:
        lines.append(f"{record.headline_name} on the test split: {record.headline:.4f}")
    lines.append(f"See 'python -m core show {record.id}'.")
    fields = {**run_fields(workspace, record), **({} if foreseen is None else {"foreseen": dict(foreseen)})}
    return answer(as_json, fields, "\n".join(lines), EXIT_CODES[record.state])


def _outcome(record: RunRecord) -> str:
    return str(record.state) if record.state in (RunState.SUCCEEDED, RunState.FAILED) else f"been {record.state}"


def _announce_recipe(config: RunConfig, reasons: Mapping[str, str]) -> None:
    """Print what the recipe has chosen, in the form ``--set`` takes, and why."""
    remark(f"Recipe {config.recipe}:")
    for name, reason in reasons.items():
        remark(f"  {name}={config.value(name)}  {reason}")


def _announce(workspace: Workspace, config: RunConfig, dataset: "Dataset") -> dict[str, Any]:
    """Print the plan of the run before the launch.

    Returns:
        The estimates, for the answer; ``None`` for what is not known.
    """
    from core.training.planning.estimates import Surroundings, memory_in_words
    from core.training.planning.run_plan import plan

    settings = workspace.settings
    surroundings = Surroundings(home=settings.home, threads=settings.threads, max_memory_mib=settings.max_memory_mib)
    planned = plan(config, dataset, describe(config.model.model, settings.hub_models_folder), surroundings)
    duration = "" if planned.estimated_s is None else f", about {duration_in_words(planned.estimated_s)}"
    memory = ""
    if planned.memory_mib is not None and planned.total_mib is not None:
        memory = f" Memory: {memory_in_words(planned.memory_mib, planned.total_mib)}."
    remark(
        f"{planned.num_examples['train']:,} examples, {_counted(planned.epochs, 'epoch')} of "
        f"{_counted(planned.steps_per_epoch, 'step')} "
        f"on {planned.device} in {planned.precision}{duration}.{memory}"
    )
    for note in planned.notes:
        remark(one_line(note))
    return {
        "duration_s": None if planned.estimated_s is None else round(planned.estimated_s),
        "memory_mib": planned.memory_mib,
        "total_memory_mib": planned.total_mib,
    }


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _read_config(file: Path, dataset: "Dataset") -> tuple[dict[str, Any], dict[str, str]]:
    """The options that a config file sets; the data set is named on the command line.

    Returns:
        Dotted name -> value of every field, and ``recipe``; and the place of each in the file.

    Raises:
        ConfigError: the file cannot be read, or is not a valid run config.
    """
    text = config_text(file)
    raw = mapping_from_yaml(text)
    places = {name: f"{file.name}, {line}" for name, line in places_in_yaml(text).items()}
    rows = {"dataset": dataset.id, "dataset_hash": dataset.content_hash, "task": dataset.task}
    with pointing_at(places):
        RunConfig.from_dict({**raw, "data": rows})
    values = {
        f"{section}.{key}": value
        for section in SECTIONS
        if section != "data" and isinstance(raw.get(section), Mapping)
        for key, value in raw[section].items()
    }
    return values | ({"recipe": raw["recipe"]} if raw.get("recipe") else {}), places


def _assignments(pairs: list[str]) -> dict[str, str]:
    """Dotted name -> text of every ``key=value``.

    Raises:
        ConfigError: one is not of that form, is not an option, or sets the data set, which the command names already.
    """
    values: dict[str, str] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator:
            raise ConfigError("--set", f"{shown(pair)} is not of the form key=value, such as learning_rate=3e-4.")
        key = key.strip()
        if key == "recipe":
            values[key] = value.strip()
            continue
        with pointing_at({key: "--set"}):
            section, field = locate(key)
        if section == "data":
            raise ConfigError("--set", f"{shown(key)} is set by the data set you name. Leave it out.")
        values[f"{section}.{field}"] = value.strip()
    return values


def _resolved(model: str) -> str:
    """The model reference, with the absolute path of a folder, since the worker runs in another folder."""
    folder = expanded(model)
    return str(folder.resolve()) if model != BUNDLED and is_folder(folder) else model
