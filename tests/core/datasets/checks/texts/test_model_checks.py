"""Checks against the selected model: lengths and vocabulary, with its own tokenizer."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from core.datasets.checks.texts.lengths import check_lengths
from core.datasets.checks.texts.tokens import lengths_of
from core.datasets.checks.texts.vocabulary import check_vocabulary, coverage
from core.models.hub import describe
from tests.core.datasets.checks.made_check_input import only, sentences, tagged, texts_with_labels

ENGLISH = ["The parcel arrived on Monday and the box was broken.", "Could you tell me how to change my address, please?"]
CHINESE = ["我想知道上周订的包裹什么时候能到，请尽快告诉我。", "这个产品质量太差了，我要求退款并赔偿损失。"]
FINNISH = [
    "Haluaisin tietää milloin viime viikolla tilaamani paketti saapuu perille.",
    "Tuotteen laatu oli todella huono, vaadin rahani takaisin.",
]
RUSSIAN = ["Подскажите пожалуйста, когда придёт посылка, которую я заказал на прошлой неделе?"]


@dataclass(frozen=True)
class Model:
    title: str
    folder: Path | None
    max_length: int


@pytest.fixture(scope="module")
def english_model(tmp_path_factory: pytest.TempPathFactory):
    return describe("bundled", tmp_path_factory.mktemp("none"))


def check_input(texts: list[str], model, copies: int = 20):
    return texts_with_labels([(text, "a") for text in texts * copies], model=model)


def test_a_model_for_english_is_told_to_be_wrong_for_chinese(english_model) -> None:
    finding = only(check_vocabulary(check_input(CHINESE, english_model)), "vocabulary")

    assert finding.severity == "serious"
    assert "does not cover these texts" in finding.title
    assert "Chinese characters (100% of the letters)" in finding.title


def test_every_script_that_the_model_hardly_knows_is_named_also_where_none_is_a_fifth_by_itself(english_model) -> None:
    some = [ENGLISH[0] * 2, ENGLISH[1], RUSSIAN[0][:38], CHINESE[0]]

    finding = only(check_vocabulary(check_input(some, english_model)), "vocabulary")

    assert finding.severity == "serious"
    assert "Cyrillic" in finding.title
    assert "Chinese characters" in finding.title


@pytest.mark.parametrize("texts", [RUSSIAN, FINNISH])
def test_a_model_for_english_is_told_to_be_wrong_for_other_languages(english_model, texts: list[str]) -> None:
    assert only(check_vocabulary(check_input(texts, english_model)), "vocabulary").severity in {"serious", "warning"}


def test_a_model_for_english_is_right_for_english(english_model) -> None:
    found = coverage(check_input(ENGLISH, english_model))

    assert check_vocabulary(check_input(ENGLISH, english_model)) == []
    assert found is not None
    assert found.unknown_share == 0
    assert found.pieces_per_word < 1.5


def test_without_a_tokenizer_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "tokenizer.json").write_text("{not json")

    for model in (None, Model("far away", None, 512), Model("none", tmp_path, 512), Model("broken", tmp_path / "broken", 512)):
        assert check_vocabulary(check_input(CHINESE, model)) == []
        assert check_lengths(check_input(CHINESE, model)) == []
    assert lengths_of(["a"], tmp_path / "tokenizer.json") == []


def test_texts_beyond_the_limit_are_counted_with_what_they_lose(english_model) -> None:
    model = Model("A short reader", english_model.folder, 16)
    long = "the river and the bridge " * 10  # 50 words, 52 tokens

    finding = only(
        check_lengths(texts_with_labels([(text, "a") for text in [*["the river"] * 9, long]], model=model)), "too_long"
    )

    assert (finding.count, finding.rows.tolist()) == (1, [18])
    assert finding.examples[0].detail == "52 tokens"
    assert "10% of the texts lose 41% of all tokens" in finding.effect
    assert check_lengths(texts_with_labels([("the river", "a")], model=model)) == []


def test_long_texts_with_entities_lose_nothing_and_the_finding_says_so(english_model) -> None:
    model = Model("A short reader", english_model.folder, 16)
    words = ["the"] * 40 + ["London"]

    finding = only(check_lengths(tagged([(" ".join(words), " ".join(["O"] * 40 + ["B-LOC"]))], model=model)), "too_long")

    assert finding.severity == "note"
    assert "Nothing is lost" in finding.effect


def test_an_entity_without_any_token_is_lost_and_counted(english_model) -> None:
    model = Model("Bundled", english_model.folder, 256)

    finding = only(
        check_lengths(tagged([("meet \u200b\u200b in London", "O B-PER O B-LOC")], model=model)), "entities_without_tokens"
    )

    assert finding.count == 1
    assert finding.examples[0].detail.startswith("PER")


def test_many_texts_are_judged_by_a_sample(english_model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.datasets.checks.texts.lengths._MOST_MEASURED", 10)
    model = Model("A short reader", english_model.folder, 4)

    assert only(check_lengths(texts_with_labels([(text, "a") for text in sentences(50)], model=model)), "too_long").sampled
