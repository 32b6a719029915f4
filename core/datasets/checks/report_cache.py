"""Reports that were made before: kept beside the data set they are about, one for each model, so that a page need not wait twice.

A data set never changes, so its report does not either, until the checks or the model do.
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
    """The report of a data set, made now if it was not before; see ``examine_dataset``."""
    found = kept_report(dataset, model)
    if found is None:
        found = examine_dataset(dataset, model, progress)
        _keep(_path(dataset, model), found)
    return found


def kept_report(dataset: Dataset, model: ReadingModel | None = None) -> CheckReport | None:
    """The report that was made before, or nothing."""
    return _read(_path(dataset, model))


def every_kept_report(dataset: Dataset) -> list[CheckReport]:
    """All reports that were made of a data set, one for each model it was judged for."""
    paths = sorted((dataset.folder / FOLDER).glob("*.json"))
    return [report for path in paths if (report := _read(path)) is not None]


def _read(path: Path) -> CheckReport | None:
    try:
        return report_from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _path(dataset: Dataset, model: ReadingModel | None) -> Path:
    """A name that changes with whatever the report depends on."""
    read_by = "" if model is None else f"{model.title}|{model.folder}|{model.max_length}"
    depends = json.dumps([VERSION, dataset.content_hash, read_by], ensure_ascii=True)
    return dataset.folder / FOLDER / f"{hashlib.sha256(depends.encode()).hexdigest()[:24]}.json"


def _keep(path: Path, report: CheckReport) -> None:
    """Write a report in one step. Where that fails, the next reader makes it again."""
    with contextlib.suppress(OSError):
        if path.parent.parent.is_dir():  # the data set may have been deleted meanwhile, and must not come back
            durable.make_folder(path.parent)
            durable.write_text(path, json.dumps(report.to_json(), ensure_ascii=False), errors="replace")
