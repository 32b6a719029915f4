"""The most typical words of each label, which show what a label means in practice.

Class-based TF-IDF: the frequency of a word in the texts of a label, weighted by how rare the word is in all texts. Chinese and
Japanese texts are split into character bigrams, so that no dictionary is needed. For entities, the most frequent names are used.

Source: M. Grootendorst, BERTopic: Neural topic modeling with a class-based TF-IDF procedure, 2022.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np

from core.datasets.checks.check_input import CheckInput
from core.datasets.checks.texts.scripts import CHINESE, JAPANESE, script_of
from core.files.text_patterns import WORD

MOST_READ = 50_000
_MOST_LABELS_READ = 250_000
"""Most (text, label) pairs that are read: the words of a text are counted for each of its labels."""

_FEWEST = 2
_LONGEST_TEXT = 2000


def typical_words(check_input: CheckInput, most: int = 6) -> dict[str, list[str]]:
    """Label -> its most typical words (for entities: names), the best first.

    Args:
        check_input: the examples; large data sets are sampled.
        most: maximum number of words for each label.
    """
    if check_input.has_entities:
        return _frequent_names(check_input.sample(MOST_READ), most)
    labels_a_row = sum(map(len, check_input.row_labels)) / max(1, len(check_input.row_labels))
    sample = check_input.sample(min(MOST_READ, int(_MOST_LABELS_READ / max(1.0, labels_a_row))))
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    rows: Counter[str] = Counter()
    for text, labels in zip(sample.texts, sample.row_labels, strict=True):
        words = set(_words(text))
        for label in labels:
            counts[label].update(words)
            rows[label] += 1
    everywhere: Counter[str] = Counter()
    for of_label in counts.values():
        everywhere.update(of_label)
    return {label: _best(counts[label], rows[label], everywhere, sum(rows.values()), most) for label in sorted(counts)}


def _best(of_label: Counter[str], num_rows: int, everywhere: Counter[str], num_all: int, most: int) -> list[str]:
    words = [word for word, number in of_label.items() if number >= min(_FEWEST, num_rows)]
    if not words:
        return []
    inside = np.array([of_label[word] for word in words]) / num_rows
    outside = np.array([everywhere[word] for word in words]) / num_all
    scores = inside * np.log1p(np.maximum(0.0, inside / outside - 1)) * (1 - np.log(outside))
    best = sorted(zip(scores.tolist(), words, strict=True), key=lambda pair: (-pair[0], pair[1]))
    return _without_parts((word for score, word in best if score > 0), most)


def _without_parts(words: Iterable[str], most: int) -> list[str]:
    """The first words that do not overlap with an earlier one, as character bigrams of Chinese texts do."""
    chosen: list[str] = []
    for word in words:
        if not any(word in other or other in word for other in chosen):
            chosen.append(word)
        if len(chosen) == most:
            break
    return chosen


def _words(text: str) -> list[str]:
    found = []
    for word in WORD.findall(text[:_LONGEST_TEXT].casefold()):
        if word.isascii() or script_of(word[0]) not in (CHINESE, JAPANESE):
            if len(word) > 1 and not word.isdecimal():
                found.append(word)
        else:
            found += [word[place : place + 2] for place in range(len(word) - 1)]
    return found


def _frequent_names(check_input: CheckInput, most: int) -> dict[str, list[str]]:
    names: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for place, entities in enumerate(check_input.entities):
        for entity in entities:
            names[entity.type][" ".join(check_input.surface(place, entity).split())] += 1
    return {kind: [name for name, _ in found.most_common(most)] for kind, found in sorted(names.items())}
