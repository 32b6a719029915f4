"""Text checks; each with a case it reports and one it does not."""

import pytest

from core.datasets.checks.labels.label_in_text import check_label_in_text
from core.datasets.checks.texts.characters import check_full_width, check_invisible_characters
from core.datasets.checks.texts.languages import check_languages, check_scripts, language_of
from core.datasets.checks.texts.markup import check_boilerplate, check_markup
from core.datasets.checks.texts.missing import (
    check_empty_texts,
    check_placeholder_labels,
    check_rows_without_labels,
    check_set_aside,
)
from core.datasets.checks.texts.mojibake import check_damage
from core.datasets.checks.texts.not_text import check_text_column
from core.datasets.checks.texts.personal_data import check_personal_data, find_personal_data
from core.datasets.checks.texts.scripts import main_script
from core.datasets.importing.import_summary import ImportSummary
from core.tasks.skip_reasons import Reason
from tests.core.datasets.checks.made_check_input import Check, names, only, sentences, texts_with_labels

PLAIN = sentences(100)
ENGLISH = "I would like to know when the parcel that I ordered last week is going to arrive."
GERMAN = "Ich möchte gerne wissen, wann das Paket ankommt, das ich letzte Woche bestellt habe."
CHINESE = "我想知道上周订的包裹什么时候能到，请尽快告诉我，谢谢你们的帮助。"


def material_with(*texts: str, label: str = "a", **known: object):
    return texts_with_labels([*((text, "a") for text in PLAIN), *((text, label) for text in texts)], **known)


def planted(finding) -> list[int]:
    """Positions of the rows of a finding, counted after the normal rows."""
    return [int(row) // 2 - len(PLAIN) for row in finding.rows]


@pytest.mark.parametrize(
    "check",
    [
        check_empty_texts, check_placeholder_labels, check_rows_without_labels, check_set_aside, check_text_column, check_damage,
        check_invisible_characters, check_full_width, check_markup, check_boilerplate, check_label_in_text, check_personal_data,
        check_scripts, check_languages,
    ],
)  # fmt: skip
def test_ordinary_texts_give_no_finding(check: Check) -> None:
    assert (
        check(
            material_with(ENGLISH, "Is 5 < 7 & 7 > 5? Yes! It costs $3.50, see page 12.", "Grüße, déjà vu, naïve “quotes” … 👍")
        )
        == []
    )


@pytest.mark.parametrize("text", ["-", "???", " . . . ", "N/A", "null", "NaN", "[deleted]", "无"])
def test_texts_that_say_nothing_are_found(text: str) -> None:
    finding = only(check_empty_texts(material_with(text, "no")), "empty_texts")

    assert planted(finding) == [0]
    assert finding.offers[0].parameters["ids"] == [200]


@pytest.mark.parametrize("label", ["NA", "null", "NaN", "#N/A"])
def test_labels_that_stand_for_a_missing_value_can_be_set_aside(label: str) -> None:
    finding = only(check_placeholder_labels(material_with("one", "two", label=label)), "placeholder_labels")

    assert finding.count == 2
    assert (finding.offers[0].repair, finding.offers[0].parameters) == ("unlabel", {"labels": [label]})


@pytest.mark.parametrize("label", ["none", "unknown", "other"])
def test_labels_that_may_be_meant_are_left_alone(label: str) -> None:
    assert check_placeholder_labels(material_with("one", label=label)) == []


def test_what_was_set_aside_is_told_by_reason_and_the_pool_by_itself() -> None:
    account = ImportSummary(kept=1, by_kind={Reason.NO_LABEL: 30, Reason.NO_TEXT: 4, Reason.INVALID_JSON: 2})

    findings = check_set_aside(material_with(account=account, num_unlabelled=30))

    assert only(findings, "missing_labels").count == 30
    assert only(findings, "set_aside").count == 6
    assert [example.text for example in only(findings, "set_aside").examples] == [
        Reason.NO_TEXT.sentence,
        Reason.INVALID_JSON.sentence,
    ]


def test_rows_without_any_label_are_counted() -> None:
    rows = [(text, ["a"] if number % 4 else []) for number, text in enumerate(PLAIN)]

    assert only(check_rows_without_labels(texts_with_labels(rows, task="multi_label")), "rows_without_labels").count == 25


@pytest.mark.parametrize("text", ["The caf\ufffd is closed", "It wasnâ€™t me", "SchÃ¶ne GrÃ¼ÃŸe", "锟斤拷锟斤拷"])
def test_damaged_characters_are_found(text: str) -> None:
    assert planted(only(check_damage(material_with(text)), "damaged_characters")) == [0]


def test_invisible_and_full_width_characters_are_found_with_their_repair() -> None:
    check_input = material_with("zero\u200bwidth", "soft\u00adhyphen", "Ｔｅｌ １２３", "می‌خواهم 👩‍👧")

    hidden, wide = (
        only(check_invisible_characters(check_input), "invisible_characters"),
        only(check_full_width(check_input), "full_width_characters"),
    )

    assert planted(hidden) == [0, 1]
    assert hidden.examples[0].detail == "U+200B"
    assert planted(wide) == [2]
    assert [finding.offers[0].repair for finding in (hidden, wide)] == ["strip_whitespace", "normalise_characters"]


def test_markup_is_told_from_texts_that_are_nothing_else() -> None:
    page = '<div class="a"><p>Where is my parcel? It was due on Monday and nobody answers.</p></div>'
    shell = '<table><tr><td></td></tr></table><img src="x.png"/>&nbsp;&nbsp;'
    link = "https://example.com/a/very/long/address?with=things"

    findings = check_markup(material_with(page, shell, link, "a <b c> d", "AT&T; R&D"))

    assert planted(only(findings, "markup")) == [0, 1]
    assert planted(only(findings, "nearly_all_markup")) == [1, 2]


def test_a_phrase_that_many_texts_end_with_is_found_whole() -> None:
    signature = "Kind regards, your friendly team at Example Ltd."
    texts = [f"{text} {signature}" for text in sentences(40, seed=5)]

    finding = only(check_boilerplate(material_with(*texts)), "boilerplate")

    assert finding.offers[0].parameters == {"phrases": [signature]}
    assert finding.count == 40


def test_a_few_usual_words_are_no_boilerplate() -> None:
    texts = [f"I would {text}" for text in sentences(60, seed=5)]

    assert check_boilerplate(material_with(*texts)) == []


def test_texts_that_name_their_label_are_found_as_whole_words() -> None:
    rows = [(f"[{label}] {text}", label) for text, label in zip(PLAIN, ["log_in", "Refund"] * 50, strict=True)]
    apart = [(f"{text} refunded", "Refund") for text in PLAIN]

    assert (
        only(
            check_label_in_text(texts_with_labels([(text.replace("_", " "), label) for text, label in rows])), "label_in_text"
        ).severity
        == "serious"
    )
    assert check_label_in_text(texts_with_labels(apart)) == []


def test_chinese_labels_are_found_in_chinese_texts() -> None:
    rows = [("我要退款，请尽快处理", "退款"), ("退款什么时候到账", "退款")] * 5 + [("密码忘记了怎么办", "登录")] * 10

    assert only(check_label_in_text(texts_with_labels(rows)), "label_in_text").count == 10


def test_a_column_of_ids_and_a_column_of_categories_are_no_texts() -> None:
    ids = texts_with_labels([(f"ORD-{number:05d}", "a") for number in range(100)])
    categories = texts_with_labels([(("red", "blue")[number % 2], "a") for number in range(200)])

    assert names(check_text_column(ids)) == ["texts_are_ids"]
    assert names(check_text_column(categories)) == ["constant_texts"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("write to a.b+c@mail.example.co.uk.", ["email"]),
        ("IBAN DE89 3704 0044 0532 0130 00 and GB29NWBK60161331926819", ["iban", "iban"]),
        ("card 4111 1111 1111 1111, or 5500-0055-5555-5559", ["card", "card"]),
        ("call +44 20 7946 0958, (555) 234-5678 or 030 1234567", ["phone"] * 3),
        ("手机13812345678，邮箱ab@qq.com。", ["phone", "email"]),
        ("06 12 34 56 78 / +49 (0)30 123456", ["phone", "phone"]),
        ("card 4111 1111 1111 1112 has a wrong checksum", []),
        ("IBAN DE89 3704 0044 0532 0130 01 too", []),
        ("order 20240102 of 2024-01-02 12:30, 1,234,567.89 €, v1.2.3.4, ISBN 978-3-16-148410-0", []),
        ("rated 10-12 of 100, twice @ noon, @someone", []),
        ("0000 0000 0000 0000", []),
    ],
)  # fmt: skip
def test_personal_data_is_found_by_form_and_checksum(text: str, found: list[str]) -> None:
    assert [datum.kind for datum in find_personal_data(text)] == found


def test_personal_data_is_counted_by_kind_and_can_be_masked() -> None:
    finding = only(
        check_personal_data(material_with("a@b.example and c@d.example", "+44 20 7946 0958", "nothing")), "personal_data"
    )

    assert planted(finding) == [0, 1]
    assert "2 e-mail addresses, 1 phone number" in finding.title
    assert finding.offers[0].parameters == {"kinds": ["email", "phone"]}


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Hello", "Latin"),
        ("Привет", "Cyrillic"),
        ("你好", "Chinese characters"),
        ("これは本です", "Japanese"),
        ("안녕", "Korean"),
        ("123 !?", None),
    ],
)
def test_the_script_of_a_text_is_known(text: str, script: str | None) -> None:
    assert main_script(text) == script


def test_languages_are_named_where_a_text_is_long_enough() -> None:
    assert [language_of(text) for text in (ENGLISH, GERMAN, CHINESE, "ok", "Danke!")] == [
        "English",
        "German",
        "Chinese",
        None,
        None,
    ]


def test_a_mixture_of_languages_and_scripts_is_told() -> None:
    check_input = texts_with_labels(
        [(f"{text} {number}", "a") for number, text in enumerate([ENGLISH] * 20 + [GERMAN] * 5 + [CHINESE] * 5)]
    )

    languages, scripts = only(check_languages(check_input), "languages"), only(check_scripts(check_input), "scripts")

    assert "English 67%, German 17%, Chinese 17%" in languages.title
    assert scripts.rows.tolist() == [2 * place for place in range(25, 30)]
