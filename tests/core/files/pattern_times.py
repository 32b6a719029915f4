"""Runs patterns against hostile texts and prints, as JSON, those that do not run in linear time.

Started as a process of its own, since a pattern that backtracks cannot be stopped from another thread. Only CPU time of this
process counts, so that a busy machine changes nothing.
"""

import json
import re
import re._constants as ops
import re._parser as parser
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

from core.files import text_patterns
from core.files.text_patterns import Anywhere, Beginning, Whole

LENGTH = 10_000
"""Characters of a hostile text: a pattern that is retried from each of them takes 50 million steps."""
LETTER_SECONDS = 1e-6
"""CPU time per character below which a pattern is not quadratic, which would take many times as long at this length."""
MOST_SECONDS = 0.5
"""Time limit for one text; far above what a linear pattern takes."""
MOST_GROWTH = 3.0
"""Ratio of CPU times for a text of twice the length: 2 for linear time, 4 for quadratic time."""
REPEATS = 2
TRIES = 4
"""Repetitions of a suspicious measurement: a busy machine slows down single ones, a backtracking pattern slows down all."""

SAMPLES = ("0", "a", " ", "\n", "-", "<", "&", "?", "\\", "é", "中", "\u0301")
ENDS = ("", "!", "\n")


def built() -> dict[str, Any]:
    """All patterns, including those that are built from user input."""
    found = {name: value for name, value in vars(text_patterns).items() if isinstance(value, Anywhere | Whole | Beginning)}
    found |= {f"_BLOCK_ENDS[{kind!r}]": value for kind, value in text_patterns._BLOCK_ENDS.items()}
    found["any_word()"] = text_patterns.any_word()
    found["whole_word()"] = text_patterns.whole_word("not delivered")
    found["any_phrase()"] = text_patterns.any_phrase(["kind regards", "a a b", "- -", "客服 热线"])
    return found


def uses(pattern: Any) -> list[Callable[[Any], object]]:
    """All methods of a pattern."""
    if isinstance(pattern, Whole):
        return [pattern.fullmatch]
    if isinstance(pattern, Beginning):
        return [pattern.match]
    return [lambda text: sum(1 for _ in pattern.finditer(text))]  # the other methods search for the same matches


def hostile_texts(pattern: re.Pattern[Any], length: int) -> Iterator[str]:
    """Runs of characters that the pattern matches, after every beginning of a match, and with ends that make it fail."""
    tree = parser.parse(pattern.pattern, pattern.flags)
    pieces = [piece for piece in dict.fromkeys([*_pieces(tree), *_characters(tree)]) if piece]
    beginnings = [beginning for beginning in dict.fromkeys(_beginnings(tree)) if 0 < len(beginning) <= 40]
    beginnings = beginnings[:: 1 + len(beginnings) // 8]
    runs = list(dict.fromkeys([*pieces[:16], *SAMPLES]))
    seen = set()
    seen.update(product([""], runs, ENDS))
    seen.update(product(beginnings, runs, ENDS[:2]))
    for one, other in product(pieces[:6], [*pieces[:6], " ", "a", "0"]):
        seen.update(("", one + other, end) for end in ("", "!"))
    seen.update(("", beginning + filler, end) for beginning in beginnings for filler in ("", " ", "a", "-") for end in ("", "!"))
    for beginning, run, end in sorted(seen):
        if run:
            yield beginning + run * (length // len(run)) + end


def _characters(tree: Any) -> Iterator[str]:
    """Single characters that some part of a pattern matches."""
    for operation, value in tree:
        if operation in (ops.LITERAL, ops.NOT_LITERAL):
            yield chr(value)
        elif operation is ops.IN:
            yield from _members(value)
        elif operation in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
            yield from _characters(value[2])
        elif operation is ops.SUBPATTERN:
            yield from _characters(value[3])
        elif operation is ops.BRANCH:
            for branch in value[1]:
                yield from _characters(branch)
        elif operation in (ops.ASSERT, ops.ASSERT_NOT):
            yield from _characters(value[1])


def _members(members: Any) -> Iterator[str]:
    for kind, value in members[:8]:
        if kind is ops.LITERAL:
            yield chr(value)
        elif kind is ops.RANGE:
            yield chr(value[0])
        elif kind is ops.CATEGORY:
            yield {ops.CATEGORY_DIGIT: "0", ops.CATEGORY_SPACE: " ", ops.CATEGORY_WORD: "a"}.get(value, "%")


def _pieces(tree: Any) -> Iterator[str]:
    """The shortest texts for each repetition, alternative or literal of the pattern."""
    yield _example(tree)
    for operation, value in tree:
        if operation in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
            yield _example(value[2])
            yield from _pieces(value[2])
        elif operation is ops.SUBPATTERN:
            yield from _pieces(value[3])
        elif operation is ops.BRANCH:
            for branch in value[1]:
                yield from _pieces(branch)


def _beginnings(tree: Any) -> Iterator[str]:
    """The beginning of a match up to each of its parts, for every alternative."""
    items = list(tree)
    for place, (operation, value) in enumerate(items):
        before = _example(items[:place])
        yield before
        inner = value[3] if operation is ops.SUBPATTERN else value[2] if operation in (ops.MAX_REPEAT, ops.MIN_REPEAT) else None
        if operation is ops.BRANCH:
            for branch in value[1]:
                yield from (before + inside for inside in _beginnings(branch))
        elif inner is not None:
            yield from (before + inside for inside in _beginnings(inner))
    yield _example(items)


def _example(tree: Any) -> str:
    """A text that a part of a pattern matches, with optional parts included once."""
    made = ""
    for operation, value in tree:
        if operation is ops.LITERAL:
            made += chr(value)
        elif operation is ops.NOT_LITERAL or operation is ops.ANY:
            made += "a"
        elif operation is ops.IN:
            negated = value[0][0] is ops.NEGATE
            made += "a" if negated else next(_members(value), "a")
        elif operation in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
            made += _example(value[2]) * max(1, min(value[0], 8))
        elif operation is ops.SUBPATTERN:
            made += _example(value[3])
        elif operation is ops.BRANCH:
            made += _example(value[1][0])
    return made


def seconds(use: Callable[[Any], object], text: Any, repeats: int) -> float:
    """The minimum CPU time of some runs; ``MOST_SECONDS`` if one does not end."""
    best = MOST_SECONDS
    for _ in range(repeats):
        signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)
        begun = time.process_time()
        try:
            use(text)
        except TimeoutError:
            return MOST_SECONDS
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        best = min(best, time.process_time() - begun)
    return best


def fault_of(pattern: Any) -> str | None:
    """A text for which a pattern does not run in linear time, and the growth; ``None`` if there is none."""
    is_bytes = isinstance(pattern.regex.pattern, bytes)
    source = re.compile(pattern.regex.pattern.decode("latin-1")) if is_bytes else pattern.regex
    twice = dict(zip(hostile_texts(source, LENGTH), hostile_texts(source, 2 * LENGTH), strict=True))
    for text, longer in twice.items():
        if is_bytes:
            text, longer = text.encode("latin-1", "replace"), longer.encode("latin-1", "replace")
        for use in uses(pattern):
            if seconds(use, text, 1) <= LETTER_SECONDS * len(text):
                continue
            once, doubled = MOST_SECONDS, MOST_SECONDS
            for _ in range(TRIES):
                once, doubled = min(once, seconds(use, text, REPEATS)), min(doubled, seconds(use, longer, REPEATS))
                is_slow = doubled >= MOST_SECONDS or (once > LETTER_SECONDS * len(text) and doubled > MOST_GROWTH * once)
                if not is_slow or doubled >= MOST_SECONDS:
                    break
            if is_slow:
                where = f"{text[:30]!r} … {text[-10:]!r}"
                return f"{where}: {once:.3f} s for {len(text):,} characters, {doubled:.3f} s for twice as many"
    return None


def main() -> None:
    """Judge every pattern, or those given as JSON: pairs of a name and a pattern that is searched for anywhere."""

    def stop(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGVTALRM, stop)
    resource.setrlimit(resource.RLIMIT_CPU, (240, 240))
    patterns = (
        built() if len(sys.argv) < 2 else {name: Anywhere(source, "", re.DOTALL) for name, source in json.loads(sys.argv[1])}
    )
    print(json.dumps({name: fault_of(pattern) for name, pattern in patterns.items()}))


if __name__ == "__main__":
    main()
