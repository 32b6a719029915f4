"""Texts that are mostly markup, and boilerplate phrases that many texts begin or end with."""

from collections import Counter, defaultdict

import numpy as np

from core.datasets.checks.check_input import CheckInput
from core.datasets.checks.finding import Finding, FindingExample, RepairOffer, Severity
from core.datasets.checks.normalized_text import shown
from core.datasets.checks.texts.text_spans import without_stretches
from core.files.text_patterns import TAG_OR_REFERENCE, WEB_ADDRESS, comments
from core.text_format import counted

_MOSTLY = 0.7
_SOME_TAGS = 2

_WORDS_SHARED = 4
_LONGEST_PHRASE = 40
_SHORTEST_PHRASE = 12
"""Minimum length of a phrase; shorter common beginnings are normal language."""
_OFTEN = 0.02
_AT_LEAST = 20
_GOES_ON = 0.8
"""Share of the texts with a phrase that must have the same next word for the word to become part of the phrase."""


def check_markup(check_input: CheckInput) -> list[Finding]:
    """Texts that contain HTML, and texts that consist almost entirely of markup or links."""
    tagged, empty = [], []
    for place, text in enumerate(check_input.texts):
        if "<" not in text and "&" not in text and "://" not in text and "www." not in text:
            continue
        found = list(comments(text))
        bare = without_stretches(text, found)
        num_tags = len(found) + len(TAG_OR_REFERENCE.findall(bare))
        if num_tags >= _SOME_TAGS:
            tagged.append(place)
        rest = WEB_ADDRESS.sub("", TAG_OR_REFERENCE.sub(" ", bare))
        if sum(map(str.isalnum, rest)) < (1 - _MOSTLY) * max(1, sum(map(str.isalnum, text))):
            empty.append(place)
    findings = []
    if empty:
        ids = check_input.ids[empty]
        findings.append(
            Finding(
                check="nearly_all_markup",
                severity=Severity.SERIOUS if len(ids) >= 0.2 * len(check_input.ids) else Severity.WARNING,
                title=f"{counted(len(ids), 'text consists', 'texts consist')} almost entirely of markup or links",
                count=len(ids),
                unit="text",
                effect="They contain almost no text to learn from.",
                examples=tuple(check_input.example(id_) for id_ in ids[:5]),
                rows=ids,
                offers=(
                    RepairOffer(
                        repair="drop_rows",
                        title="Delete these rows",
                        parameters={"ids": ids.tolist(), "reason": "Almost entirely markup or links."},
                    ),
                ),
            )
        )
    if tagged:
        ids = check_input.ids[tagged]
        findings.append(
            Finding(
                check="markup",
                severity=Severity.WARNING if len(ids) >= 0.05 * len(check_input.ids) else Severity.NOTE,
                title=f"{counted(len(ids), 'text contains', 'texts contain')} HTML",
                count=len(ids),
                unit="text",
                effect="HTML tags use up the model's input length, and the model may learn from the formatting instead of the "
                "content.",
                examples=tuple(check_input.example(id_) for id_ in ids[:5]),
                rows=ids,
                offers=() if check_input.has_entities else (RepairOffer(repair="remove_markup", title="Remove the markup"),),
            )
        )
    return findings


def check_boilerplate(check_input: CheckInput) -> list[Finding]:
    """Boilerplate: beginnings and endings that many texts share."""
    sample = check_input.sample(100_000)
    phrases = [*_shared(sample.texts, at_end=False), *_shared(sample.texts, at_end=True)]
    if not phrases or check_input.has_entities:
        return []
    places = np.unique(np.concatenate([places for _, places in phrases]))
    phrases.sort(key=lambda phrase: -len(phrase[1]))
    share = len(places) / len(sample.texts)
    return [
        Finding(
            check="boilerplate",
            severity=Severity.WARNING if share >= 0.2 else Severity.NOTE,
            title=f"{counted(len(phrases), 'phrase begins or ends', 'phrases begin or end')} {share:.0%} of the texts",
            count=len(places),
            unit="text",
            effect="Text that is the same everywhere does not help to distinguish labels. It uses up the model's input length, "
            "and if it occurs mostly with one label, the model learns the template instead of the content.",
            examples=tuple(
                FindingExample(text=shown(phrase), detail=counted(len(found), "text")) for phrase, found in phrases[:5]
            ),
            rows=sample.ids[places],
            offers=(
                RepairOffer(
                    repair="cut_boilerplate",
                    title="Remove these phrases",
                    parameters={"phrases": [phrase for phrase, _ in phrases]},
                ),
            ),
            sampled=sample.is_part,
        )
    ]


def _shared(texts: list[str], *, at_end: bool) -> list[tuple[str, np.ndarray]]:
    """Phrases at one end of the texts, and which texts have each; texts that consist of the phrase alone do not count."""
    ends = [_words_at_end(text, at_end=at_end) for text in texts]
    needed = max(_AT_LEAST, int(_OFTEN * len(texts)))
    members: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, words in enumerate(ends):
        if len(words) > _WORDS_SHARED:
            members[words[:_WORDS_SHARED]].append(place)
    found = []
    for phrase, places in members.items():
        if len(places) < needed or len({ends[place] for place in places}) < _GOES_ON * len(places) / 4:
            continue
        while len(phrase) < _LONGEST_PHRASE:
            following = Counter(ends[place][len(phrase)] for place in places if len(ends[place]) > len(phrase))
            word, number = following.most_common(1)[0] if following else ("", 0)
            if number < _GOES_ON * len(places):
                break
            phrase = (*phrase, word)
            places = [place for place in places if ends[place][: len(phrase)] == phrase]
        written = " ".join(reversed(phrase) if at_end else phrase)
        if len(written) >= _SHORTEST_PHRASE and len(places) >= needed:
            found.append((written, np.array(places)))
    return found


def _words_at_end(text: str, *, at_end: bool) -> tuple[str, ...]:
    """The first words of a text, or the last ones from the end."""
    if at_end:
        return tuple(reversed(text[-400:].split()[-_LONGEST_PHRASE:]))
    return tuple(text[:400].split()[:_LONGEST_PHRASE])
