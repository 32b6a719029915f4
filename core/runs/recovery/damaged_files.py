"""Damaged files of runs and data sets: missing, empty, or not what was written.

A complete run has the hashes of its files in ``result.json``, and a data set in ``dataset.json``. Older ones do not: of those,
only missing and empty files, as a power cut leaves them, can be detected.
"""

from __future__ import annotations

from pathlib import Path

from core.errors import NotFoundError
from core.files.hashes import damage_in
from core.runs.directory.run_dir import RunDir

Damage = dict[str, str]
"""Path of a file in its folder -> ``gone``, ``empty``, ``changed`` or ``unreadable``."""


def damage_of_run(run_dir: RunDir) -> Damage:
    """Damage in a run's files; of a run that is not complete, only its config is checked."""
    folder = run_dir.folder
    config = run_dir.config_file.name
    if not run_dir.result_file.exists():
        return damage_in(folder, {config: ""})
    result = run_dir.result()
    if result is None:
        name = run_dir.result_file.name
        return damage_in(folder, {name: ""}) or {name: "unreadable"}
    noted = result.get("files")
    if isinstance(noted, dict):
        return damage_in(folder, {str(name): str(value) for name, value in noted.items()})
    model = run_dir.model.name
    expected = {config, run_dir.predictions_file.name, f"{model}/config.json", f"{model}/model.safetensors"}
    present = {path.relative_to(folder).as_posix() for path in run_dir.model.rglob("*") if path.is_file()}
    return damage_in(folder, dict.fromkeys(sorted(expected | present), ""))


def damage_of_dataset(folder: Path) -> Damage:
    """Damage in a data set's files."""
    from core.datasets.dataset import DESCRIPTION_FILE, file_hashes  # which loads pandas

    try:
        return damage_in(folder, file_hashes(folder))
    except NotFoundError:
        return damage_in(folder, {DESCRIPTION_FILE: ""}) or {DESCRIPTION_FILE: "unreadable"}


def in_words(damage: Damage) -> str:
    """Such as ``predictions.parquet is empty, model/config.json is gone``; of many files, the first three."""
    named = [f"{name} is {what}" for name, what in damage.items()]
    return ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")
