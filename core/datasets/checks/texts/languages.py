"""Detects texts in more than one script or language."""

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
"""Shares of texts in another script or language from which a note, and a warning, is given."""

_SURE = 0.95
_LONG_ENOUGH = {"Latin": 40}
_LONG_ENOUGH_ELSEWHERE = 16
"""Minimum number of characters for language detection; below it, the result is a guess."""

NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "et": "Estonian", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew",
    "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean",
    "lt": "Lithuanian", "lv": "Latvian", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian",
    "ru": "Russian", "sk": "Slovak", "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish", "th": "Thai", "tr": "Turkish",
    "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
"""ISO 639-1 -> name. Other languages are not reported: rare languages are mostly confused with frequent ones."""


def check_scripts(check_input: CheckInput) -> list[Finding]:
    """Texts in another script than the majority."""
    sample = check_input.sample(_MOST_READ)
    scripts = [main_script(text) for text in sample.texts]
    return _mixture(sample, scripts, check="scripts", noun="script")


def check_languages(check_input: CheckInput) -> list[Finding]:
    """Texts in another language than the majority, if they are long enough to detect it."""
    sample = check_input.sample(_MOST_NAMED)
    return _mixture(sample, [language_of(text) for text in sample.texts], check="languages", noun="language")


def language_of(text: str) -> str | None:
    """Name of the language of a text; ``None`` if the text is too short to tell or the language is not listed."""
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
            effect=f"A model pretrained on one {noun} learns little from the others. Choose a multilingual model, or split the "
            f"{noun}s into separate data sets.",
            examples=tuple(examples),
            rows=sample.ids[places],
            sampled=sample.is_part,
        )
    ]
