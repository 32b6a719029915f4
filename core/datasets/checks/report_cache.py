"""Cache of check reports: stored next to their data set, one for each model, so that each report is computed only once.

A data set never changes, so its report stays valid until the checks or the model change.
"""

import contextlib
import hashlib
import json
from pathlib import Path

from core.datasets.checks.check_input import ReadingModel
from core.datasets.checks.finding import CheckReport, report_from_json
from core.datasets.checks.run_checks import VERSION, Progress, examine_dataset
from core.datasets.dataset import Dataset
from core.files import durable

FOLDER = "findings"


def report_of(dataset: Dataset, model: ReadingModel | None = None, progress: Progress = lambda *_: None) -> CheckReport:
    """The report of a data set, from the cache or computed now; see ``examine_dataset``."""
    found = kept_report(dataset, model)
    if found is None:
        found = examine_dataset(dataset, model, progress)
        _keep(_path(dataset, model), found)
    return found


def kept_report(dataset: Dataset, model: ReadingModel | None = None) -> CheckReport | None:
    """The report that was made before, or ``None``."""
    return _read(_path(dataset, model))


def every_kept_report(dataset: Dataset) -> list[CheckReport]:
    """All cached reports of a data set, one for each model it was checked against."""
    paths = sorted((dataset.folder / FOLDER).glob("*.json"))
    return [report for path in paths if (report := _read(path)) is not None]


def _read(path: Path) -> CheckReport | None:
    try:
        return report_from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _path(dataset: Dataset, model: ReadingModel | None) -> Path:
    """A file name that changes with everything the report depends on."""
    read_by = "" if model is None else f"{model.title}|{model.folder}|{model.max_length}"
    depends = json.dumps([VERSION, dataset.content_hash, read_by], ensure_ascii=True)
    return dataset.folder / FOLDER / f"{hashlib.sha256(depends.encode()).hexdigest()[:24]}.json"


def _keep(path: Path, report: CheckReport) -> None:
    """Write a report atomically. If that fails, the next reader computes it again."""
    with contextlib.suppress(OSError):
        if path.parent.parent.is_dir():  # the data set may have been deleted meanwhile, and must not be recreated
            durable.make_folder(path.parent)
            durable.write_text(path, json.dumps(report.to_json(), ensure_ascii=False), errors="replace")
