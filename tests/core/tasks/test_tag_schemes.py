"""Tag schemes and their conversion to IOB2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.tasks.tag_schemes import Scheme, recognise, to_iob2


def iob2(*sentences: str) -> tuple[list[str], int, str]:
    """All sentences converted, the number of repaired entities, and the name of the detected scheme."""
    tags = [sentence.split() for sentence in sentences]
    scheme = recognise(tags)
    assert scheme is not None
    done = [to_iob2(sentence, scheme) for sentence in tags]
    return [" ".join(each.tags) for each in done], sum(each.num_repaired for each in done), scheme.name


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("IOB2", "B-A I-A O B-A B-A", "B-A I-A O B-A B-A"),
        ("IOB1", "I-A I-A O I-A B-A I-B", "B-A I-A O B-A B-A B-B"),
        ("BILOU", "B-A I-A L-A O U-A U-B", "B-A I-A I-A O B-A B-B"),
        ("IOBES", "B-A I-A E-A O S-A S-B", "B-A I-A I-A O B-A B-B"),
        ("IOBES", "B-A M-A E-A O S-A W-B", "B-A I-A I-A O B-A B-B"),
        ("IO", "I-A I-A O I-B", "B-A I-A O B-B"),
        ("IO", "PER PER O LOC", "B-PER I-PER O B-LOC"),
        ("IOB2", "A-B A-I O", "B-A I-A O"),
        ("IOB2", "B_A I_A O", "B-A I-A O"),
        ("IOB2", "B I O B", "B-ENTITY I-ENTITY O B-ENTITY"),
        ("IOB2", "B-my-type I-my-type O", "B-my-type I-my-type O"),
        ("IOB2", "O O O", "O O O"),
    ],
)
def test_each_scheme_is_recognised_and_rewritten_without_loss(name: str, before: str, after: str) -> None:
    assert iob2(before) == ([after], 0, name)


@pytest.mark.parametrize(
    ("before", "after", "repaired"),
    [
        ("B-A O I-A", "B-A O B-A", 1),
        ("B-A I-B I-B", "B-A B-B I-B", 1),
        ("B-A O L-B U-A", "B-A O B-B B-A", 2),
        ("B-A B-A L-A", "B-A B-A I-A", 1),
        ("U-A I-A L-A", "B-A B-A I-A", 1),
        ("E-A S-B O B-B", "B-A B-B O B-B", 2),
    ],
)
def test_broken_sequences_become_whole_entities_and_are_counted(before: str, after: str, repaired: int) -> None:
    assert iob2(before)[:2] == ([after], repaired)


def test_an_inside_tag_at_the_start_of_a_sentence_does_not_go_on_with_the_sentence_before() -> None:
    assert iob2("O B-A I-A", "I-A O B-A")[:2] == (["O B-A I-A", "B-A O B-A"], 1)


@pytest.mark.parametrize("tags", [["NNP", "VB", "IN"], ["0", "1", "2"], ["O", "1", "2"], []])
def test_values_that_are_no_tags_follow_no_scheme(tags: list[str]) -> None:
    assert recognise([tags]) is None


def written(entities: list[tuple[int, str | None]], scheme: str) -> list[str]:
    """Adjacent spans of words, each an entity of a type or none, in one of the schemes."""
    tags: list[str] = []
    before: str | None = None
    for length, kind in entities:
        if kind is None:
            tags += ["O"] * length
        else:
            first, single = {
                "IOB2": ("B", "B"),
                "IOB1": ("B", "B") if before == kind else ("I", "I"),
                "BILOU": ("B", "U"),
                "IOBES": ("B", "S"),
            }[scheme]
            last = {"BILOU": "L", "IOBES": "E"}.get(scheme, "I")
            marks = [single] if length == 1 else [first, *"I" * (length - 2), last]
            tags += [f"{mark}-{kind}" for mark in marks]
        before = kind
    return tags


ENTITIES = st.lists(st.tuples(st.integers(1, 4), st.sampled_from([None, "PER", "LOC"])), max_size=8)


@given(ENTITIES, st.sampled_from(["IOB1", "BILOU", "IOBES"]))
def test_any_entities_come_out_of_every_scheme_the_same(entities: list[tuple[int, str | None]], name: str) -> None:
    normalised = to_iob2(written(entities, name), Scheme(name, "mark first"))

    assert normalised.tags == written(entities, "IOB2")
    assert normalised.num_repaired == 0
