"""Duration and memory of training the TF-IDF classifier, on synthetic texts of many sizes.

The tokens are drawn from a Zipf distribution, and one in seven is typical of the text's label.
"""

import resource
import time

import numpy as np
import typer

from benchmarks.quality import app
from core.tasks import get_task
from core.tasks.base import Encoded
from core.tasks.ragged import RaggedRows
from core.training.calibration.fit_tfidf_head import tfidf_logits, weigh_words

SIZES = ((9_000, 17, 77), (200_000, 25, 77), (20_000, 25, 1000), (5_000, 512, 20), (5_000, 512, 200))
"""Texts, tokens per text, labels."""

VOCABULARY = 20_000
WORDS_OF_A_LABEL = 50
NUM_NEW = 2000


@app.command()
def words() -> None:
    """Measure the TF-IDF classifier: seconds to train it, seconds to predict 2,000 new texts, and its accuracy."""
    typer.echo(f"| texts | tokens each | labels | features | training, s | {NUM_NEW:,} new texts, s | accuracy | memory, MiB |")
    typer.echo("|---|---|---|---|---|---|---|---|")
    for num_texts, length, num_labels in SIZES:
        texts, new = (_made(number, length, num_labels, seed) for seed, number in enumerate((num_texts, NUM_NEW)))
        start = time.monotonic()
        evidence = weigh_words(texts, get_task("single_label"), num_labels, pad_token_id=0)
        weighed = time.monotonic()
        assert evidence is not None
        said = tfidf_logits(evidence, new, pad_token_id=0)
        heard = time.monotonic()
        right = float((said.argmax(axis=1) == np.array(new.targets)).mean())
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        typer.echo(
            f"| {num_texts:,} | {length} | {num_labels:,} | {evidence.num_features:,} | {weighed - start:.1f} "
            f"| {heard - weighed:.2f} | {right:.3f} | {memory:,.0f} |"
        )


def _made(num_texts: int, length: int, num_labels: int, seed: int) -> Encoded:
    random = np.random.default_rng(seed)
    labels = random.integers(0, num_labels, num_texts)
    how_frequent = 1 / np.arange(1, VOCABULARY + 1)
    common = random.choice(VOCABULARY, size=(num_texts, length), p=how_frequent / how_frequent.sum())
    own = (37 * labels[:, None] + random.integers(0, WORDS_OF_A_LABEL, common.shape)) % VOCABULARY
    rows = RaggedRows.of(np.where(random.random(common.shape) < 1 / 7, own, common))
    return Encoded(input_ids=rows, targets=labels, example=np.arange(num_texts), num_examples=num_texts)
