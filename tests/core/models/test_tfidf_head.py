"""The TF-IDF classifier: the same features as scikit-learn's, independent of padding."""

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from core.models.tfidf_head import TfidfHead
from core.tasks import get_task
from core.tasks.base import Encoded
from core.training.calibration.fit_tfidf_head import tfidf_logits, weigh_words
from core.training.steps.batching import pad

TEXTS = [
    [101, 7, 8, 7, 7, 102],
    [101, 8, 7, 102],
    [101, 9, 10, 102],
    [101, 9, 9, 10, 11, 102],
    [101, 11, 8, 102],
    [101, 102],
]


def encoded(rows: list[list[int]], targets: list[int] | list[np.ndarray]) -> Encoded:
    return Encoded(input_ids=rows, targets=list(targets), example=np.arange(len(rows)), num_examples=len(rows))


def weighed(targets: list[int]) -> TfidfHead:
    evidence = weigh_words(encoded(TEXTS, targets), get_task("single_label"), 3, pad_token_id=0)
    assert evidence is not None
    return evidence


def dense(evidence: TfidfHead, rows: list[list[int]]) -> np.ndarray:
    """Values by feature, ``(num_rows, num_features)``."""
    places, values = evidence.features(*pad(rows, 0).inputs)
    return torch.zeros(len(rows), evidence.num_features).scatter_add_(1, places, values).numpy()


def test_features_are_those_of_scikit_learn() -> None:
    evidence = weighed([0, 0, 1, 1, 2, 2])
    unseen = [[101, 7, 7, 9, 500, 102], [500, 501], [101, 10, 11, 11, 102]]
    vectorizer = TfidfVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    words = [" ".join(map(str, row)) for row in TEXTS]

    theirs = vectorizer.fit_transform(words).toarray()
    pairs = [name.split() for name in vectorizer.get_feature_names_out()]
    order = np.argsort([int(name[0]) if len(name) == 1 else (int(name[0]) + 1) * 2**24 + int(name[1]) for name in pairs])

    assert evidence.num_features == len(pairs) > 8
    np.testing.assert_allclose(dense(evidence, TEXTS), theirs[:, order], atol=1e-6)
    of_unseen = vectorizer.transform([" ".join(map(str, row)) for row in unseen]).toarray()[:, order]
    np.testing.assert_allclose(dense(evidence, unseen), of_unseen, atol=1e-6)
    assert not dense(evidence, [[500, 501]]).any()


def test_what_is_padded_beside_a_text_says_nothing() -> None:
    evidence = weighed([0, 0, 1, 1, 2, 2])
    row = [101, 9, 10, 102]
    on_the_left = torch.tensor([[9, 9, *row]]), torch.tensor([[0, 0, 1, 1, 1, 1]])

    alone = evidence(*pad([row], 0).inputs)

    torch.testing.assert_close(evidence(*pad([row, TEXTS[0]], 0).inputs)[:1], alone)
    torch.testing.assert_close(evidence(*on_the_left), alone)
    assert alone.argmax() == 1
    nothing = torch.zeros(2, 0, dtype=torch.int64)
    torch.testing.assert_close(evidence(nothing, nothing), evidence.bias.expand(2, 3))


def test_many_weights_are_looked_up_some_texts_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = weighed([0, 0, 1, 1, 2, 2])
    together = evidence(*pad(TEXTS, 0).inputs)

    monkeypatch.setattr("core.models.tfidf_head._MOST_AT_ONCE", 2 * 3 * (2 * 6 - 1))

    torch.testing.assert_close(evidence(*pad(TEXTS, 0).inputs), together)


def test_a_label_without_texts_is_the_least_likely_and_a_word_decides_between_the_others() -> None:
    evidence = weighed([0, 0, 1, 1, 0, 1])
    said = tfidf_logits(evidence, encoded([[101, 7, 8, 102], [101, 9, 10, 102]], []), pad_token_id=0)

    assert said.argmax(axis=1).tolist() == [0, 1]
    assert said.argmin(axis=1).tolist() == [2, 2]


def test_several_labels_are_weighed_each_by_itself() -> None:
    has = [np.array([7 in row, 9 in row, True]) for row in TEXTS]
    evidence = weigh_words(encoded(TEXTS, has), get_task("multi_label"), 3, pad_token_id=0)
    assert evidence is not None

    said = tfidf_logits(evidence, encoded([[101, 7, 102], [101, 9, 102]], []), pad_token_id=0)

    assert said[0, 0] > said[1, 0]
    assert said[1, 1] > said[0, 1]
    assert (said[:, 2] > 2).all()


def test_rarest_features_are_left_out_where_there_would_be_too_many_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.training.calibration.fit_tfidf_head.MOST_WEIGHTS", 3 * 4)
    evidence = weighed([0, 0, 1, 1, 2, 2])

    assert evidence.num_features <= 4
    assert {101, 102} <= set(evidence.keys.tolist())  # which every text has


def test_only_a_sample_is_learned_from_where_there_are_too_many_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [[5, 200 + i // 2] for i in range(20)]  # each word but the first in two texts
    task = get_task("single_label")
    everything = weigh_words(encoded(rows, [0, 1] * 10), task, 2, pad_token_id=0)
    monkeypatch.setattr("core.training.calibration.fit_tfidf_head.MOST_LOOKS", 2 * 2 * 20)  # half of them
    sample = weigh_words(encoded(rows, [0, 1] * 10), task, 2, pad_token_id=0)

    assert everything is not None
    assert sample is not None
    assert everything.num_features == 1 + 10 + 10
    assert 1 <= sample.num_features < everything.num_features


def test_words_that_occur_in_one_text_alone_are_no_evidence() -> None:
    assert weigh_words(encoded([[i] for i in range(20)], [0, 1] * 10), get_task("single_label"), 2, pad_token_id=0) is None
