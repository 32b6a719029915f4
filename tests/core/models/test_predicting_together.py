"""One loaded model used by several threads at once, as the sessions of a dashboard do."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from core.inference import Predictor
from core.models.build import build_classifier, load_tokenizer, open_classifier, save_classifier
from core.models.heads import HeadShape
from core.models.hub import describe
from core.models.model_card import ModelCard
from core.tasks import get_task

LONG, SHORT = "the sky is very calm " * 40, "the sea is blue"


class WatchedTokenizer:
    """A tokenizer that detects two threads inside it at once, and waits so that a second one can enter."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._inside = 0
        self._together = threading.Event()
        self.calls_together = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self._counted():
            return self._tokenizer(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._inside += 1
        if self._inside > 1:
            self.calls_together += 1
            self._together.set()
        try:
            self._together.wait(0.1)  # times out if alone; ends at once with a second thread inside
            yield
        finally:
            self._inside -= 1


@pytest.fixture(scope="module", params=["single_label", "token_classification"])
def model_folder(request: pytest.FixtureRequest, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("together")
    task = get_task(request.param)
    pooling = "mean" if task.head_level == "text" else "architecture"
    outputs = task.output_labels(["blue", "green"])
    classifier = build_classifier(describe(str(tiny_model), folder), task, outputs, pooling=pooling, head=HeadShape())
    card = ModelCard(task=task.name, outputs=outputs, max_length=16, pooling=pooling, head=HeadShape(), base_model="tiny")
    save_classifier(classifier, load_tokenizer(tiny_model), card, folder / "model")
    return folder / "model"


def test_no_two_threads_use_the_tokenizer_at_once(model_folder: Path) -> None:
    classifier, tokenizer, card = open_classifier(model_folder)
    watched = WatchedTokenizer(tokenizer)
    predictor = Predictor(classifier, watched, card, next(classifier.parameters()).device)

    with ThreadPoolExecutor(2) as people:
        for answer in [people.submit(predictor.predict, [LONG, SHORT]) for _ in range(2)]:
            answer.result(timeout=60)

    assert watched.calls_together == 0


def test_answers_asked_for_together_are_those_asked_for_alone(model_folder: Path) -> None:
    predictor = Predictor.load(model_folder, "cpu")
    questions = [[LONG], [SHORT, LONG], [LONG] * 3, [SHORT]]
    alone = [predictor.predict(texts) for texts in questions]

    with ThreadPoolExecutor(4) as people:
        asked = [(place, people.submit(predictor.predict, questions[place])) for _ in range(10) for place in range(4)]
        together = [(place, answer.result(timeout=60)) for place, answer in asked]

    assert all(answer == alone[place] for place, answer in together)
