"""Labels that are probably the same label in different spellings."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations

from core.datasets.checks.check_input import CheckInput
from core.datasets.checks.finding import Finding, FindingExample, RepairOffer, Severity
from core.files.normal_forms import normalize
from core.files.text_patterns import NAME_JOINTS, NUMERALS
from core.text_format import counted, short

_NEGATING = ("un", "in", "im", "ir", "il", "dis", "non", "anti", "a", "ab", "de", "mis", "fe", "no", "not", "pre", "re", "e", "o")
"""Prefixes that turn a word into another one: "male" and "female", "moral" and "amoral"."""
_SHORTEST_JUDGED = 5
_SHORTEST_FOR_TWO = 9
"""Shortest label for which a difference of two letters counts as a typo."""
_LONGEST_FOR_TWO, _LONGEST_JUDGED = 40, 200
"""Longest labels for which differences of two letters, and of one, are searched for: longer ones have too many variants."""
_MOST_ALIKE, _MOST_PAIRS = 50, 5000
"""Number of similar labels, and of pairs of them, above which they are taken for numbers or codes, not for typos."""
_RARE = 0.2
"""Frequency relative to the similar label up to which a label counts as a typo."""


def check_label_spellings(check_input: CheckInput) -> list[Finding]:
    """Labels that differ only in case, white space, width or hyphens, and labels that differ by a typo."""
    totals: Counter[str] = Counter()
    for counts in check_input.label_counts.values():
        totals.update(counts)
    same = same_spellings(totals)
    findings = []
    if same:
        findings.append(
            _finding(
                "same_label_names",
                Severity.SERIOUS,
                f"{counted(len(same), 'label is', 'labels are')} spelt in more than one way",
                "Each spelling is learned as a separate label: correct predictions count as errors, and no score can be trusted.",
                same,
                totals,
            )
        )
    slips = likely_slips(_by_usual_spelling(totals, same))
    if slips:
        findings.append(
            _finding(
                "similar_label_names",
                Severity.WARNING,
                f"{counted(len(slips), 'pair')} of labels with nearly the same name",
                "If one of them is a typo, its examples are missing from the correct label and count as errors.",
                slips,
                totals,
            )
        )
    return findings


def _by_usual_spelling(totals: Mapping[str, int], same: Iterable[tuple[str, ...]]) -> dict[str, int]:
    """How often each label occurs; all spellings are counted under the most frequent one."""
    counts = dict(totals)
    for group in same:
        usual = max(group, key=lambda label: (totals[label], label))
        counts[usual] = sum(counts.pop(label) for label in group)
    return counts


def same_spellings(labels: Iterable[str]) -> list[tuple[str, ...]]:
    """Groups of labels that differ only in case, white space, width, hyphens and underscores."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for label in sorted(labels):
        groups[_plain(label)].append(label)
    return [tuple(group) for plain, group in groups.items() if plain and len(group) > 1]


def likely_slips(counts: Mapping[str, int]) -> list[tuple[str, ...]]:
    """Pairs of labels that differ by one or two letters, probably by mistake: one is much rarer, or a plural.

    Labels that differ in a number, in a word of a single letter, or in a prefix are never paired.

    Args:
        counts: label -> how often it occurs.
    """
    plain = {label: _plain(label) for label in counts}
    near: defaultdict[str, list[str]] = defaultdict(list)
    for label, written in plain.items():
        if _SHORTEST_JUDGED <= len(written) <= _LONGEST_JUDGED:
            for shorter in _shortened(written, 2 if _SHORTEST_FOR_TWO <= len(written) <= _LONGEST_FOR_TWO else 1):
                near[shorter].append(label)
            if written.endswith("ies"):
                near[f"{written[:-3]}y"].append(label)
    pairs: set[tuple[str, ...]] = set()
    for labels in near.values():
        if 1 < len(labels) <= _MOST_ALIKE and len(pairs) < _MOST_PAIRS:
            pairs.update(combinations(sorted(set(labels)), 2))
    return sorted(pair for pair in pairs if _is_slip(plain[pair[0]], plain[pair[1]], counts[pair[0]], counts[pair[1]]))


def _is_slip(one: str, other: str, count: int, other_count: int) -> bool:
    if len(one) > len(other):
        one, other = other, one
    if _is_plural(one, other):
        return True
    allowed = 2 if len(one) >= _SHORTEST_FOR_TWO else 1
    words, other_words = one.split(), other.split()
    if len(words) == len(other_words):
        differing = [(a, b) for a, b in zip(words, other_words, strict=True) if a != b]
        if any(min(len(a), len(b)) < _SHORTEST_JUDGED - 1 or _means_another(a, b) for a, b in differing):
            return False
    is_rare = min(count, other_count) <= _RARE * max(count, other_count)
    return (
        is_rare
        and len(other) - len(one) <= allowed
        and _digits(one) == _digits(other)
        and distance(one, other, allowed) <= allowed
    )


def _is_plural(one: str, other: str) -> bool:
    return other in (f"{one}s", f"{one}es") or (one.endswith("y") and other == f"{one[:-1]}ies")


def _means_another(one: str, other: str) -> bool:
    """Whether two words differ only by a short prefix."""
    if len(one) > len(other):
        one, other = other, one
    return any(other == beginning + one for beginning in _NEGATING) or one[1:] == other[1:] or one[0] != other[0]


def _digits(label: str) -> list[str]:
    return NUMERALS.findall(label)


def distance(one: str, other: str, most: int | None = None) -> int:
    """Edit distance: letters to change, add, remove or swap with the next one to turn one word into the other.

    Source: optimal string alignment, a form of the Damerau-Levenshtein distance.

    Args:
        one, other: the words.
        most: above it the exact distance is not computed, only some number that is greater; this is much faster.
    """
    start = _num_common(one, other)
    one, other = one[start:], other[start:]
    end = _num_common(one[::-1], other[::-1])
    one, other = one[: len(one) - end], other[: len(other) - end]
    longest = max(len(one), len(other))
    most = longest if most is None else most
    beyond = longest + 1
    rows = [[j if j <= most else beyond for j in range(len(other) + 1)]]
    for i, letter in enumerate(one, start=1):
        row = [beyond] * (len(other) + 1)
        row[0] = i
        for j in range(max(1, i - most), min(len(other), i + most) + 1):
            counterpart = other[j - 1]
            best = min(rows[-1][j] + 1, row[j - 1] + 1, rows[-1][j - 1] + (letter != counterpart))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == counterpart:
                best = min(best, rows[-2][j - 2] + 1)
            row[j] = best
        rows.append(row)
    return rows[-1][-1]


def _num_common(one: str, other: str) -> int:
    """Length of the common prefix of two words."""
    return next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _shortened(word: str, most: int) -> set[str]:
    """The word, and all its variants with one or two letters removed."""
    found = {word}
    for _ in range(most):
        found |= {kept[:place] + kept[place + 1 :] for kept in found for place in range(len(kept))}
    return found


def _plain(label: str) -> str:
    return NAME_JOINTS.sub(" ", normalize("NFKC", label).casefold()).strip()


def _finding(
    check: str, severity: Severity, title: str, effect: str, groups: list[tuple[str, ...]], totals: Mapping[str, int]
) -> Finding:
    ordered = sorted(groups, key=lambda group: -min(totals[label] for label in group))
    mappings = [_mapping(group, totals) for group in ordered]
    offers = [
        RepairOffer(
            repair="merge_labels", title=f"Merge into {short(next(iter(mapping.values())), 30)}", parameters={"mapping": mapping}
        )
        for mapping in mappings[:3]
    ]
    if len(mappings) > 1 and check == "same_label_names":
        every = {old: new for mapping in mappings for old, new in mapping.items()}
        offers.insert(0, RepairOffer(repair="merge_labels", title=f"Merge all {len(mappings)}", parameters={"mapping": every}))
    return Finding(
        check=check,
        severity=severity,
        title=title,
        count=len(groups),
        unit="label" if check == "same_label_names" else "pair",
        effect=effect,
        examples=tuple(
            FindingExample(
                text="  ·  ".join(short(label) for label in group),
                detail=" and ".join(f"{totals[label]:,}" for label in group) + " examples",
            )
            for group in ordered[:5]
        ),
        offers=tuple(offers),
    )


def _mapping(group: tuple[str, ...], totals: Mapping[str, int]) -> dict[str, str]:
    """Every rarer spelling -> the most frequent spelling."""
    kept = max(group, key=lambda label: (totals[label], label))
    return {label: kept for label in group if label != kept}
