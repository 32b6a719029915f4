"""Repairs of text content: white space, character normalization, markup, boilerplate, personal data."""

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

_NOTHING_LEFT = "The text is empty after the repair."

MASKS = {"email": "[EMAIL]", "phone": "[PHONE]", "iban": "[IBAN]", "card": "[CARD]"}
"""Mask for each kind of personal data."""


# --- what each does to one text ---------------------------------------------------------------------------------------------


def white_space_edits(text: str, *, join_lines: bool = False) -> list[Edit]:
    """Single spaces for runs and unusual spaces, at most one empty line, no invisible characters, no outer white space."""
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
    """HTML without tags and comments, with character references decoded."""
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
    """A repair that works text by text, on examples and on other texts.

    Attributes:
        edits: parameters -> a function that returns the edits of a text.
        tidies: whether white space is cleaned up in the changed texts, because the edits leave gaps.
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
"""Maximum number of passes over a text: a deletion can create another match."""

_WHITE_SPACE = _TextRepair(lambda parameters: partial(white_space_edits, join_lines=bool(parameters["join_lines"])))
_CHARACTERS = _TextRepair(lambda parameters: partial(_character_edits, form=parameters["form"]))
_MARKUP = _TextRepair(lambda _: markup_edits, tidies=True)
_MASKS_OF = _TextRepair(lambda parameters: partial(mask_edits, kinds=frozenset(parameters["kinds"])))


def _phrases(parameters: Parameters) -> FindEdits:
    phrases = sorted({phrase.strip() for phrase in parameters["phrases"] if phrase.strip()}, key=len, reverse=True)
    if not phrases:
        raise DatasetError("There are no phrases to remove. Enter at least 1.")
    pattern = any_phrase(phrases)
    return lambda text: [Edit(*match.span(), "") for match in pattern.finditer(text)]


_BOILERPLATE = _TextRepair(_phrases, tidies=True)


def _strip_whitespace(repair_input: RepairInput, parameters: Parameters) -> Outcome:
    outcome = _WHITE_SPACE.rows(repair_input, parameters)

    def tidy(label: str) -> str:
        return apply_edits(label, white_space_edits(label, join_lines=True)) or label

    return replace(outcome, examples=relabelled(outcome.examples, tidy))


def _mask_personal_data(repair_input: RepairInput, parameters: Parameters) -> Outcome:
    note = "Names and addresses of people are not detected; check the rows before you share them."
    return replace(_MASKS_OF.rows(repair_input, parameters), notes=(note,))


REPAIRS = (
    Repair(
        name="strip_whitespace",
        title="Clean up white space",
        help="Replaces runs of spaces, tabs and unusual spaces by one space and removes invisible characters, in texts and in "
        "labels. Labels that differ only in this are merged.",
        run=_strip_whitespace,
        parameters=(
            Parameter(
                name="join_lines",
                title="Remove line breaks",
                help="Line breaks become spaces as well; otherwise they stay.",
                kind="switch",
                default=False,
            ),
        ),
        text=_WHITE_SPACE.text,
    ),
    Repair(
        name="normalise_characters",
        title="Normalize characters",
        help="The same letter can be stored in several ways (é as one or two code points; full-width Ａ and regular A), which a "
        "model treats as different letters. This applies Unicode normalization.",
        run=_CHARACTERS.rows,
        parameters=(
            Parameter(
                name="form",
                title="Normalization form",
                help="NFC does not change how the text looks; NFKC also replaces full-width forms and other compatibility "
                "characters.",
                kind="choice",
                default="NFC",
                choices={"NFC": "Same appearance (NFC)", "NFKC": "Regular letters and digits (NFKC)"},
            ),
        ),
        text=_CHARACTERS.text,
    ),
    Repair(
        name="remove_markup",
        title="Remove markup",
        help="Removes HTML tags and comments and decodes character references. The text between the tags stays.",
        run=_MARKUP.rows,
        text=_MARKUP.text,
    ),
    Repair(
        name="cut_boilerplate",
        title="Remove boilerplate",
        help="Removes phrases that occur in many texts and are unrelated to the label, such as signatures and disclaimers.",
        run=_BOILERPLATE.rows,
        parameters=(
            Parameter(
                name="phrases",
                title="Phrases to remove, one per line",
                help="Each phrase is removed wherever it occurs, with any spacing between its words.",
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
        "also in the unlabelled rows and in the extra columns of the file.",
        run=_mask_personal_data,
        parameters=(
            Parameter(
                name="kinds",
                title="Data to mask",
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
