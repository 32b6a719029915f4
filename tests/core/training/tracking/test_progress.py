from core.training.tracking.progress import SelectionRule, TrainingProgress


def after(scores: list[float], rule: SelectionRule) -> TrainingProgress:
    """The progress of a run with these validation scores."""
    progress = TrainingProgress()
    for epoch, score in enumerate(scores, start=1):
        progress.step, progress.epoch = 10 * epoch, epoch
        progress.update_best(score, rule)
    return progress


def test_a_score_one_example_away_is_no_different_and_the_later_weights_are_kept() -> None:
    rule = SelectionRule(tie=0.01)

    assert [after(scores, rule).best_epoch for scores in ([0.9, 0.91], [0.91, 0.9], [0.57, 0.58], [0.9, 0.92], [0.92, 0.9])] == [
        2, 2, 2, 2, 1,
    ]  # fmt: skip


def test_of_scores_that_chance_tells_apart_the_latest_is_the_best() -> None:
    rule = SelectionRule(tie=0.01, num_examples=100)  # one standard error of 0.9 is 0.03

    assert [after(scores, rule).best_epoch for scores in ([0.90, 0.88], [0.90, 0.86], [0.5, 0.9, 0.88, 0.89])] == [2, 1, 4]
    assert after([0.90, 0.88, 0.875, 0.86], rule).best_epoch == 3
    assert after([0.90, 0.92, 0.94], rule).epochs_without_gain == 0


def test_ties_never_add_up_to_a_descent() -> None:
    progress = after([0.90, 0.895, 0.89, 0.885, 0.88], SelectionRule(tie=0.01))

    assert (progress.best_epoch, progress.kept[0]["score"], progress.kept[0]["reached"]) == (3, 0.89, 0.90)


def test_what_one_example_makes_is_no_gain_but_adds_up_to_one() -> None:
    assert after([0.9, 0.91, 0.91], SelectionRule(tie=0.01)).epochs_without_gain == 2
    assert after([0.9, 0.91, 0.92], SelectionRule(tie=0.01)).epochs_without_gain == 0


def test_a_gain_is_at_least_the_smallest_gain() -> None:
    rule = SelectionRule(tie=0.001, minimum_gain=0.05)

    assert after([0.80, 0.84, 0.849], rule).epochs_without_gain == 2
    assert after([0.80, 0.84, 0.85], rule).epochs_without_gain == 0


def test_as_many_of_the_best_are_kept_as_are_wanted_best_first() -> None:
    progress = after([0.5, 0.9, 0.7, 0.8, 0.6], SelectionRule(tie=0.01, num_kept=3))

    assert [(entry["epoch"], entry["score"]) for entry in progress.kept] == [(2, 0.9), (4, 0.8), (3, 0.7)]
    assert progress.best_step == 20
