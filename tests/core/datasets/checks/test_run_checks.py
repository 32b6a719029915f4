"""All checks together: unusual data does not stop them, the sample data has no findings, and reports can be stored."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.config.settings import PROJECT_ROOT
from core.datasets.checks import run_checks
from core.datasets.checks.check_input import CheckInput
from core.datasets.checks.finding import CheckReport, Finding, FindingExample, RepairOffer, Severity, report_from_json
from core.datasets.checks.labels.keywords import typical_words
from core.datasets.checks.report_cache import kept_report, report_of
from core.datasets.checks.run_checks import examine, examine_dataset, examine_prepared
from core.datasets.dataset import open_dataset, write_dataset
from core.datasets.importing.prepare import guess_plan, prepare, write
from core.datasets.readers.read_table import read_table
from core.models.hub import ModelInfo, describe
from core.tasks import SPLITS, get_task
from core.tasks.skip_reasons import Reason
from tests.core.datasets.checks.made_check_input import sentences, tagged, texts_with_labels

STRANGE = st.text(
    st.characters(exclude_categories=["Cs"])
    | st.sampled_from("\u200b\ufffd\u3000 \t\n,;<>&@0123456789_-😀中文字かなᄒ\u0301\u202e"),
    max_size=60,
).map(lambda text: text.replace("\x00", ""))
ROWS = st.lists(st.tuples(STRANGE, STRANGE, st.sampled_from(SPLITS)), max_size=30)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelInfo:
    return describe("bundled", tmp_path_factory.mktemp("none"))


def report_is_whole(report: CheckReport, check_input: CheckInput) -> None:
    assert report.unfinished == ()
    ids = set(check_input.ids.tolist())
    for finding in report.findings:
        assert finding.title
        assert finding.effect
        assert finding.count >= 0
        assert len(finding.examples) <= 5
        assert set(finding.rows.tolist()) <= ids
        assert (np.diff(finding.rows) > 0).all()
        assert all(len(example.text) <= 300 for example in finding.examples)
    again = report_from_json(report.to_json())
    assert again == report


few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@few
@given(rows=ROWS)
def test_no_single_label_table_is_too_strange(model: ModelInfo, rows: list[tuple[str, str, str]]) -> None:
    check_input = texts_with_labels([(text, label) for text, label, _ in rows], splits=[split for *_, split in rows], model=model)

    report_is_whole(examine(check_input), check_input)
    assert set(typical_words(check_input)) == {label for _, label, _ in rows}


@few
@given(rows=st.lists(st.tuples(STRANGE, st.lists(STRANGE, max_size=4, unique=True), st.sampled_from(SPLITS)), max_size=30))
def test_no_multi_label_table_is_too_strange(model: ModelInfo, rows: list[tuple[str, list[str], str]]) -> None:
    check_input = texts_with_labels(
        [(text, sorted(labels)) for text, labels, _ in rows],
        task="multi_label",
        splits=[split for *_, split in rows],
        model=model,
    )

    report_is_whole(examine(check_input), check_input)


WORD = STRANGE.map(lambda text: "".join(text.split(" "))[:8]).filter(bool)
TAG = st.sampled_from(["O", "B-A", "I-A", "B-b c", "I-b c"])


@few
@given(rows=st.lists(st.lists(st.tuples(WORD, TAG), min_size=1, max_size=8), max_size=20))
def test_no_table_of_entities_is_too_strange(model: ModelInfo, rows: list[list[tuple[str, str]]]) -> None:
    check_input = tagged(
        [(" ".join(word for word, _ in row), " ".join(tag.replace(" ", "") for _, tag in row)) for row in rows], model=model
    )

    report_is_whole(examine(check_input), check_input)


def test_a_check_that_fails_is_named_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: CheckInput) -> list[Finding]:
        raise RuntimeError("broken")

    monkeypatch.setattr(run_checks, "CHECKS", {"broken": (fails, "Breaking"), **run_checks.CHECKS})
    texts = sentences(20)

    report = examine(texts_with_labels([(text, "a") for text in [*texts, *texts]]))

    assert report.unfinished == ("broken",)
    assert "exact_duplicates" in {finding.check for finding in report.findings}


def test_progress_only_ever_grows_and_ends_at_one() -> None:
    shares: list[float] = []

    examine(texts_with_labels([(text, "a") for text in sentences(30)]), lambda share, _: shares.append(share))

    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize("name", ["support_tickets.csv", "financial_news.csv", "product_reviews.csv", "news_entities.conll"])
def test_the_samples_have_nothing_serious(model: ModelInfo, name: str) -> None:
    table = read_table(PROJECT_ROOT / "data" / name)

    report = examine_prepared(prepare({"main": table}, guess_plan(table)), model)

    assert report.unfinished == ()
    assert [finding.title for finding in report.of(Severity.SERIOUS)] == []


def test_a_broken_file_from_its_bytes_to_its_findings(model: ModelInfo, tmp_path: Path) -> None:
    texts = sentences(120)
    lines = [f"{text},{'Billing' if number % 3 else 'billing '}" for number, text in enumerate(texts)]
    lines += (
        [f"{text},refund" for text in texts[:20]]
        + [f"{text}," for text in sentences(5, seed=7)]
        + ["write to me@home.example,refund"] * 2
    )
    path = tmp_path / "tickets.csv"
    path.write_text("text,label\n" + "\n".join(lines), encoding="utf-8")
    table = read_table(path)

    report = examine_prepared(prepare({"main": table}, guess_plan(table)), model)

    found = {finding.check: finding for finding in report.findings}
    assert {"same_label_names", "conflicting_labels", "missing_labels", "personal_data"} <= set(found)
    assert found["conflicting_labels"].count == 20
    assert found["missing_labels"].count == 5
    assert list(report.findings) == sorted(report.findings, key=lambda finding: finding.severity.rank)


# --- stored reports -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def dataset(tmp_path: Path):
    table = read_table(PROJECT_ROOT / "data" / "product_reviews.csv")
    return write(prepare({"main": table}, guess_plan(table)), tmp_path / "reviews")


def test_a_report_is_made_once_and_read_again(dataset, model: ModelInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kept_report(dataset, model) is None
    made = report_of(dataset, model)
    monkeypatch.setattr("core.datasets.checks.report_cache.examine_dataset", lambda *_: pytest.fail("made twice"))

    assert report_of(dataset, model) == made
    assert made == kept_report(dataset, model)
    assert kept_report(dataset, None) is None
    assert kept_report(dataset, replace(model, max_length=7)) is None


def test_a_damaged_report_is_made_again(dataset) -> None:
    made = report_of(dataset)
    for path in (dataset.folder / "findings").iterdir():
        path.write_text('{"findings": 3}', encoding="utf-8")

    assert kept_report(dataset) is None
    assert report_of(dataset) == made


def test_a_report_that_cannot_be_kept_is_given_all_the_same(dataset) -> None:
    (dataset.folder / "findings").write_text("in the way", encoding="utf-8")

    assert report_of(dataset).num_examples == sum(dataset.num_examples.values())


def test_the_account_is_a_part_of_the_report_and_adds_up_also_when_it_is_read_again(dataset) -> None:
    by_kind = {"invalid_json": 470, "no_text": 20, "no_label": 10}
    changed = replace(dataset, source={**dataset.source, "kept": 1500, "set_aside": 500, "set_aside_by_kind": by_kind})

    for report in (report_of(changed), kept_report(changed)):
        account = report.to_json()["account"]
        assert account == {"records": 2000, "kept": 1500, "set_aside": 500, "set_aside_by_kind": by_kind}
        assert next(finding for finding in report.findings if finding.check == "set_aside").count == 490


def test_the_account_of_a_data_set_of_an_earlier_version_adds_up_too(dataset) -> None:
    reasons = [{"part": "main", "record": 3, "line": 4, "reason": "Not valid JSON: Extra data at column 3."}] * 200
    counts = {"records": 1500, "kept": 1000, "set_aside": 500, "unlabelled": 60}
    source = {name: value for name, value in dataset.source.items() if name != "set_aside_by_kind"}
    changed = replace(dataset, source={**source, **counts, "set_aside_reasons": reasons}, num_unlabelled=60)

    report = examine_dataset(changed)

    assert report.account is not None
    assert report.account.by_kind == {Reason.UNTOLD: 440, Reason.NO_LABEL: 60}
    assert report.account.num_records == 1500
    finding = next(finding for finding in report.findings if finding.check == "set_aside")
    assert finding.count == 440
    assert "Not valid JSON" in finding.examples[0].detail


def test_a_data_set_of_an_unknown_origin_is_examined(tmp_path: Path, add_rows: Callable[..., Any]) -> None:
    report = examine_dataset(add_rows(tmp_path / "plain"))

    assert report.unfinished == ()


@pytest.fixture
def add_rows() -> Callable[..., Any]:
    def add(folder: Path) -> Any:
        rows = pd.DataFrame({"id": [3, 9], "split": ["train", "test"], "record": [1, 2], "text": ["a", "b"], "label": ["x", "y"]})
        fields = {
            "task": "single_label",
            "labels": ["x"],
            "num_examples": {},
            "label_counts": {},
            "content_hash": "c",
            "test_hash": "t",
        }
        write_dataset(folder, rows, {"id": folder.name, **fields, "splitting": {}, "source": {}})
        return open_dataset(folder)

    return add


def test_a_finding_survives_being_written_down() -> None:
    finding = Finding(
        check="some_check",
        severity=Severity.SERIOUS,
        title="Found",
        count=2,
        unit="row",
        effect="Bad.",
        examples=(FindingExample(id=1, split="test", record=4, text="\u202e<b>", detail="label"),),
        rows=np.array([1, 5]),
        offers=(RepairOffer(repair="drop_rows", title="Drop", parameters={"ids": [1, 5], "reason": "bad"}),),
        sampled=True,
    )
    report = CheckReport(findings=(finding,), num_examples=9, num_examined=8, model="m", unfinished=("x",))

    again = report_from_json(report.to_json())

    assert again == report
    assert again.findings[0].rows.tolist() == [1, 5]


# --- typical words ------------------------------------------------------------------------------------------------------------


def test_typical_words_tell_labels_apart() -> None:
    rows = [(f"the parcel and the {word} {number}", "delivery") for number, word in enumerate(["courier", "tracking"] * 20)]
    rows += [(f"the invoice and the {word} {number}", "billing") for number, word in enumerate(["payment", "card"] * 20)]

    words = typical_words(texts_with_labels(rows), most=3)

    assert set(words["delivery"]) == {"parcel", "courier", "tracking"}
    assert set(words["billing"]) == {"invoice", "payment", "card"}


def test_typical_words_of_chinese_texts_need_no_dictionary() -> None:
    rows = [("我的包裹还没有到", "物流"), ("包裹在哪里", "物流"), ("忘记密码怎么办", "账户"), ("密码不对", "账户")] * 5

    words = typical_words(texts_with_labels(rows), most=2)

    assert "包裹" in words["物流"]
    assert "密码" in words["账户"]


def test_typical_names_of_entities_are_their_surfaces() -> None:
    rows = [("Ada Lovelace in London", "B-PER I-PER O B-LOC")] * 2 + [("to Oslo", "O B-LOC")]

    assert typical_words(tagged(rows)) == {"LOC": ["London", "Oslo"], "PER": ["Ada Lovelace"]}


def test_get_task_knows_the_row_labels_of_every_task() -> None:
    assert texts_with_labels([("a", "x")]).row_labels == [("x",)]
    assert texts_with_labels([("a", ["y", "x"]), ("b", [])], task="multi_label").row_labels == [("x", "y"), ()]
    assert tagged([("a b c", "B-X I-X B-Y")]).row_labels == [("X", "Y")]
    assert get_task("single_label").exclusive_labels
