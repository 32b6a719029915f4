"""Repairs of text content, with aligned words and tags."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.datasets.repairs import REPAIRS, RepairResult
from core.datasets.repairs.targets import entities
from core.datasets.repairs.text_edits import Edit, apply_edits, edit_texts, layout_of
from core.datasets.row_diff import compare_rows, plain
from core.tasks import get_task
from tests.core.datasets.planted import ENTITIES, SINGLE, rows_of

Apply = Callable[..., RepairResult]


def repaired(name: str, examples: pd.DataFrame, task: str = SINGLE, **parameters: Any) -> RepairResult:
    return REPAIRS[name].apply(examples, get_task(task), parameters)


def texts_after(name: str, *texts: str, **parameters: Any) -> list[str]:
    examples = rows_of(SINGLE, [{"text": text, "label": "a"} for text in texts])
    return repaired(name, examples, **parameters).examples["text"].tolist()


def entity_texts(examples: pd.DataFrame) -> list[list[tuple[str, str]]]:
    """Text and type of each entity, by row."""
    return [
        [(row["text"][row["starts"][first] : row["ends"][last]], kind) for first, last, kind in entities(plain(row["tags"]))]
        for _, row in examples.iterrows()
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  two  spaces ", "two spaces"),
        ("a\tb\u00a0c\u3000d", "a b c d"),
        ("zero\u200bwidth and soft\u00adhyphen\ufeff", "zerowidth and softhyphen"),
        ("first \n second", "first\nsecond"),
        ("one\n\n\n\ntwo", "one\n\ntwo"),
        ("a\r\nb", "a\nb"),
        ("as it should be\n\nand stays", "as it should be\n\nand stays"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_white_space_becomes_single_and_visible(before: str, after: str) -> None:
    assert texts_after("strip_whitespace", before) == [after]


def test_line_ends_become_spaces_on_demand() -> None:
    assert texts_after("strip_whitespace", "one\ntwo\n\nthree", join_lines=True) == ["one two three"]


def test_labels_that_differ_in_white_space_become_one() -> None:
    examples = rows_of(
        SINGLE, [{"text": str(i), "label": label} for i, label in enumerate(["card  lost", "card\u00a0lost", "card lost"])]
    )
    result = repaired("strip_whitespace", examples)
    assert set(result.examples["label"]) == {"card lost"}
    assert result.num_changed == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<p>Hello <b>you</b></p>", "Hello you"),
        ("a &lt; b &amp;&amp; c", "a < b && c"),
        ("one<br/>two", "one\ntwo"),
        ("<script>steal()</script>kept<!-- hidden -->", "kept"),
        ("x < y and y > z", "x < y and y > z"),
        ("I <3 it", "I <3 it"),
        ("a @ b & c", "a @ b & c"),
        ("&amp;amp;", "&"),
    ],
)
def test_markup_goes_and_text_stays(before: str, after: str) -> None:
    assert texts_after("remove_markup", before) == [after]


def test_a_row_of_nothing_but_markup_is_taken_out_with_a_reason() -> None:
    examples = rows_of(SINGLE, [{"text": "<br><br>", "label": "a"}, {"text": "kept", "label": "a"}])
    result = repaired("remove_markup", examples)
    assert (result.num_removed, list(result.removed)) == (1, [0])
    assert result.changes[0].after is None
    assert result.changes[0].reason


def test_personal_data_is_masked_by_kind() -> None:
    text = "Mail ada@example.org, call +49 30 901820, card 4111 1111 1111 1111, IBAN DE89 3704 0044 0532 0130 00."
    assert texts_after("mask_personal_data", text) == ["Mail [EMAIL], call [PHONE], card [CARD], IBAN [IBAN]."]
    assert texts_after("mask_personal_data", text, kinds=["email"]) == [text.replace("ada@example.org", "[EMAIL]")]


def test_boilerplate_is_cut_wherever_it_stands_but_never_inside_a_word() -> None:
    before = ["Please help. Sent from  my phone", "Sent from my phones: please help", "invite it"]
    after = texts_after("cut_boilerplate", *before, phrases=["Sent from my phone", "it"])
    assert after == ["Please help.", "Sent from my phones: please help", "invite"]


def test_characters_are_written_one_way() -> None:
    assert texts_after("normalise_characters", "cafe\u0301 \uff21") == ["caf\u00e9 \uff21"]
    assert texts_after("normalise_characters", "cafe\u0301 \uff21", form="NFKC") == ["caf\u00e9 A"]


def test_words_joined_by_spaces_stay_so_and_keep_their_tags() -> None:
    examples = rows_of(
        ENTITIES,
        [
            {
                "words": ["Ask", "Ada\u200b", "<b>", "Lovelace", "</b>", "at", "ada@x.org"],
                "tags": ["O", "B-PER", "I-PER", "I-PER", "O", "O", "B-MAIL"],
            },
            {"words": ["No", "change", "here"], "tags": ["O", "O", "O"]},
        ],
    )  # fmt: skip
    assert layout_of(examples) == "joined"
    tidy = repaired("strip_whitespace", examples, ENTITIES).examples
    plain_text = repaired("remove_markup", tidy, ENTITIES).examples
    masked = repaired("mask_personal_data", plain_text, ENTITIES).examples
    assert masked["text"].tolist() == ["Ask Ada Lovelace at [EMAIL]", "No change here"]
    assert layout_of(masked) == "joined"
    assert entity_texts(masked)[0] == [("Ada Lovelace", "PER"), ("[EMAIL]", "MAIL")]


def test_words_of_raw_text_are_found_anew_and_keep_their_entities() -> None:
    text = "Ask  <i>Ada Lovelace</i>, (ada@x.org)."
    tags = ["O"] * 40
    examples = rows_of(ENTITIES, [{"text": text, "tags": []}])
    starts = examples["starts"][0]
    tags = ["O"] * len(starts)
    for word, kind in (("Ada", "B-PER"), ("Lovelace", "I-PER"), ("x", "B-ORG"), ("org", "I-ORG")):
        tags[starts.index(text.index(word))] = kind
    tags[starts.index(text.index(".org"))] = "I-ORG"
    examples["tags"] = pd.Series([tags])
    result = repaired("remove_markup", examples, ENTITIES).examples
    assert result["text"][0] == "Ask Ada Lovelace, (ada@x.org)."
    assert layout_of(result) == "raw"
    assert entity_texts(result)[0] == [("Ada Lovelace", "PER"), ("x.org", "ORG")]
    masked = repaired("mask_personal_data", result, ENTITIES).examples
    assert masked["text"][0] == "Ask Ada Lovelace, ([EMAIL])."
    assert layout_of(masked) == "raw"
    assert entity_texts(masked)[0] == [("Ada Lovelace", "PER"), ("[EMAIL]", "ORG")]


def test_an_edited_text_whose_entities_are_the_same_has_no_other_answer() -> None:
    rows = [
        {"words": ["Mail", "ada@x.org", "to", "Ada", "Stone"], "tags": ["O", "O", "O", "B-PER", "I-PER"]},
        {"words": ["Regards", "from", "Bob"], "tags": ["B-MISC", "O", "B-PER"]},
        {"words": ["Nothing", "here"], "tags": ["O", "O"]},
    ]
    before = rows_of(ENTITIES, rows)
    after = repaired("cut_boilerplate", before, ENTITIES, phrases=["ada@x.org", "Regards"]).examples
    moved = after.assign(tags=[*after["tags"][:2], ["B-PER", "O"]])

    compared = compare_rows(before, moved, get_task(ENTITIES).target_columns)

    assert after["text"].tolist() == ["Mail to Ada Stone", "from Bob", "Nothing here"]
    assert (compared.texts.tolist(), compared.answers.tolist()) == ([0, 1], [1, 2])


def test_an_entity_whose_words_are_cut_out_is_gone_and_does_not_join_its_neighbours() -> None:
    examples = rows_of(ENTITIES, [{"words": ["Ada", "Regards", "Bob", "Stone"], "tags": ["B-PER", "B-PER", "I-PER", "I-PER"]}])
    result = repaired("cut_boilerplate", examples, ENTITIES, phrases=["Regards"]).examples
    assert result["tags"].map(list).tolist() == [["B-PER", "B-PER", "I-PER"]]


WORDS = st.lists(st.text("ab@.\u200b<>", min_size=1, max_size=5).filter(str.strip), min_size=1, max_size=6)


@given(WORDS, st.data())
@settings(deadline=None, max_examples=150)
def test_whatever_is_edited_words_lie_in_the_text_and_tags_stay_iob2(words: list[str], data: st.DataObject) -> None:
    tags, before = [], "O"
    for _ in words:
        tag = data.draw(st.sampled_from(["O", "B-X", "B-Y", *(["I" + before[1:]] if before != "O" else [])]))
        tags.append(tag)
        before = tag
    examples = rows_of(ENTITIES, [{"words": words, "tags": tags}])
    text = examples["text"][0]
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    stretches = list(zip(cuts[::2], cuts[1::2], strict=False))
    new = st.sampled_from(["", " ", "Z", "Z Z"])
    edits = [Edit(start, end, data.draw(new) if text[start:end].strip() else " ") for start, end in stretches]
    result = edit_texts(examples, lambda _: edits, layout=layout_of(examples))
    row = result.iloc[0]
    spans = list(zip(row["starts"], row["ends"], strict=True))
    assert all(0 <= start < end <= len(row["text"]) for start, end in spans)
    assert all(before_end <= start for (_, before_end), (start, _) in pairwise(spans))
    assert len(row["tags"]) == len(spans)
    previous = "O"
    for tag in row["tags"]:
        assert not tag.startswith("I-") or previous[2:] == tag[2:]
        previous = tag
    if edits and spans:
        assert layout_of(result) == "joined"
        assert "".join(row["text"].split()) == "".join(apply_edits(text, edits).split())
