"""Runs all checks, one after the other, on a saved or planned data set."""

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

VERSION = 5
"""Increased with every change of the findings or their texts, so that cached reports of earlier versions are not reused."""

CHECKS: Mapping[str, tuple[Check, str]] = {
    "text column": (not_text.check_text_column, "Checking the text column"),
    "records set aside": (missing.check_set_aside, "Counting skipped records"),
    "empty texts": (missing.check_empty_texts, "Checking for empty texts"),
    "labels for missing values": (missing.check_placeholder_labels, "Checking label names"),
    "rows without labels": (missing.check_rows_without_labels, "Counting rows without labels"),
    "label spellings": (spelling.check_label_spellings, "Comparing label names"),
    "rare labels": (balance.check_rare_labels, "Counting examples of each label"),
    "imbalance": (balance.check_imbalance, "Comparing label counts"),
    "labels of the splits": (balance.check_labels_of_splits, "Comparing the splits"),
    "shares of the splits": (balance.check_shares_of_splits, "Comparing the splits"),
    "label pairs": (cooccurrence.check_label_pairs, "Checking label co-occurrence"),
    "broken tags": (tag_sequences.check_tags, "Checking entity tags"),
    "entity edges": (consistency.check_entity_edges, "Checking entity boundaries"),
    "entity consistency": (consistency.check_entity_consistency, "Checking entity consistency"),
    "conflicting labels": (duplicates.check_conflicts, "Checking for conflicting labels"),
    "exact duplicates": (duplicates.check_exact_duplicates, "Checking for duplicate rows"),
    "leakage": (leakage.check_leakage, "Checking for leakage between splits"),
    "near duplicates": (duplicates.check_near_duplicates, "Checking for near duplicates"),
    "label names in texts": (label_in_text.check_label_in_text, "Checking for label names in texts"),
    "personal data": (personal_data.check_personal_data, "Checking for personal data"),
    "damaged characters": (mojibake.check_damage, "Checking for damaged characters"),
    "invisible characters": (characters.check_invisible_characters, "Checking for invisible characters"),
    "full-width characters": (characters.check_full_width, "Checking for full-width letters"),
    "markup": (markup.check_markup, "Checking for markup"),
    "boilerplate": (markup.check_boilerplate, "Checking for boilerplate"),
    "scripts": (languages.check_scripts, "Detecting scripts"),
    "languages": (languages.check_languages, "Detecting languages"),
    "vocabulary": (vocabulary.check_vocabulary, "Checking the model's vocabulary"),
    "lengths": (lengths.check_lengths, "Counting tokens"),
}
"""Name -> the check and its progress message. Checks that do not apply to the task return no findings."""

Progress = Callable[[float, str], None]


def examine_dataset(dataset: Dataset, model: ReadingModel | None = None, progress: Progress = lambda *_: None) -> CheckReport:
    """Run all checks on a saved data set.

    Args:
        dataset: the data set to check.
        model: the model that lengths and vocabulary are checked against; without one, these two checks are skipped.
        progress: called with the completed fraction, from 0 to 1, and what is being done.
    """
    return examine(material_of_dataset(dataset, model), progress)


def examine_prepared(prepared: Prepared, model: ReadingModel | None = None, progress: Progress = lambda *_: None) -> CheckReport:
    """Run all checks on a data set that is not saved yet; see ``examine_dataset``."""
    return examine(material_of_prepared(prepared, model), progress)


def examine(check_input: CheckInput, progress: Progress = lambda *_: None) -> CheckReport:
    """Run every check; a check that fails is named in the report and does not stop the others."""
    findings: list[Finding] = []
    unfinished: list[str] = []
    check_input = check_input.with_progress(lambda share: progress((number + share) / len(CHECKS), doing))
    for number, (name, (check, doing)) in enumerate(CHECKS.items()):
        progress(number / len(CHECKS), doing)
        try:
            findings += check(check_input)
        except Exception:  # a check that fails on an unusual table must not stop the page or the other checks
            logger.exception("The check %r failed with an unexpected error. Please report this as a bug.", name)
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
    """The report on a file that was read but cannot become a data set.

    Args:
        problem: the error message of the import.
        num_records: how many records the file has.
    """
    finding = Finding(
        check="not_a_data_set",
        severity=Severity.SERIOUS,
        title="This file cannot be imported as a data set",
        count=num_records,
        unit="record",
        effect=problem,
    )
    return CheckReport(findings=(finding,), num_examples=0, num_examined=0)


def material_of_dataset(dataset: Dataset, model: ReadingModel | None = None) -> CheckInput:
    """The input of the checks for a saved data set."""
    return CheckInput(
        task=get_task(dataset.task),
        examples=_in_order(dataset.examples()),
        account=account_of(dataset.source),
        num_mended=int(dataset.source.get("mended_entities") or 0),
        num_unlabelled=dataset.num_unlabelled,
        model=model,
    )


def material_of_prepared(prepared: Prepared, model: ReadingModel | None = None) -> CheckInput:
    """The input of the checks for a data set that is not saved yet."""
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
