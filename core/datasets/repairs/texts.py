"""Repairs of what stands in the texts: white space, ways of writing characters, markup, boilerplate, personal data."""

import html
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import pandas as pd

from core.datasets.checks.texts.personal_data import KINDS, find_personal_data
from core.datasets.checks.texts.text_spans import apart_from
from core.datasets.repairs.repair import Outcome, Parameter, Parameters, Repair, RepairInput, without
from core.datasets.repairs.targets import relabelled
from core.datasets.repairs.text_edits import Edit, FindEdits, apply_edits, edit_texts, layout_of
from core.errors import DatasetError
from core.files.normal_forms import normalize
from core.files.text_patterns import (
    BREAKING_TAG,
    CHARACTER_REFERENCE,
    INVISIBLE_JOINTS,
    NOT_WHITE,
    TAG,
    UNTIDY,
    WHITE_OR_INVISIBLE,
    any_phrase,
    markup_blocks,
)

_NOTHING_LEFT = "Nothing of its text is left."

MASKS = {"email": "[EMAIL]", "phone": "[PHONE]", "iban": "[IBAN]", "card": "[CARD]"}
"""What stands in a text where personal data of each kind stood."""


# --- what each does to one text ---------------------------------------------------------------------------------------------


def white_space_edits(text: str, *, join_lines: bool = False) -> list[Edit]:
    """Single spaces instead of runs and of exotic spaces, at most one empty line, nothing invisible, nothing at the edges."""
    if not UNTIDY.search(text) and not (join_lines and "\n" in text):
        return []
    found = []
    for match in WHITE_OR_INVISIBLE.finditer(text):
        old, at_edge = match[0], match.start() == 0 or match.end() == len(text)
        visible = old.strip(INVISIBLE_JOINTS)
        num_lines = 0 if join_lines else min(2, len(visible.splitlines()) - (not visible.endswith(("\n", "\r", "\u2028"))))
        new = "" if at_edge or not visible else "\n" * num_lines or " "
        if new != old:
            found.append(Edit(*match.span(), new))
    return found


def markup_edits(text: str) -> list[Edit]:
    """HTML without its tags and comments; its entities as the characters they stand for."""
    if "<" not in text and "&" not in text:
        return []
    blocks = [Edit(start, end, " ") for start, end in markup_blocks(text)]
    tags = [Edit(*match.span(), "\n" if BREAKING_TAG.match(match[0]) else "") for match in TAG.finditer(text)]
    found = sorted([*blocks, *apart_from(blocks, tags, _borders)])
    references = [Edit(*match.span(), html.unescape(match[0])) for match in CHARACTER_REFERENCE.finditer(text)]
    characters = apart_from(found, references, _borders)
    return sorted([*found, *(edit for edit in characters if edit.replacement != text[edit.start : edit.end])])


def _borders(edit: Edit) -> tuple[int, int]:
    return edit.start, edit.end


def mask_edits(text: str, kinds: frozenset[str]) -> list[Edit]:
    """A mask for every e-mail address, phone number, bank account and card number."""
    return [Edit(datum.start, datum.end, MASKS[datum.kind]) for datum in find_personal_data(text) if datum.kind in kinds]


def _character_edits(text: str, form: Literal["NFC", "NFKC"]) -> list[Edit]:
    if text.isascii():
        return []
    pieces = [(match.start(), match.end(), match[0]) for match in NOT_WHITE.finditer(text)]
    normal = [(start, end, old, normalize(form, old)) for start, end, old in pieces]
    return [Edit(start, end, new) for start, end, old, new in normal if new != old]


# --- from one text to all rows ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _TextRepair:
    """A repair that works text by text, on examples and on any other text alike.

    Attributes:
        edits: parameters -> what is changed in a text.
        tidies: whether white space is tidied in the texts it changed, because it leaves gaps.
    """

    edits: Callable[[Parameters], FindEdits]
    tidies: bool = False

    def rows(self, repair_input: RepairInput, parameters: Parameters) -> Outcome:
        find = self.edits(parameters)
        layout = layout_of(repair_input.examples) if "starts" in repair_input.examples else None
        examples = edit_texts(repair_input.examples, find, layout=layout)
        changed = (examples["text"] != repair_input.examples["text"]).to_numpy()
        for again in [find] * _MOST_ROUNDS + [white_space_edits] * self.tidies:
            rows = edit_texts(examples[changed], again, layout=layout)
            examples = examples.copy()
            for name in ("text", *(name for name in repair_input.targets if layout is not None)):
                cells = examples[name].to_numpy(dtype=object, copy=True)
                cells[changed] = rows[name].to_numpy(dtype=object)
                examples[name] = pd.Series(cells, index=examples.index, dtype=object)
        empty = examples["text"] == ""
        if layout is not None:
            empty |= examples["starts"].map(len) == 0
        removed = dict.fromkeys(examples.loc[empty, "id"].tolist(), _NOTHING_LEFT)
        return Outcome(examples=without(examples, removed), removed=removed)

    def text(self, parameters: Parameters) -> Callable[[str], str]:
        find = self.edits(parameters)

        def change(text: str) -> str:
            changed = text
            for _ in range(1 + _MOST_ROUNDS):
                changed = apply_edits(changed, find(changed))
            if changed != text:
                changed = apply_edits(changed, white_space_edits(changed)) if self.tidies else changed
            return changed.strip() if changed != text else text

        return change


_MOST_ROUNDS = 3
"""How often a changed text is looked at again: taking something out can bring together what is to go as well."""

_WHITE_SPACE = _TextRepair(lambda parameters: partial(white_space_edits, join_lines=bool(parameters["join_lines"])))
_CHARACTERS = _TextRepair(lambda parameters: partial(_character_edits, form=parameters["form"]))
_MARKUP = _TextRepair(lambda _: markup_edits, tidies=True)
_MASKS_OF = _TextRepair(lambda parameters: partial(mask_edits, kinds=frozenset(parameters["kinds"])))


def _phrases(parameters: Parameters) -> FindEdits:
    phrases = sorted({phrase.strip() for phrase in parameters["phrases"] if phrase.strip()}, key=len, reverse=True)
    if not phrases:
        raise DatasetError("No phrase is given that should be cut out. Write at least one.")
    pattern = any_phrase(phrases)
    return lambda text: [Edit(*match.span(), "") for match in pattern.finditer(text)]


_BOILERPLATE = _TextRepair(_phrases, tidies=True)


def _strip_whitespace(repair_input: RepairInput, parameters: Parameters) -> Outcome:
    outcome = _WHITE_SPACE.rows(repair_input, parameters)

    def tidy(label: str) -> str:
        return apply_edits(label, white_space_edits(label, join_lines=True)) or label

    return replace(outcome, examples=relabelled(outcome.examples, tidy))


def _mask_personal_data(repair_input: RepairInput, parameters: Parameters) -> Outcome:
    note = "Names and addresses of people are not looked for; look at the rows before you pass them on."
    return replace(_MASKS_OF.rows(repair_input, parameters), notes=(note,))


REPAIRS = (
    Repair(
        name="strip_whitespace",
        title="Tidy white space",
        help="Runs of spaces, tabs and exotic spaces become one space, invisible characters go, in texts and in labels. "
        "Labels that differed in nothing else become one.",
        run=_strip_whitespace,
        parameters=(
            Parameter(
                name="join_lines",
                title="Put each text on one line",
                help="Line ends become spaces as well; otherwise they stay.",
                kind="switch",
                default=False,
            ),
        ),
        text=_WHITE_SPACE.text,
    ),
    Repair(
        name="normalise_characters",
        title="Write characters one way",
        help="The same letter can be stored in several ways (é in one piece or two; full-width Ａ beside A), which a model takes "
        "for different letters.",
        run=_CHARACTERS.rows,
        parameters=(
            Parameter(
                name="form",
                title="How",
                help="The careful form changes nothing that can be seen; the plain one also folds full-width forms.",
                kind="choice",
                default="NFC",
                choices={"NFC": "Carefully (NFC)", "NFKC": "Plain letters and digits (NFKC)"},
            ),
        ),
        text=_CHARACTERS.text,
    ),
    Repair(
        name="remove_markup",
        title="Remove markup",
        help="HTML tags and comments go, and codes that stand for a character become it. The text between the tags stays.",
        run=_MARKUP.rows,
        text=_MARKUP.text,
    ),
    Repair(
        name="cut_boilerplate",
        title="Cut boilerplate out",
        help="Phrases that stand in many texts and say nothing about the label, such as signatures and disclaimers, are cut out.",
        run=_BOILERPLATE.rows,
        parameters=(
            Parameter(
                name="phrases",
                title="Phrases to cut, one a line",
                help="Each is cut wherever it stands, however its words are spaced.",
                kind="texts",
                required=True,
            ),
        ),
        text=_BOILERPLATE.text,
    ),
    Repair(
        name="mask_personal_data",
        title="Mask personal data",
        help="E-mail addresses, phone numbers, bank accounts and card numbers become [EMAIL], [PHONE], [IBAN] and [CARD], "
        "also in the unlabelled rows and in the further columns of the file.",
        run=_mask_personal_data,
        parameters=(
            Parameter(
                name="kinds",
                title="What to mask",
                help="Kinds of personal data.",
                kind="choices",
                default=list(KINDS),
                choices={kind: several for kind, (_, several) in KINDS.items()},
            ),
        ),
        text=_MASKS_OF.text,
        cell=_MASKS_OF.text,
    ),
)
