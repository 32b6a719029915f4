"""A data set prepared in a separate process is the same as one prepared in this process."""

from pathlib import Path

import pytest

from core.config.settings import PROJECT_ROOT, Settings
from core.datasets.checks.run_checks import examine_prepared
from core.datasets.dataset import open_dataset
from core.datasets.importing import prepare_sandboxed
from core.datasets.importing.prepare import guess_plan, prepare, write
from core.datasets.importing.prepare_sandboxed import open_prepared, prepare_elsewhere, save_prepared
from core.datasets.readers.read_table import read_table
from core.datasets.readers.table_transfer import open_table, save_table
from core.errors import DatasetError

SAMPLES = ["support_tickets.csv", "product_reviews.csv", "news_entities.conll"]
LIMITS = Settings.from_environment({"TUNEBOARD_HOME": "/nowhere"}).import_limits


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A file with records that the reader and the task skip, with an extra column that has a missing value."""
    rows = [f"text number {i},{'ab'[i % 2]},{i if i % 3 else ''}\n" for i in range(60)]
    path = tmp_path / "odd.csv"
    path.write_text("text,label,customer\n" + "".join(rows) + "one,two,three,four\n,a,5\nno label,,6\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("name", [*SAMPLES, "odd.csv"])
def test_what_is_handed_over_is_shown_checked_and_saved_alike(name: str, odd: Path, tmp_path: Path) -> None:
    table = read_table(odd if name == odd.name else PROJECT_ROOT / "data" / name)
    save_table(table, tmp_path)
    mapped = open_table(tmp_path)
    here = prepare({"main": table}, guess_plan(table))
    save_prepared(prepare({"main": mapped}, guess_plan(mapped)), tmp_path)
    there = open_prepared(tmp_path)

    assert guess_plan(mapped) == guess_plan(table)
    assert there.account == here.account
    assert list(there.set_aside) == here.set_aside
    for field in ("task", "labels", "num_examples", "label_counts", "notes", "splitting"):
        assert getattr(there, field) == getattr(here, field)
    assert examine_prepared(there).to_json() == examine_prepared(here).to_json()
    saved = [write(prepared, tmp_path / f"saved-{place}") for place, prepared in enumerate((here, there))]
    assert saved[0].content_hash == saved[1].content_hash
    assert saved[0].source == saved[1].source
    for part in ("examples", "extra", "unlabelled", "set_aside"):
        one, other = (getattr(open_dataset(dataset.folder), part)() for dataset in saved)
        assert one.columns.tolist() == other.columns.tolist()
        assert [list(map(repr, row)) for row in one.itertuples()] == [list(map(repr, row)) for row in other.itertuples()]
        assert one.dtypes.astype(str).tolist() == other.dtypes.astype(str).tolist()


def test_a_large_table_is_prepared_in_a_process_of_its_own(odd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare_sandboxed, "_SMALL", 0)
    monkeypatch.setattr(prepare_sandboxed, "prepare", lambda *_, **__: pytest.fail("prepared here"))
    table = read_table(odd)
    told: list[str] = []

    prepared = prepare_elsewhere(
        {"main": table}, guess_plan(table), limits=LIMITS, work=tmp_path / "work", progress=lambda _, doing: told.append(doing)
    )

    assert prepared.account.kept == len(prepared.examples) == 60
    assert [entry.reason[:8] for entry in prepared.set_aside] == ["4 cells ", "No value", "No value"]
    assert list((tmp_path / "work").iterdir()) == []
    with pytest.raises(DatasetError, match="60 rows; at most 59"):
        prepare_elsewhere({"main": table}, guess_plan(table), limits={**LIMITS, "max_rows": 59}, work=tmp_path / "work")
