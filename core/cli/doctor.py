"""``doctor``: whether this machine, this installation and this workspace are in order."""

import importlib.metadata
import platform
import shutil
from typing import Annotated, Any

import typer

import core
from core.cli.answers import DONE, FAILED, AsJson, Reply, answer, opened_workspace, remark
from core.cli.doctor_files import look_at_files
from core.config.access import Access
from core.config.settings import VARIABLES, Settings
from core.errors import UserError
from core.files.private import close_workspace
from core.runs.store.engine import url_of
from core.runs.store.records import RunState

PACKAGES = ("torch", "transformers", "accelerate", "safetensors", "streamlit", "pandas", "scikit-learn", "SQLAlchemy")


def doctor(
    context: typer.Context,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="First add to the database the data sets and runs that are only in the workspace's folders, and remove the "
            "access of other accounts to the workspace.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> Reply:
    """Report versions, device, disk, workspace, settings and whether the bundled model is intact."""
    repaired = _repair(context) if repair else None
    problems: list[str] = []
    value: dict[str, Any] = {
        "versions": _versions(problems),
        "device": _device(),
        "model": _bundled_model(problems),
        "workspace": _workspace(context, problems),
        "settings": _settings(context, problems),
    }
    value |= {"problems": problems, "ok": not problems} | ({} if repaired is None else {"repaired": repaired})
    return answer(as_json, value, _report(value), FAILED if problems else DONE)


def _repair(context: typer.Context) -> dict[str, Any]:
    """Rebuild the database from the folders, and report what was done."""
    from core.runs.recovery.leftovers import sweep
    from core.runs.recovery.rebuild import rebuild

    settings = context.obj.settings or Settings.from_environment()
    num_closed = close_workspace(settings.home)
    if num_closed:
        remark(f"Removed the access of other accounts of this machine to {num_closed:,} files and folders.")
    account = rebuild(settings)
    with opened_workspace(context) as workspace:
        sweep(settings, workspace.store, thoroughly=True)
    if account.set_aside is not None:
        remark(f"The database could not be read. It was renamed to {account.set_aside.name}, and a new one was created.")
    remark(f"Added {account.num_datasets:,} data sets and {account.num_runs:,} runs that were missing from the database.")
    for name, why in account.left_out.items():
        remark(f"Skipped {name}: {why}.")
    return {
        "set_aside": None if account.set_aside is None else str(account.set_aside),
        "num_datasets": account.num_datasets,
        "num_runs": account.num_runs,
        "left_out": account.left_out,
        "num_closed": num_closed,
    }


def _versions(problems: list[str]) -> dict[str, str | None]:
    versions: dict[str, str | None] = {"tuneboard": core.__version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
            problems.append(f"The package {package} is not installed. Run 'pip install -r requirements.txt'.")
    return versions


def _device() -> dict[str, Any]:
    from core.machine.devices import machine

    here = machine()
    return {
        "device": here.device,
        "title": here.title,
        "processor": here.processor,
        "cores": here.cores,
        "memory_mib": here.memory_mib,
        "gpu": here.gpu,
        "gpu_memory_mib": here.gpu_memory_mib,
        "native_bfloat16": here.native_bfloat16,
    }


def _bundled_model(problems: list[str]) -> dict[str, Any]:
    from core.models.hub import BUNDLED_SHA256, BUNDLED_TITLE, bundled_folder, verify_bundled

    try:
        verify_bundled(bundled_folder())
    except (UserError, OSError) as error:
        problems.append(str(error))
        return {"title": BUNDLED_TITLE, "sha256": BUNDLED_SHA256, "hash_agrees": False}
    return {"title": BUNDLED_TITLE, "sha256": BUNDLED_SHA256, "hash_agrees": True}


def _workspace(context: typer.Context, problems: list[str]) -> dict[str, Any]:
    try:
        with opened_workspace(context) as workspace:
            home = workspace.settings.home
            states = [record.state for record in workspace.runs()]
            num_datasets = len(workspace.dataset_records())
            files = look_at_files(workspace, problems)
            scheduler = workspace.new_launcher()
            is_served = not scheduler.own()
            scheduler.disown()
    except UserError as error:
        problems.append(str(error))
        return {"home": None, "is_writable": False}
    free_mib = shutil.disk_usage(home).free // 2**20
    if free_mib < workspace.settings.min_free_mib:
        problems.append(
            f"Only {free_mib:,} MiB of disk space are free for the workspace, less than TUNEBOARD_MIN_FREE_MIB "
            f"({workspace.settings.min_free_mib:,}), so no run starts. Free up disk space, or lower the limit."
        )
    return {
        "home": str(home),
        "is_writable": True,
        "disk_free_mib": free_mib,
        "num_datasets": num_datasets,
        "num_runs": len(states),
        "num_running": states.count(RunState.RUNNING),
        "num_queued": states.count(RunState.QUEUED),
        "queue_is_owned": is_served,
        **files,
    }


def _settings(context: typer.Context, problems: list[str]) -> dict[str, Any]:
    """Every variable with its current value; of a secret, only whether it is set."""
    try:
        settings = context.obj.settings or Settings.from_environment()
        access = Access.from_environment()
    except UserError as error:
        problems.append(str(error))
        return {}
    found = {name: getattr(settings, attribute) for name, attribute in VARIABLES.items()}
    found["TUNEBOARD_DATABASE_URL"] = url_of(settings).render_as_string(hide_password=True)
    found |= access.described()
    return {name: _shown(value) for name, value in found.items()}


def _shown(value: Any) -> Any:
    if isinstance(value, tuple):
        return ", ".join(str(one) for one in value)
    return value if isinstance(value, int) else str(value)


def _report(value: dict[str, Any]) -> str:
    lines = [f"{name:14} {version or 'missing'}" for name, version in value["versions"].items()]
    device, model, workspace = value["device"], value["model"], value["workspace"]
    lines += [
        f"{'device':14} {device['title']}, {device['memory_mib']:,} MiB of memory, "
        f"{'native' if device['native_bfloat16'] else 'no native'} bfloat16",
        f"{'model':14} {model['title']}: {'intact' if model['hash_agrees'] else 'DAMAGED'}",
    ]
    if workspace["is_writable"]:
        left = workspace["leftovers"]
        lines += [
            f"{'workspace':14} {workspace['home']}: {workspace['num_datasets']} data sets, {workspace['num_runs']} runs "
            f"({workspace['num_running']} running, {workspace['num_queued']} queued)",
            f"{'disk':14} {workspace['disk_free_mib']:,} MiB free",
            f"{'files':14} {workspace['num_damaged']:,} of {workspace['num_checked']:,} data sets and runs damaged; "
            f"{left['num_deleted'] + left['num_unfinished']:,} leftovers; {left['num_unknown']:,} not in the database",
            f"{'queue':14} {'managed by another process' if workspace['queue_is_owned'] else 'no scheduler is running'}",
        ]
    lines += ["", *(f"{name:30} {shown if shown != '' else '-'}" for name, shown in value["settings"].items())]
    return "\n".join([*lines, "", *(value["problems"] or ["No problems found."])])
