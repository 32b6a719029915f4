"""Duration of the checks on many rows, and their precision and recall on planted faults: ``python -m benchmarks checking``."""

import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from benchmarks.quality import app
from core.config.settings import PROJECT_ROOT
from core.datasets.checks.check_input import CheckInput
from core.datasets.checks.finding import CheckReport
from core.datasets.checks.run_checks import CHECKS, examine
from core.models.hub import BUNDLED, describe
from core.tasks import get_task

Random = np.random.Generator
Planted = dict[str, set[int]]
"""Check -> ids of the rows it should report."""

_PERSONAL = (
    lambda i: f"please write to customer{i}@mail{i % 97}.example",
    lambda i: f"please call me on +44 20 79{i % 100:02d} {i % 10_000:04d}",
    lambda i: f"my number is (555) 2{i % 100:02d}-{i % 10_000:04d}",
    lambda i: f"pay it to {_iban(i)}",
    lambda i: f"the card is {_card(i)}",
)
_HARMLESS = (
    lambda i: f"order {10_000_000 + i} of 2024-0{1 + i % 9}-1{i % 9}",
    lambda i: f"it cost {i % 9 + 1},{i % 900 + 100}.99 at {i % 12 + 1}:{i % 50 + 10}",
    lambda i: f"version {i % 9}.{i % 20}.{i % 7} on 10.0.{i % 250}.{i % 200}",
    lambda i: f"card {int(_card(i)) // 10}{(int(_card(i)) + 3) % 10}",
)


@app.command("checking")
def checking(
    rows: Annotated[int, typer.Option(min=10_000, help="Rows of the synthetic data set.")] = 100_000,
    seed: Annotated[int, typer.Option(help="Seed of texts and faults.")] = 0,
) -> None:
    """Measure the checks: their duration, and precision and recall on planted faults, one line of Markdown each."""
    with tempfile.TemporaryDirectory() as nowhere:
        model = describe(BUNDLED, Path(nowhere))
    examples, planted = made(rows, np.random.default_rng(seed))
    material = CheckInput(task=get_task("single_label"), examples=examples, model=model)
    before = _memory_mib()
    started, since, spent = time.perf_counter(), time.perf_counter(), dict.fromkeys((doing for _, doing in CHECKS.values()), 0.0)
    doing_now = ""

    def note(_: float, doing: str) -> None:
        nonlocal since, doing_now
        now = time.perf_counter()
        if doing_now:
            spent[doing_now] = spent.get(doing_now, 0.0) + now - since
        since, doing_now = now, doing

    report = examine(material, note)
    typer.echo(
        f"{len(examples):,} rows: {time.perf_counter() - started:.1f} s, {_memory_mib() - before:.0f} MiB more at the peak\n"
    )
    slowest = sorted(spent.items(), key=lambda item: -item[1])[:8]
    typer.echo("; ".join(f"{doing.lower()} {seconds:.1f} s" for doing, seconds in slowest) + "\n")
    typer.echo("| check | planted | found | of these planted | precision | recall |")
    typer.echo("|---|---|---|---|---|---|")
    for check, ids in planted.items():
        typer.echo(_line(check, ids, report))


def _line(check: str, planted: set[int], report: CheckReport) -> str:
    found = {int(row) for finding in report.findings if finding.check == check for row in finding.rows}
    right = len(found & planted)
    shares = f"{right / max(1, len(found)):.4f} | {right / max(1, len(planted)):.4f}"
    return f"| {check} | {len(planted):,} | {len(found):,} | {right:,} | {shares} |"


def made(rows: int, random: Random) -> tuple[pd.DataFrame, Planted]:
    """Sentences from the words of the support tickets, every fifth one in Chinese characters, with faults in a few percent."""
    part = rows // 100
    plain = rows - 8 * part
    texts = _sentences(plain, random)
    labels = [f"topic {'abcdefghijklmnopqrst'[number]}" for number in random.integers(0, 20, plain)]
    splits = random.choice(np.array(["train", "train", "train", "train", "test"], dtype=object), plain).tolist()
    train, test = [i for i in range(plain) if splits[i] == "train"], [i for i in range(plain) if splits[i] == "test"]
    pick = iter(random.permutation(train).tolist())
    planted: Planted = {
        name: set() for name in ("exact_duplicates", "conflicting_labels", "leaked_texts", "leaked_near_duplicates")
    }
    planted |= {name: set() for name in ("near_duplicates", "personal_data", "empty_texts")}

    def add(text: str, label: str, split: str) -> int:
        texts.append(text)
        labels.append(label)
        splits.append(split)
        return len(texts) - 1

    for _ in range(part):
        source = next(pick)
        planted["exact_duplicates"].add(add(texts[source], labels[source], "train"))
        source = next(pick)
        planted["conflicting_labels"] |= {source, add(texts[source], "another topic", "train")}
        source = next(pick)
        planted["leaked_texts"].add(add(texts[source], labels[source], "test"))
        planted["exact_duplicates"].add(len(texts) - 1)
        source = next(pick)
        copy = add(_changed(texts[source], random), labels[source], "test")
        planted["leaked_near_duplicates"].add(copy)
        planted["near_duplicates"] |= {source, copy}
        source = next(pick)
        planted["near_duplicates"] |= {source, add(_changed(texts[source], random), labels[source], "train")}
    for number in range(part):
        words = texts[test[number]]
        planted["personal_data"].add(add(f"{words[::-1]} {_PERSONAL[number % len(_PERSONAL)](number)}", "topic a", "train"))
        add(f"{texts[train[number]][::-1]} {_HARMLESS[number % len(_HARMLESS)](number)}", "topic b", "train")
        planted["empty_texts"].add(
            add(("-", "n/a", "?!", "...")[number % 4] if number < 4 else "." * (number % 20 + 1), "topic c", "train")
        )
    _note_repeated_empty_texts(texts, planted)
    order = np.arange(len(texts))
    return pd.DataFrame({"id": order, "split": splits, "record": order + 1, "text": texts, "label": labels}), planted


def _note_repeated_empty_texts(texts: list[str], planted: Planted) -> None:
    """Record empty texts that repeat each other as duplicates, which is a finding, too."""
    seen: set[str] = set()
    for place in sorted(planted["empty_texts"]):
        if texts[place] in seen:
            planted["exact_duplicates"].add(place)
        seen.add(texts[place])


def _sentences(number: int, random: Random) -> list[str]:
    tickets = pd.read_csv(PROJECT_ROOT / "data" / "support_tickets.csv")["text"]
    words = np.array(sorted({word.strip(".,!?").lower() for text in tickets for word in text.split() if word.isascii()}))
    characters = np.array([chr(point) for point in range(0x4E00, 0x4E00 + 3000)])
    lengths = random.integers(8, 30, number)
    return [
        "".join(random.choice(characters, 2 * length)) if place % 5 == 0 else " ".join(random.choice(words, length))
        for place, length in enumerate(lengths)
    ]


def _changed(text: str, random: Random) -> str:
    """The text with a typo, a missing letter, an extra word or other capitals: most of its character n-grams stay the same."""
    place = int(random.integers(2, len(text) - 2))
    ways: tuple[Callable[[], str], ...] = (
        lambda: text[:place] + "q" + text[place + 1 :],
        lambda: text[:place] + text[place + 1 :],
        lambda: f"{text} ok",
        lambda: f"{text.title()} !!",
    )
    return ways[int(random.integers(len(ways)))]()


def _iban(number: int) -> str:
    account = f"{37040044:08d}{number:010d}"
    check = 98 - int(f"{account}131400") % 97
    return f"DE{check:02d}{account}"


def _card(number: int) -> str:
    digits = [int(digit) for digit in f"4{number:014d}"]
    doubled = sum(digit if place % 2 else 2 * digit - 9 * (digit > 4) for place, digit in enumerate(reversed(digits)))
    return "".join(map(str, digits)) + str(-doubled % 10)


def _memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
