"""Whether the model's vocabulary covers the texts: unknown words, words split into many tokens, and scripts it does not know."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.datasets.checks.check_input import CheckInput, ReadingModel
from core.datasets.checks.finding import Finding, FindingExample, Severity
from core.datasets.checks.normalized_text import shown
from core.datasets.checks.texts.scripts import CHINESE, JAPANESE, KOREAN, letters_by_script, script_of
from core.datasets.checks.texts.tokens import MOST_READ, encode, tokenizer_of, unknown_token
from core.tasks.tokenization import words

_UNKNOWN, _MANY_UNKNOWN = 0.01, 0.1
"""Shares of unknown words from which the finding is a warning, and serious."""

_SHREDS, _MANY_SHREDS = 2.2, 3.5
"""Mean tokens per word from which the finding is a warning, and serious. In a tokenizer's own language the mean is 1.1 to 1.6,
in a related language of the same script 2 to 3."""

_FOREIGN, _FOREIGN_NAMED = 0.2, 0.05
"""Minimum share of the letters that scripts unknown to the model must have to be reported, in total and each."""

_OWN_WORDS = {CHINESE: (0.05, 2500), JAPANESE: (0.01, 500), KOREAN: (0.02, 1000)}
_OWN_WORDS_ELSEWHERE = (0.02, 1000)
"""Minimum share or number of vocabulary words of a script that the model was trained for."""

_LETTERS_IN_A_WORD = 4
"""Shortest word that is counted; shorter ones are nearly always a single token."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How well a tokenizer covers texts.

    Attributes:
        num_words: words examined.
        unknown: word -> how often it became the unknown token.
        pieces_per_word: mean number of tokens of words of four letters and more, and of Chinese characters.
        foreign: scripts that the vocabulary hardly covers -> their share of the letters, if it is considerable.
    """

    num_words: int
    unknown: Counter[str]
    pieces_per_word: float
    shredded: Counter[str]
    foreign: dict[str, float]

    @property
    def unknown_share(self) -> float:
        """Share of the words that are unknown."""
        return sum(self.unknown.values()) / max(1, self.num_words)


def check_vocabulary(check_input: CheckInput) -> list[Finding]:
    """One finding: the worst problem of the model's vocabulary with these texts."""
    model = check_input.model
    sample = check_input.sample(MOST_READ)
    found = coverage(sample)
    if model is None or found is None or not found.num_words:
        return []
    if found.foreign:
        scripts = " and ".join(f"{script} ({share:.0%} of the letters)" for script, share in found.foreign.items())
        title = f"{model.title} does not cover these texts: it hardly knows {scripts}"
        severity = Severity.SERIOUS
    elif found.unknown_share >= _UNKNOWN:
        title = f"{model.title} does not know {_percent(found.unknown_share)} of the words"
        severity = Severity.SERIOUS if found.unknown_share >= _MANY_UNKNOWN else Severity.WARNING
    elif found.pieces_per_word >= _SHREDS:
        title = f"{model.title} splits words into {found.pieces_per_word:.1f} tokens on average"
        severity = Severity.SERIOUS if found.pieces_per_word >= _MANY_SHREDS else Severity.WARNING
    else:
        return []
    worst = found.unknown if found.unknown_share >= _UNKNOWN else found.shredded
    detail = "unknown" if worst is found.unknown else "split into tokens"
    return [
        Finding(
            check="vocabulary",
            severity=severity,
            title=title,
            count=sum(found.unknown.values()) if worst is found.unknown else sum(worst.values()),
            unit="word",
            effect=f"{_in_words(found)} The model learns little from words it does not know. Choose a model "
            "for this language, or a multilingual one.",
            examples=tuple(
                FindingExample(text=shown(word, 60), detail=f"{detail}, {number:,} times")
                for word, number in worst.most_common(5)
            ),
            sampled=sample.is_part,
        )
    ]


def coverage(check_input: CheckInput) -> Coverage | None:
    """How well the model's tokenizer covers these texts; ``None`` if there is no tokenizer that can be opened here."""
    model, tokenizer = check_input.model, tokenizer_of(check_input.model)
    if model is None or tokenizer is None or model.folder is None:
        return None
    unknown_id = tokenizer.token_to_id(unknown_token(model) or "")
    unknown: Counter[str] = Counter()
    shredded: Counter[str] = Counter()
    num_words = num_pieces = num_judged = 0
    letters: Counter[str] = Counter()
    for text, encoding in zip(check_input.texts, encode(check_input, tokenizer), strict=True):
        letters += letters_by_script(text)
        spans = [span for span in words(text) if text[span[0]].isalnum()]
        num_words += len(spans)
        offsets = np.array(encoding.offsets).reshape(-1, 2)
        is_real = offsets[:, 1] > offsets[:, 0]
        offsets, ids = offsets[is_real], np.array(encoding.ids)[is_real]
        for start, end in spans:
            first, last = np.searchsorted(offsets[:, 1], start, side="right"), np.searchsorted(offsets[:, 0], end, side="left")
            word, pieces = text[start:end], ids[first:last]
            if unknown_id is not None and unknown_id in pieces:
                unknown[word] += 1
            elif _is_judged(word):
                num_judged += 1
                num_pieces += max(1, len(pieces))
                if len(pieces) > _SHREDS:
                    shredded[word] += 1
    return Coverage(
        num_words=num_words,
        unknown=unknown,
        pieces_per_word=num_pieces / max(1, num_judged),
        shredded=shredded,
        foreign=_foreign(letters, model),
    )


def _is_judged(word: str) -> bool:
    return word.isalpha() and (len(word) >= _LETTERS_IN_A_WORD or script_of(word[0]) in {CHINESE, JAPANESE})


def _foreign(letters: Counter[str], model: ReadingModel) -> dict[str, float]:
    assert model.folder is not None
    own = _vocabulary_scripts(model.folder / "tokenizer.json")
    total, known = sum(letters.values()), sum(own.values())
    if not total or not known:
        return {}
    foreign = {}
    for script, number in letters.most_common():
        share, enough = _OWN_WORDS.get(script, _OWN_WORDS_ELSEWHERE)
        if number >= _FOREIGN_NAMED * total and own[script] < min(enough, share * known):
            foreign[script] = number / total
    return foreign if sum(foreign.values()) >= _FOREIGN else {}


@functools.lru_cache(maxsize=8)
def _vocabulary_scripts(path: Path) -> Counter[str]:
    """Script -> number of vocabulary words written in it; empty for byte-level vocabularies.

    A single letter does not count as a word, except in scripts whose characters are words or syllables.
    """
    from tokenizers import Tokenizer, decoders

    tokenizer = Tokenizer.from_file(str(path))
    if isinstance(tokenizer.decoder, decoders.ByteLevel):
        return Counter()
    written = {token.removeprefix("##").removeprefix("\u2581") for token in tokenizer.get_vocab()}
    return Counter(
        script
        for token in written
        for script, number in letters_by_script(token).items()
        if number >= (1 if script in _OWN_WORDS else 2)
    )


def _in_words(found: Coverage) -> str:
    said = []
    if found.unknown_share >= _UNKNOWN:
        said.append(f"{_percent(found.unknown_share)} of the words are not in its vocabulary.")
    if found.pieces_per_word >= _SHREDS:
        said.append(f"It splits words into {found.pieces_per_word:.1f} tokens on average; in its own language, about 1.3.")
    if found.foreign and not said:
        said.append("Its vocabulary has tokens for most of these letters, but few words, and little was learned about them.")
    return " ".join(said)


def _percent(share: float) -> str:
    return f"{share:.1%}" if share < 0.1 else f"{share:.0%}"
