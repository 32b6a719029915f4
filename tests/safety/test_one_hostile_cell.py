"""What one cell, header, list of labels or row of columns can cost: time in proportion to its size, whatever it contains.

Each line is some work on data of a size; for twice the size it may take about twice the CPU time.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.datasets.checks.check_input import CheckInput
from core.datasets.checks.entities.consistency import check_entity_consistency
from core.datasets.checks.labels.label_in_text import check_label_in_text
from core.datasets.checks.labels.spelling import check_label_spellings
from core.datasets.checks.normalized_text import canonical
from core.datasets.checks.texts.markup import check_markup
from core.datasets.checks.texts.mojibake import check_damage
from core.datasets.checks.texts.not_text import check_text_column
from core.datasets.checks.texts.personal_data import find_personal_data
from core.datasets.columns import single_label
from core.datasets.columns.label_lists import parse_list
from core.datasets.columns.names import LABEL_NAMES, name_score
from core.datasets.columns.span_alignment import align
from core.datasets.columns.spans import TextSpan
from core.datasets.repairs import REPAIRS
from core.datasets.repairs.labels import merged_name
from core.datasets.repairs.text_edits import edit_texts
from core.datasets.repairs.texts import markup_edits, white_space_edits
from core.datasets.splitting.parse_dates import parse_times
from core.datasets.versions.text_diff import differences
from core.evaluation.confusion_order import ConfusionView
from core.evaluation.entities import EntitySpan as Entity
from core.evaluation.entities import match_spans
from core.tasks import get_task
from core.tasks.tokenization import words
from core.tasks.windows import owner, windows
from tests.core.datasets.planted import ENTITIES, SINGLE, rows_of
from tests.cpu_time import cpu_seconds, grows_in_proportion

Work = Callable[[], object]


def material_of_rows(task: str, rows: list[dict[str, Any]]) -> CheckInput:
    return CheckInput(task=get_task(task), examples=rows_of(task, rows))


def on_texts(check: Callable[[Any], object], make: Callable[[int], str]) -> Callable[[int], Work]:
    def work(size: int) -> Work:
        texts = [make(size), *(f"plain text {number}" for number in range(60))]
        rows = [{"text": text, "label": "ab"[place % 2]} for place, text in enumerate(texts)]
        material = material_of_rows(SINGLE, rows)
        return lambda: check(material)

    return work


def on_text(change: Callable[[str], object], make: Callable[[int], str]) -> Callable[[int], Work]:
    return lambda size: partial(change, make(size))


def on_spans(make: Callable[[int], list[tuple[int, int]]], unit: str = "ab ") -> Callable[[int], Work]:
    def work(size: int) -> Work:
        text, spans = unit * size, [TextSpan(start, end, f"T{start}") for start, end in make(size)]
        return lambda: align(text, spans)

    return work


def tagged(text: str, tag: Callable[[int], str]) -> pd.DataFrame:
    places = words(text)
    return pd.DataFrame(
        {
            "id": [0], "split": ["train"], "record": [1], "text": [text],
            "starts": [[start for start, _ in places]], "ends": [[end for _, end in places]],
            "tags": [[tag(place) for place in range(len(places))]],
        }
    )  # fmt: skip


def tidied(size: int) -> Work:
    examples = tagged("ab  " * size, lambda place: "B-X" if place % 2 else "O")
    return lambda: edit_texts(examples, white_space_edits, layout="raw")


def trimmed(size: int) -> Work:
    examples = tagged("( " * size + "x", lambda place: "I-X" if place else "B-X")
    return lambda: REPAIRS["fix_tags"].apply(examples, get_task(ENTITIES), {"trim": True})


def names_that_begin_alike(size: int) -> Work:
    names = [{"words": ["Anna", f"N{number}", "."] * 3, "tags": ["B-P", "I-P", "O"] * 3} for number in range(size)]
    rows = [*names, {"words": ["Anna"] * size, "tags": ["O"] * size}]
    material = material_of_rows(ENTITIES, rows)
    return lambda: check_entity_consistency(material)


def names_of_many_words(size: int) -> Work:
    few = [
        {"words": ["a"] * length * 3, "tags": (["B-P"] + ["I-P"] * (length - 1)) * 3}
        for length in range(size // 100, size // 10, size // 100)
    ]
    material = material_of_rows(ENTITIES, [*few, {"words": ["a"] * size, "tags": ["O"] * size}])
    return lambda: check_entity_consistency(material)


def matched(size: int) -> Work:
    gold = [Entity(3 * place, 3 * place + 2, "A") for place in range(size)]
    predicted = [Entity(3 * place + 1, 3 * place + 3, "A") for place in range(size)]
    return lambda: match_spans(gold, predicted)


def owned(size: int) -> Work:
    parts = windows(size, 8, 2)
    return lambda: [owner(position, parts) for position in range(size)]


def columns_guessed(size: int) -> Work:
    rows = pd.DataFrame([[f"some words {place % 7}" for place in range(size)]] * 12, columns=[f"c{n}" for n in range(size)])
    return lambda: single_label.guess_roles(rows)


def label_of_length(size: int) -> Work:
    rows = [{"text": f"text {place}", "label": "x" * size + "ab"[place % 2]} for place in range(20)]
    material = material_of_rows(SINGLE, rows)
    return lambda: check_label_spellings(material)


def labels_alike(size: int) -> Work:
    base = "qwertzuiopasdfghjklyxcvbnmqwertzuiopasdf"
    labels = [base[: n % 40] + chr(945 + n // 40) + base[n % 40 + 1 :] for n in range(size)]
    rows = [{"text": f"text {place}", "label": label} for place, label in enumerate(labels)]
    rows += [{"text": f"more {place}", "label": label} for place, label in enumerate(labels[::2] * 6)]
    material = material_of_rows(SINGLE, rows)
    return lambda: check_label_spellings(material)


def label_looked_for(size: int) -> Work:
    label = "a " * size + "b"
    rows = [{"text": "a " * (2 * size) + "xb", "label": label}, *({"text": f"a b {place}", "label": "b b"} for place in range(9))]
    material = material_of_rows(SINGLE, rows)
    return lambda: check_label_in_text(material)


def chain_of_merges(size: int) -> Work:
    mapping = {str(number): str(number + 1) for number in range(size)}
    return lambda: merged_name("0", mapping)


WORK: dict[str, tuple[Callable[[int], Work], int]] = {
    "damage: question marks": (on_texts(check_damage, lambda size: "?" * size), 40_000),
    "markup: open comments": (on_texts(check_markup, lambda size: "<!--" * size), 30_000),
    "markup: tags of spaces": (on_texts(check_markup, lambda size: "<a" + " " * size), 40_000),
    "markup removed: a tag of spaces": (on_text(markup_edits, lambda size: "<a" + " " * size), 20_000),
    "markup removed: open comments": (on_text(markup_edits, lambda size: "<!--" * size), 10_000),
    "markup removed: open scripts": (on_text(markup_edits, lambda size: "<script>" * size), 10_000),
    "markup removed: scripts without an end": (on_text(markup_edits, lambda size: "<script " * size), 10_000),
    "markup removed: many tags": (on_text(markup_edits, lambda size: "<!-- x --><b>x</b>&amp;" * size), 2000),
    "personal data: many addresses": (on_text(find_personal_data, lambda size: "a@b.cc " * size), 3000),
    "personal data: digits": (on_text(find_personal_data, lambda size: "+49 " * size + "1" * size), 20_000),
    "personal data: percent signs": (on_text(find_personal_data, lambda size: "%" * size + "@" + "a." * size), 20_000),
    "one spelling: a stack of marks": (on_text(canonical, lambda size: "a" + "\u0301\u0316" * size), 10_000),
    "ids: one long word": (on_texts(check_text_column, lambda size: "a" * size), 40_000),
    "a date: spaces before the zone": (lambda size: partial(parse_times, ["2024-04-03 10:00" + " " * size + "x"]), 10_000),
    "a date: spaces before the time": (lambda size: partial(parse_times, ["3 Apr 2024" + " " * size + "x\ny"]), 10_000),
    "a header of digits": (lambda size: partial(name_score, "1" * size + "x", LABEL_NAMES), 20_000),
    "a list with quotation marks in a comment": (on_text(parse_list, lambda size: "['a' # " + "\\'" * size + "\n]"), 20_000),
    "spans inside words": (on_spans(lambda size: [(3 * place, 3 * place + 1) for place in range(size)]), 2000),
    "spans inside words, beyond ASCII": (on_spans(lambda size: [(3 * n, 3 * n + 1) for n in range(size)], "äb "), 500),
    "spans that all end together": (on_spans(lambda size: [(3 * place, 3 * size - 1) for place in range(size)][::-1]), 3000),
    "spans before one at the end": (on_spans(lambda s: [(3 * s - 3, 3 * s - 1), *((3 * n, 3 * s - 1) for n in range(s))]), 2000),
    "spans of the whole text": (on_spans(lambda size: [(0, 3 * size - 1 - 3 * n) for n in range(size)], "ab  "), 20_000),
    "white space tidied between tagged words": (tidied, 2000),
    "brackets at the edge of an entity": (trimmed, 20_000),
    "names that begin with one word": (names_that_begin_alike, 1000),
    "names of very many words": (names_of_many_words, 4000),
    "entities matched": (matched, 1000),
    "windows asked for their words": (owned, 3000),
    "columns guessed": (columns_guessed, 200),
    "labels of many letters": (label_of_length, 300),
    "labels that are nearly alike": (labels_alike, 120),
    "a long label looked for in a text": (label_looked_for, 3000),
    "a chain of merged labels": (chain_of_merges, 2000),
}


@pytest.mark.parametrize("name", WORK)
def test_work_grows_in_proportion_to_the_data(name: str) -> None:
    work, size = WORK[name]

    assert grows_in_proportion(work, size)


def test_texts_that_repeat_a_few_words_in_another_order_are_compared_in_no_time() -> None:
    before, after = "a b c " * 250, "c b a " * 250

    assert cpu_seconds(lambda: differences(before, after)) < 2, "it took more than ten seconds a row of a preview"


def test_a_thousand_labels_are_put_in_order_while_a_person_waits() -> None:
    counts = np.random.default_rng(0).integers(0, 5, (1000, 1000))
    names = tuple(f"label {number}" for number in range(1000))
    confusion = ConfusionView(rows=names, columns=names, counts=counts)

    assert cpu_seconds(lambda: confusion.ordered("confused")) < 4
