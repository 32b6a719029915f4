"""Every pattern for untrusted text runs in linear time, and all patterns are in one module."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import re2

from core.files import text_patterns
from core.files.text_patterns import Anywhere, any_phrase, any_word, markup_blocks, whole_word

ROOT = Path(__file__).resolve().parents[3]
JUDGE = ROOT / "tests" / "core" / "files" / "pattern_times.py"
HOME = "core/files/text_patterns.py"
HOME_OF_FORMS = "core/files/normal_forms.py"

PATTERNS = {name: value.regex for name, value in vars(text_patterns).items() if isinstance(value, text_patterns._TextPattern)}
PATTERNS |= {f"_BLOCK_ENDS[{kind!r}]": value.regex for kind, value in text_patterns._BLOCK_ENDS.items()}
PATTERNS |= {
    "any_word()": any_word().regex,
    "whole_word()": whole_word("not delivered").regex,
    "any_phrase()": any_phrase(["kind regards", "a a b", "- -", "客服 热线"]).regex,
}

ARGUED = {
    "BYTE_BEYOND_ASCII": "One byte. The other implementation reads texts only.",
    "LONE_SURROGATE": "One character, which cannot be written as UTF-8 for the other implementation.",
    "UNSTORABLE": "One character, which cannot be written as UTF-8 for the other implementation.",
    "EMAIL": "Looks one character around a match; every repetition in it is bounded, 64 + 6 * 64 characters in all.",
    "IBAN": "Looks one character around a match; every repetition in it is bounded, 42 characters in all.",
    "PAYMENT_CARD": "Looks three characters around a match; every repetition in it is bounded, 35 characters in all.",
    "PHONE": "Looks two characters around a match; every repetition in it is bounded, and it begins only where no letter and no "
    "digit stands before.",
    "MARKDOWN_EXTRA": "Single characters and a word of three letters, each looking one character ahead.",
    "any_word()": "Looks one character ahead to say no faster; nothing follows its repetitions, so none is ever taken back.",
    "whole_word()": "A fixed word, looking one character around it; callers bound its length.",
    "any_phrase()": "Fixed words with white space between, which none of them can begin with.",
}
"""Patterns that RE2, which is always linear, does not accept -> why they are linear nevertheless."""

ON_OUR_OWN = {
    "core/models/freezing.py": "Names of parameters, which the code of an architecture gives.",
    "dashboard/data/importing/uploads.py": "A whole name of 24 characters.",
}
"""Modules that use ``re`` themselves -> the reason."""

SLOW = {
    "question marks": r"\?{4,}(?=[^?]*\w)",
    "possessive question marks": r"\?{4,}+(?=[^?]*\w)",
    "a tag with spaces": r"</?[A-Za-z][A-Za-z0-9:-]*(?:\s+[^<>]*|\s*/?)>",
    "comments": r"<!--.*?-->",
    "a number at the end": r"\s*\d+$",
    "spaces twice": r"\d:\d\s*([ap]m)?\s*(z)?!",
    "quotes": r"'(?:[^'\\]|\\.)*'",
    "nested": r"(a+)+b",
}
"""Patterns of the kinds that were slow; the measurement must find every one of them."""


def judged(*arguments: str) -> dict[str, str | None]:
    done = subprocess.run(
        [sys.executable, str(JUDGE), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True, timeout=250,
    )  # fmt: skip
    faults: dict[str, str | None] = json.loads(done.stdout)
    return faults


def test_every_pattern_takes_time_in_proportion_to_the_text() -> None:
    faults = judged()

    assert set(faults) == set(PATTERNS)
    assert {name: fault for name, fault in faults.items() if fault} == {}


def test_patterns_that_backtrack_are_found_out() -> None:
    faults = judged(json.dumps(list(SLOW.items())))

    assert [name for name, fault in faults.items() if not fault] == []


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_is_one_that_re2_takes_or_its_reason_is_given(name: str) -> None:
    assert (name in ARGUED) != _re2_takes(PATTERNS[name])


def _re2_takes(pattern: "text_patterns.re.Pattern[str] | text_patterns.re.Pattern[bytes]") -> bool:
    if isinstance(pattern.pattern, bytes):
        return False
    options = re2.Options()
    options.log_errors = False
    letters = "".join(letter for letter, flag in (("i", text_patterns.re.I), ("s", text_patterns.re.S)) if pattern.flags & flag)
    source = pattern.pattern.replace(r"\Z", r"\z")  # the same, in its spelling
    try:
        re2.compile(f"(?{letters}){source}" if letters else source, options)
    except (re2.error, UnicodeEncodeError):
        return False
    return True


def test_every_pattern_says_what_it_is_for() -> None:
    patterns = [value for value in vars(text_patterns).values() if isinstance(value, text_patterns._TextPattern)]

    assert len({pattern.purpose for pattern in patterns}) == len(patterns)
    assert all(pattern.purpose.endswith(".") for pattern in patterns)


# --- no other module uses patterns on untrusted text ----------------------------------------------------------------------------

BARRED = {"re", "regex", "re2", "sre_compile", "textwrap", "shlex", "tokenize"}
OF_PANDAS = {"contains", "count", "extract", "extractall", "findall", "fullmatch", "match", "replace", "split"}


def _modules() -> Iterator[str]:
    for room in ("core", "dashboard"):
        yield from (path.relative_to(ROOT).as_posix() for path in sorted((ROOT / room).rglob("*.py")))


def uses_of_patterns(code: str) -> list[str]:
    """Every place where a module uses its own patterns, or unbounded normal forms, as a readable line."""
    found = []
    for node in ast.walk(ast.parse(code)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        found += [f"line {node.lineno} imports {name}" for name in names if name.split(".")[0] in BARRED]
        if (
            isinstance(node, ast.Attribute)
            and node.attr in ("normalize", "is_normalized")
            and _is_name(node.value, "unicodedata")
        ):
            found.append(f"line {node.lineno} uses unicodedata.{node.attr}; use core.files.normal_forms.normalize")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in OF_PANDAS:
            is_plain = any(
                word.arg == "regex" and isinstance(word.value, ast.Constant) and not word.value.value for word in node.keywords
            )
            if isinstance(node.func.value, ast.Attribute) and node.func.value.attr == "str" and not is_plain:
                found.append(f"line {node.lineno} lets pandas use a pattern; pass regex=False")
    return found


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


@pytest.mark.parametrize("module", [name for name in _modules() if name != HOME])
def test_a_module_brings_no_patterns_of_its_own(module: str) -> None:
    found = uses_of_patterns((ROOT / module).read_text(encoding="utf-8"))

    if module in ON_OUR_OWN:
        assert found, f"{module} needs no exception any more"
    elif module == HOME_OF_FORMS:
        assert all("unicodedata" in line for line in found)
    else:
        assert not found, f"{module}: patterns that meet text of others belong into {HOME}"


@pytest.mark.parametrize(
    "code",
    [
        "import re",
        "from re import compile",
        "def f():\n    import re",
        "import unicodedata\nunicodedata.normalize('NFC', text)",
        "rows['text'].str.contains(word)",
        "rows['text'].str.replace(word, '', regex=True)",
    ],
)
def test_uses_of_patterns_are_seen(code: str) -> None:
    assert len(uses_of_patterns(code)) == 1


def test_what_is_no_pattern_is_let_be() -> None:
    assert not uses_of_patterns("rows['text'].str.contains(word, regex=False)\ntext.replace('a', 'b')\ntext.split()")


# --- matches stay the same ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("a <!-- b --> c", ["<!-- b -->"]),
        ("a <!-- b -- c --> d <!----> e", ["<!-- b -- c -->", "<!---->"]),
        ("<script>if (a<b) c</script >x<STYLE type='t'>y</style>", ["<script>if (a<b) c</script >", "<STYLE type='t'>y</style>"]),
        ("<!-- <script> --> y </script>", ["<!-- <script> -->"]),
        ("<script> <!-- </script> -->", ["<script> <!-- </script>"]),
        ("<!-- <script>x</script>", ["<script>x</script>"]),
        ("<script> <!-- x -->", ["<!-- x -->"]),
        ("<style>x</script> <scripts>y</scripts> <!-->", []),
    ],
)
def test_comments_scripts_and_styles_are_found_whole(text: str, blocks: list[str]) -> None:
    assert [text[start:end] for start, end in markup_blocks(text)] == blocks


@pytest.mark.parametrize("unit", ["<!--", "<script>", "<style><script><!--", "<script", "</script ", "-->", "<!-- --"])
def test_a_text_of_nothing_but_open_blocks_is_read_in_one_pass(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))

    assert list(markup_blocks(text)) == []


def test_a_pattern_cannot_be_asked_in_a_way_that_is_not_judged() -> None:
    assert not hasattr(text_patterns.NAMED_MONTH, "search")
    assert not hasattr(text_patterns.BREAKING_TAG, "search")
    assert isinstance(text_patterns.TAG, Anywhere)
