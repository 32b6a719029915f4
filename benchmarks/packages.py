"""Two data sets from the package lists of any Debian machine: the short description of each package, labeled by people.

*debian_sections* labels each description with its package's section (single-label, imbalanced, and often ambiguous: a mail
library may be in mail or in libs). *debian_tags* labels it with the tags given by volunteers (multi-label). Packages built from
one source have similar descriptions, so a source is in training or in test, never in both.
"""

import email
import random
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from benchmarks.quality import app

SHORTEST_LINE = 12
"""Minimum characters; shorter descriptions are not informative."""

FEWEST_OF_SECTION = 60
"""Minimum packages; smaller sections are left out."""

NO_SUBJECT = ("debian-installer", "metapackages", "misc", "oldlibs", "otherosfs")
"""Sections that are not about a topic."""

NUM_TAGS = 60
"""The most frequent tags; the others are left out."""

SHARE_OF_TEST = 0.25


@dataclass(frozen=True)
class Package:
    """Metadata of a package."""

    source: str
    section: str
    line: str
    tags: tuple[str, ...]


@app.command()
def packages(folder: Annotated[Path, typer.Argument(help="Where the data sets are written, one folder for each.")]) -> None:
    """Create debian_sections and debian_tags from the package lists of this machine; apt-get update downloads them."""
    known = list(_without_twins(_packages()))
    sources = sorted({package.source for package in known})
    in_test = set(random.Random(0).sample(sources, round(SHARE_OF_TEST * len(sources))))
    sizes = Counter(package.section for package in known)
    sections = [one for one in known if sizes[one.section] >= FEWEST_OF_SECTION and one.section not in NO_SUBJECT]
    usual = {tag for tag, _ in Counter(tag for one in known for tag in one.tags).most_common(NUM_TAGS)}
    tagged = [(one, [tag for tag in one.tags if tag in usual]) for one in known]
    _write(
        folder / "debian_sections",
        [(one.source in in_test, {"text": one.line, "section": one.section}) for one in sections],
        train=10_000,
        test=4_000,
    )
    _write(
        folder / "debian_tags",
        [(one.source in in_test, {"text": one.line, "labels": ";".join(tags)}) for one, tags in tagged if tags],
        train=8_000,
        test=3_000,
    )


def _write(place: Path, rows: list[tuple[bool, dict[str, str]]], *, train: int, test: int) -> None:
    """Write at most this many rows of each split as CSV; each row comes with whether it belongs to test."""
    place.mkdir(parents=True, exist_ok=True)
    for split, size in (("train", train), ("test", test)):
        table = pd.DataFrame([row for in_test, row in rows if in_test is (split == "test")][:size])
        table.to_csv(place / f"{split}.csv", index=False)
        typer.echo(f"{place / split}.csv: {len(table):,} rows")


def _packages() -> Iterator[Package]:
    listed = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, text=True, check=True).stdout
    for paragraph in listed.split("\n\n"):
        fields = email.message_from_string(paragraph)
        if name := fields.get("Package"):
            yield Package(
                source=str(fields.get("Source") or name).split()[0],
                section=fields.get("Section", "").split("/")[-1],
                line=str(fields.get("Description-en") or fields.get("Description") or "").split("\n")[0].strip(),
                tags=tuple(tag for tag in re.split(r",\s*", fields.get("Tag", "").strip()) if tag),
            )


def _without_twins(found: Iterator[Package]) -> Iterator[Package]:
    """In random order, one package for each source and section and for each line."""
    seen: set[object] = set()
    in_order = sorted(found, key=lambda one: (one.source, one.line, one.section))
    for one in random.Random(1).sample(in_order, len(in_order)):
        marks = {(one.source, one.section), one.line.lower()}
        if len(one.line) >= SHORTEST_LINE and not marks & seen:
            seen |= marks
            yield one
