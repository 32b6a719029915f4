"""All checks, one after the other, on a data set that is kept or about to be."""

import logging
from collections.abc import Callable, Mapping

import pandas as pd

from core.datasets.checks.check_input import MOST_COMPARED, Check, CheckInput, ReadingModel
from core.datasets.checks.duplicates import duplicates, leakage
from core.datasets.checks.entities import consistency, tag_sequences
from core.datasets.checks.finding import CheckReport, Finding, Severity, by_severity
from core.datasets.checks.labels import balance, cooccurrence, label_in_text, spelling
from core.datasets.checks.texts import (
    characters,
    languages,
    lengths,
    markup,
    missing,
    mojibake,
    not_text,
    personal_data,
    vocabulary,
)
from core.datasets.checks.texts.tokens import tokenizer_of
from core.datasets.dataset import Dataset
from core.datasets.importing.import_summary import account_of
from core.datasets.importing.prepare import Prepared
from core.datasets.text_array import as_plain
from core.tasks import get_task

logger = logging.getLogger(__name__)

VERSION = 4
"""Goes up with every change of what is found, so that reports of earlier versions are not taken for today's."""

CHECKS: Mapping[str, tuple[Check, str]] = {
    "text column": (not_text.check_text_column, "Looking at the text column"),
    "records set aside": (missing.check_set_aside, "Counting what was set aside"),
    "empty texts": (missing.check_empty_texts, "Looking for empty texts"),
    "labels for missing values": (missing.check_placeholder_labels, "Looking at label names"),
    "rows without labels": (missing.check_rows_without_labels, "Counting rows without labels"),
    "label spellings": (spelling.check_label_spellings, "Comparing label names"),
    "rare labels": (balance.check_rare_labels, "Counting examples of each label"),
    "imbalance": (balance.check_imbalance, "Comparing label counts"),
    "labels of the splits": (balance.check_labels_of_splits, "Comparing the splits"),
    "shares of the splits": (balance.check_shares_of_splits, "Comparing the splits"),
    "label pairs": (cooccurrence.check_label_pairs, "Looking at labels that come together"),
    "broken tags": (tag_sequences.check_tags, "Looking at tags"),
    "entity edges": (consistency.check_entity_edges, "Looking at the ends of entities"),
    "entity consistency": (consistency.check_entity_consistency, "Comparing how names are tagged"),
    "conflicting labels": (duplicates.check_conflicts, "Looking for contradictions"),
    "exact duplicates": (duplicates.check_exact_duplicates, "Looking for repeated rows"),
    "leakage": (leakage.check_leakage, "Comparing the splits text by text"),
    "near duplicates": (duplicates.check_near_duplicates, "Comparing texts with each other"),
    "label names in texts": (label_in_text.check_label_in_text, "Looking for labels in texts"),
    "personal data": (personal_data.check_personal_data, "Looking for personal data"),
    "damaged characters": (mojibake.check_damage, "Looking for damaged characters"),
    "invisible characters": (characters.check_invisible_characters, "Looking for invisible characters"),
    "full-width characters": (characters.check_full_width, "Looking for full-width letters"),
    "markup": (markup.check_markup, "Looking for markup"),
    "boilerplate": (markup.check_boilerplate, "Looking for common phrases"),
    "scripts": (languages.check_scripts, "Telling scripts apart"),
    "languages": (languages.check_languages, "Telling languages apart"),
    "vocabulary": (vocabulary.check_vocabulary, "Reading the texts as the model does"),
    "lengths": (lengths.check_lengths, "Measuring the texts as the model does"),
}
"""Name -> the check, and what to say while it works. Checks that do not fit the task find nothing."""

Progress = Callable[[float, str], None]


def examine_dataset(dataset: Dataset, model: ReadingModel | None = None, progress: Progress = lambda *_: None) -> CheckReport:
    """Everything the checks find in a data set that is kept.

    Args:
        dataset: what to look at.
        model: what lengths and vocabulary are judged for; those two checks are left out without one.
        progress: is told the share that is done, from 0 to 1, and what is being done.
    """
    return examine(material_of_dataset(dataset, model), progress)


def examine_prepared(prepared: Prepared, model: ReadingModel | None = None, progress: Progress = lambda *_: None) -> CheckReport:
    """Everything the checks find in what a file will become; see ``examine_dataset``."""
    return examine(material_of_prepared(prepared, model), progress)


def examine(check_input: CheckInput, progress: Progress = lambda *_: None) -> CheckReport:
    """Run every check; one that fails is named in the report and leaves the others alone."""
    findings: list[Finding] = []
    unfinished: list[str] = []
    check_input = check_input.with_progress(lambda share: progress((number + share) / len(CHECKS), doing))
    for number, (name, (check, doing)) in enumerate(CHECKS.items()):
        progress(number / len(CHECKS), doing)
        try:
            findings += check(check_input)
        except Exception:  # whatever a strange table does to one check, the page and the other checks go on
            logger.exception("The check %r could not be carried out. This is a fault of the program; please report it.", name)
            unfinished.append(name)
    progress(1.0, "Done")
    return CheckReport(
        findings=by_severity(findings),
        num_examples=len(check_input.examples),
        num_examined=min(len(check_input.examples), MOST_COMPARED),
        model=check_input.model.title if check_input.model is not None and tokenizer_of(check_input.model) is not None else None,
        unfinished=tuple(unfinished),
        account=check_input.account if check_input.account.num_records else None,
    )


def refused(problem: str, num_records: int) -> CheckReport:
    """The report about a file that was read but cannot become a data set.

    Args:
        problem: what the import said.
        num_records: how many records the file has.
    """
    finding = Finding(
        check="not_a_data_set",
        severity=Severity.SERIOUS,
        title="This file cannot become a data set as it is",
        count=num_records,
        unit="record",
        effect=problem,
    )
    return CheckReport(findings=(finding,), num_examples=0, num_examined=0)


def material_of_dataset(dataset: Dataset, model: ReadingModel | None = None) -> CheckInput:
    """What the checks look at of a data set that is kept."""
    return CheckInput(
        task=get_task(dataset.task),
        examples=_in_order(dataset.examples()),
        account=account_of(dataset.source),
        num_mended=int(dataset.source.get("mended_entities") or 0),
        num_unlabelled=dataset.num_unlabelled,
        model=model,
    )


def material_of_prepared(prepared: Prepared, model: ReadingModel | None = None) -> CheckInput:
    """What the checks look at of a data set that is about to be kept."""
    return CheckInput(
        task=get_task(prepared.task),
        examples=_in_order(as_plain(prepared.examples)),
        account=prepared.account,
        num_mended=int(prepared.source.get("mended_entities") or 0),
        num_unlabelled=len(prepared.unlabelled),
        model=model,
    )


def _in_order(examples: pd.DataFrame) -> pd.DataFrame:
    return examples.sort_values("id", kind="stable").reset_index(drop=True)
