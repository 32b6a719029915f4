"""The whole way in a browser, once for each task: a file, a data set, a run, its results, and predictions for new texts."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from core.runs.store.records import RunState
from tests.browser.seeding import colour_rows, csv_of
from tests.browser.server import Server, wait_for
from tests.browser.visitor import Visitor
from tests.tiny import tiny_entities_dataset

pytestmark = pytest.mark.browser

SENTENCES = "\n".join(
    "\n".join(f"{word} {tag}" for word, tag in zip(text.split(), tags, strict=True)) + "\n"
    for text, tags in tiny_entities_dataset(160)[["text", "tags"]].itertuples(index=False)
)


def test_one_label_a_text_from_a_csv_file_to_a_clicked_confusion_and_a_prediction(
    visitor: Visitor, server: Server, tiny_model: Path
) -> None:
    visitor.open()
    visitor.upload("colour_words.csv", csv_of(colour_rows(300)))
    visitor.expect_title("New data set")
    visitor.expect_cell("Rows of the data set", "the sky is very light and 0")
    guessed = [visitor.chosen(label) for label in ("Task", "Text column", "Label column")]
    assert guessed == ["One label per text", "message", "topic"]
    visitor.save_dataset()
    visitor.expect_title("Colour words")

    visitor.go("Train")
    visitor.choose_model(tiny_model)
    visitor.fill("Epochs", "40")
    visitor.fill("Batch size", "8")
    expect(visitor.text("2 settings changed from the recipe.")).to_be_visible()
    run_id = visitor.launch()

    visitor.expect_state("Training")
    first_steps = wait_for(visitor.steps_of_loss, "the first point of the curve")
    steps = wait_for(lambda: _longer(visitor.steps_of_loss(), first_steps), "a curve that moves")
    assert steps[: len(first_steps)] == first_steps
    visitor.expect_state("Done")
    assert server.workspace.run(run_id).state is RunState.SUCCEEDED

    visitor.button("See the results").click()
    visitor.expect_title("Results")
    expect(visitor.text("test examples are classified correctly")).to_be_visible()
    visitor.tab("Confusion matrix")
    cells = wait_for(visitor.cells_of_matrix, "the confusion matrix")
    assert sum(count for _, _, count in cells) == server.workspace.dataset(_dataset_of(server, run_id)).num_examples["test"]
    gold, predicted, count = max((cell for cell in cells if cell[0] != cell[1]), key=lambda cell: cell[2])
    visitor.click_cell(gold, predicted)
    drawer = visitor.page.get_by_role("dialog")
    expect(drawer.get_by_text(f"Gold {gold}, predicted {predicted}")).to_be_visible()
    expect(drawer.get_by_text(re.compile(rf"^{count} examples?$"))).to_be_visible()
    expect(visitor.cells("Examples", gold)).to_have_count(count)
    expect(visitor.cells("Examples", predicted)).to_have_count(count)
    visitor.page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)

    visitor.go("Predict")
    visitor.predict("the grass seems very green")
    visitor.expect_cell("Predicted labels", "green")


def test_several_labels_a_text_from_a_csv_file_to_thresholds_and_a_prediction(
    visitor: Visitor, server: Server, tiny_model: Path
) -> None:
    rows = [
        {
            "review": f"the {('sky', 'sea', 'grass')[i % 3]} is {' and '.join(colours) or 'calm'} {i}",
            "labels": "|".join(colours),
        }
        for i in range(240)
        for colours in [[colour for colour, named in (("blue", i % 2), ("green", i % 3), ("deep", i % 5 == 0)) if named]]
    ]
    visitor.open()
    visitor.upload("colours.csv", csv_of(rows))
    visitor.expect_title("New data set")
    visitor.expect_cell("Rows of the data set", "the sea is blue and green 1")
    assert visitor.chosen("Task") == "Several labels per text"
    visitor.save_dataset()

    visitor.go("Train")
    visitor.choose_model(tiny_model)
    visitor.fill("Epochs", "40")
    run_id = visitor.launch()
    visitor.expect_state("Done")

    visitor.button("See the results").click()
    visitor.expect_title("Results")
    expect(visitor.text("test examples have exactly the right labels")).to_be_visible()
    scores = (server.workspace.run_dir(run_id).result() or {})["splits"]["test"]
    assert [row["label"] for row in scores["labels"]] == ["blue", "deep", "green"]
    for row in scores["labels"]:
        visitor.expect_cell("Scores of each label", row["label"])
        visitor.expect_cell("Scores of each label", f"{round(row['threshold'], 2):g}")  # to readers of screens 0.20 is 0.2
    visitor.tab("Thresholds")
    expect(visitor.chart("Precision and recall against the threshold").locator(".xtick text").first).to_be_visible()

    visitor.go("Predict")
    visitor.predict("the sky is blue and green")
    visitor.expect_cell("Predicted labels", re.compile("blue.*green"))


def test_named_entities_from_a_conll_file_to_marked_texts_and_a_prediction(visitor: Visitor, tiny_model: Path) -> None:
    visitor.open()
    visitor.upload("people_and_places.conll", SENTENCES)
    visitor.expect_title("New data set")
    visitor.expect_cell("Rows of the data set", "[john · PER] works at [acme · ORG] in [berlin · LOC] .")
    assert visitor.chosen("Task") == "Named entities"
    visitor.save_dataset()

    visitor.go("Train")
    visitor.choose_model(tiny_model)
    visitor.fill("Epochs", "40")
    visitor.launch()
    visitor.expect_state("Done")

    visitor.button("See the results").click()
    visitor.expect_title("Results")
    for entity_type in ("LOC", "ORG", "PER"):
        visitor.expect_cell("Scores of each label", entity_type)
    visitor.tab("Examples")
    visitor.choose(re.compile(r"^All \("))
    visitor.expect_cell("Examples", re.compile(r"\[\w+ · PER\] works at \[\w+ · ORG\] in \[\w+ · LOC\] \."))

    visitor.go("Predict")
    visitor.predict("john works at globex in paris .")
    visitor.expect_cell("Entities found", "globex")
    visitor.expect_cell("Entities found", "ORG")


def _longer(steps: list[int], than: list[int]) -> list[int]:
    return steps if len(steps) > len(than) else []


def _dataset_of(server: Server, run_id: str) -> str:
    return server.workspace.run(run_id).dataset_id
