"""In which scripts and languages the texts are written, where that is not the same throughout."""

import functools
from collections import Counter
from typing import Any

import numpy as np

from core.datasets.checks.check_input import CheckInput
from core.datasets.checks.finding import Finding, FindingExample, Severity
from core.datasets.checks.texts.scripts import main_script

_MOST_READ = 20_000
_MOST_NAMED = 3_000
_FEW, _MANY = 0.01, 0.1
"""Shares of the texts from which another script or language is worth a word, and worth a warning."""

_SURE = 0.95
_LONG_ENOUGH = {"Latin": 40}
_LONG_ENOUGH_ELSEWHERE = 16
"""Characters below which a language is a guess."""

NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "et": "Estonian", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew",
    "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean",
    "lt": "Lithuanian", "lv": "Latvian", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian",
    "ru": "Russian", "sk": "Slovak", "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish", "th": "Thai", "tr": "Turkish",
    "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
"""ISO 639-1 -> name. A language that is not here is not named at all: the rare ones are mostly mistaken for a frequent one."""


def check_scripts(check_input: CheckInput) -> list[Finding]:
    """Texts in another script than most."""
    sample = check_input.sample(_MOST_READ)
    scripts = [main_script(text) for text in sample.texts]
    return _mixture(sample, scripts, check="scripts", noun="script")


def check_languages(check_input: CheckInput) -> list[Finding]:
    """Texts in another language than most, as far as they are long enough to tell."""
    sample = check_input.sample(_MOST_NAMED)
    return _mixture(sample, [language_of(text) for text in sample.texts], check="languages", noun="language")


def language_of(text: str) -> str | None:
    """Name of the language of a text; nothing where the text is too short to tell, or the language none of the usual ones."""
    line = " ".join(text[:2000].split())
    script = main_script(line)
    if script is None or len(line) < _LONG_ENOUGH.get(script, _LONG_ENOUGH_ELSEWHERE):
        return None
    code, sureness = _identifier().classify(line)
    return NAMES.get(str(code)) if sureness >= _SURE else None


@functools.cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _mixture(sample: CheckInput, kinds: list[str | None], *, check: str, noun: str) -> list[Finding]:
    counts = Counter(kind for kind in kinds if kind is not None)
    known = sum(counts.values())
    others = [(kind, number) for kind, number in counts.most_common()[1:] if number >= max(2, _FEW * known)]
    if not others:
        return []
    (most, of_most), *_ = counts.most_common(1)
    share = 1 - of_most / known
    places = np.array([place for place, kind in enumerate(kinds) if kind is not None and kind != most])
    shown = ", ".join(f"{kind} {number / known:.0%}" for kind, number in [(most, of_most), *others][:4])
    examples: list[FindingExample] = []
    for kind, _ in others[:5]:
        place = kinds.index(kind)
        examples.append(sample.example(sample.ids[place], detail=kind))
    return [
        Finding(
            check=check,
            severity=Severity.WARNING if share >= _MANY else Severity.NOTE,
            title=f"Texts in more than one {noun}: {shown}",
            count=len(places),
            unit="text",
            effect=f"A model made for one {noun} learns little from the others. Choose a multilingual model, or keep the "
            f"{noun}s in "
            "data sets of their own.",
            examples=tuple(examples),
            rows=sample.ids[places],
            sampled=sample.is_part,
        )
    ]
