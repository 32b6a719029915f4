"""Annotation consistency of entities: unusual boundaries, names with several types, and names that are only sometimes tagged."""

from collections import Counter, defaultdict

from core.datasets.checks.check_input import CheckInput
from core.datasets.checks.entities.tag_sequences import concerned
from core.datasets.checks.finding import Finding, FindingExample, RepairOffer, Severity
from core.text_format import counted, short

_EDGES = frozenset(" \t\n\r\u00a0\u3000,;:\"“”„»«‘’'`、，。；：？！…()[]{}（）【】《》<>|/\\-–—")
_PAIRS = {pair[0]: pair[1] for pair in ("()", "[]", "{}", "（）", "【】", "《》", '""', "“”", "„“", "«»", "''", "‘’", "<>")}
"""Characters that belong to a name if both of a pair are in it."""

_MANY_ODD = 0.01
_SEEN_OFTEN = 3
_OFTEN_TAGGED = 0.5
"""Share of tagged occurrences from which a name is expected to be tagged everywhere."""

_SHORTEST_NAME = 3
_MOST_WORDS = 20
"""Most words of a name that is searched for elsewhere; longer ones are sentences and hardly occur twice."""
_MOST_READ = 100_000


def check_entity_edges(check_input: CheckInput) -> list[Finding]:
    """Entities that begin or end with white space or punctuation."""
    odd, total = [], 0
    for place, entities in enumerate(check_input.entities):
        total += len(entities)
        for entity in entities:
            surface = check_input.surface(place, entity)
            if has_odd_edge(surface):
                odd.append((place, entity.type, surface))
    if not odd:
        return []
    return [
        Finding(
            check="entity_edges",
            severity=Severity.WARNING if len(odd) >= _MANY_ODD * total else Severity.NOTE,
            title=f"{counted(len(odd), 'entity begins or ends', 'entities begin or end')} with white space or punctuation",
            count=len(odd),
            unit="entity",
            effect="An entity counts as found only if both boundaries match exactly, so inconsistent boundaries lower the "
            "scores.",
            examples=tuple(
                check_input.example(check_input.ids[place], text=surface, detail=kind) for place, kind, surface in odd[:5]
            ),
            rows=concerned(check_input, [place for place, _, _ in odd]),
            offers=(RepairOffer(repair="fix_tags", title="Trim punctuation", parameters={"trim": True}),),
        )
    ]


def has_odd_edge(surface: str) -> bool:
    """Whether an entity begins or ends with a character that is unlikely to belong to a name."""
    if not surface:
        return True
    first, last = surface[0], surface[-1]
    if len(surface) > 1 and _PAIRS.get(first) == last:
        return False
    if first in _EDGES:
        closing = _PAIRS.get(first)
        return closing is None or closing not in surface[1:]
    if last in _EDGES:
        return not any(closing == last and opening in surface[:-1] for opening, closing in _PAIRS.items())
    return False


def check_entity_consistency(check_input: CheckInput) -> list[Finding]:
    """Names tagged with several types, and names that are sometimes left untagged."""
    if not check_input.has_entities:
        return []
    sample = check_input.sample(_MOST_READ)
    tagged, places_of = _tagged_names(sample)
    findings = []
    several = {name: types for name, types in tagged.items() if len(types) > 1 and sum(types.values()) >= _SEEN_OFTEN}
    if several:
        ordered = sorted(several, key=lambda name: -sum(several[name].values()))
        findings.append(
            Finding(
                check="entities_of_several_types",
                severity=Severity.WARNING if len(several) > 0.1 * len(tagged) else Severity.NOTE,
                title=f"{counted(len(several), 'name is', 'names are')} tagged with different types in different places",
                count=len(several),
                unit="name",
                effect="This can be correct, as with a city and a club named after it. If it is a mistake, the labels "
                "contradict each other.",
                examples=tuple(FindingExample(text=" ".join(name), detail=_types(several[name])) for name in ordered[:5]),
                rows=concerned(sample, [place for name in several for place in places_of[name]]),
                sampled=sample.is_part,
            )
        )
    missed = _sometimes_untagged(sample, tagged)
    if missed:
        ordered = sorted(missed, key=lambda name: -len(missed[name]))
        number = sum(len(places) for places in missed.values())
        findings.append(
            Finding(
                check="names_left_untagged",
                severity=Severity.WARNING
                if number >= 0.05 * sum(sum(types.values()) for types in tagged.values())
                else Severity.NOTE,
                title=f"{counted(len(missed), 'name is', 'names are')} mostly tagged, but not in {counted(number, 'place')}",
                count=number,
                unit="occurrence",
                effect="If the tags were forgotten, the model learns to miss these entities, and finding them counts as a "
                "mistake.",
                examples=tuple(
                    sample.example(
                        sample.ids[missed[name][0]],
                        detail=f"{short(' '.join(name))}: tagged {sum(tagged[name].values()):,} times, untagged "
                        f"{len(missed[name]):,} times",
                    )
                    for name in ordered[:5]
                ),
                rows=concerned(sample, [place for places in missed.values() for place in places]),
                sampled=sample.is_part,
            )
        )
    return findings


Name = tuple[str, ...]
"""The words of an entity."""


def _tagged_names(check_input: CheckInput) -> tuple[dict[Name, Counter[str]], dict[Name, list[int]]]:
    """Name -> type -> count; and name -> positions of the examples it is tagged in."""
    tagged: defaultdict[Name, Counter[str]] = defaultdict(Counter)
    places: defaultdict[Name, list[int]] = defaultdict(list)
    for place, entities in enumerate(check_input.entities):
        if entities:
            words = _words(check_input, place)
            for entity in entities:
                name = tuple(words[entity.start : entity.end])
                tagged[name][entity.type] += 1
                places[name].append(place)
    return tagged, places


def _sometimes_untagged(check_input: CheckInput, tagged: dict[Name, Counter[str]]) -> dict[Name, list[int]]:
    """Names that are mostly tagged -> positions of the examples where they occur outside of every entity."""
    looked_for = {
        name
        for name, types in tagged.items()
        if sum(types.values()) >= _SEEN_OFTEN and len(name) <= _MOST_WORDS and len("".join(name)) >= _SHORTEST_NAME
    }
    lengths: defaultdict[str, set[int]] = defaultdict(set)
    for name in looked_for:
        lengths[name[0]].add(len(name))
    outside: defaultdict[Name, list[int]] = defaultdict(list)
    for place, tags in enumerate(check_input.examples["tags"]):
        words = _words(check_input, place)
        for start, word in enumerate(words):
            for length in sorted(lengths.get(word, ())):
                name = tuple(words[start : start + length])
                if name in looked_for and all(tag == "O" for tag in tags[start : start + length]):
                    outside[name].append(place)
    return {name: found for name, found in outside.items() if len(found) <= (1 - _OFTEN_TAGGED) * sum(tagged[name].values())}


def _words(check_input: CheckInput, place: int) -> list[str]:
    text = check_input.texts[place]
    return [text[start:end] for start, end in zip(check_input.word_starts[place], check_input.word_ends[place], strict=True)]


def _types(types: Counter[str]) -> str:
    return ", ".join(f"{name} ({number:,})" for name, number in types.most_common())
