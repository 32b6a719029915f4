"""Texts longer than the model's maximum input length, and what is lost by that."""

import numpy as np

from core.datasets.checks.check_input import CheckInput
from core.datasets.checks.finding import Finding, Severity
from core.datasets.checks.texts.tokens import encode, tokenizer_of
from core.tasks.token_classification import first_tokens
from core.text_format import counted

_MOST_MEASURED = 20_000
_MANY = 0.02


def check_lengths(check_input: CheckInput) -> list[Finding]:
    """Rows and tokens beyond the model's limit; for entities, also entities for which the model has no tokens."""
    model, tokenizer = check_input.model, tokenizer_of(check_input.model)
    if model is None or tokenizer is None:
        return []
    sample = check_input.sample(_MOST_MEASURED)
    encodings = encode(sample, tokenizer)
    lengths = np.array([len(encoding.ids) for encoding in encodings])
    longer = np.flatnonzero(lengths > model.max_length)
    findings = []
    if check_input.has_entities:
        findings += _unseen_entities(sample, [encoding.offsets for encoding in encodings], model.title)
    if not len(longer):
        return findings
    share = len(longer) / len(lengths)
    lost = int((lengths[longer] - model.max_length).sum())
    reading = (
        f"{counted(len(longer), 'text is', 'texts are')} longer than the limit of {model.max_length} tokens of {model.title}"
    )
    if check_input.has_entities:
        severity, effect = (
            Severity.NOTE,
            (
                "Nothing is lost: long texts are split into overlapping windows, and each word is predicted in the window with "
                "the most context around it. All tagged entities are used."
            ),
        )
    else:
        severity, effect = (
            Severity.WARNING if share >= _MANY else Severity.NOTE,
            (
                f"Long texts are truncated: {_percent(share)} of the texts lose {_percent(lost / int(lengths.sum()))} of all "
                "tokens. If the end matters, choose a model with a longer maximum input, or shorten the texts."
            ),
        )
    return [
        *findings,
        Finding(
            check="too_long",
            severity=severity,
            title=reading,
            count=len(longer),
            unit="text",
            effect=effect,
            examples=tuple(
                sample.example(sample.ids[place], detail=counted(int(lengths[place]), "token"))
                for place in longer[np.argsort(-lengths[longer])][:5]
            ),
            rows=sample.ids[longer],
            sampled=sample.is_part,
        ),
    ]


def _unseen_entities(sample: CheckInput, offsets: list[list[tuple[int, int]]], title: str) -> list[Finding]:
    """Entities with a word that gives no token, such as one of invisible characters: the model can never find them completely."""
    lost = []
    for place, (entities, spans) in enumerate(zip(sample.entities, offsets, strict=True)):
        if entities:
            seen = first_tokens(spans, sample.word_starts[place], sample.word_ends[place])
            lost += [(place, entity) for entity in entities if any(word not in seen for word in range(entity.start, entity.end))]
    if not lost:
        return []
    return [
        Finding(
            check="entities_without_tokens",
            severity=Severity.WARNING,
            title=f"{counted(len(lost), 'entity has', 'entities have')} words without any token of {title}",
            count=len(lost),
            unit="entity",
            effect="The model does not see these words, so it cannot find the complete entity; each one counts as an error.",
            examples=tuple(
                sample.example(sample.ids[place], detail=f"{entity.type}: {sample.surface(place, entity)!r}")
                for place, entity in lost[:5]
            ),
            rows=np.unique(sample.ids[[place for place, _ in lost]]),
            sampled=sample.is_part,
        )
    ]


def _percent(share: float) -> str:
    return "under 1%" if share < 0.01 else f"{share:.0%}"
