"""Which lines of a run's log are shown on its page."""

from dashboard.runs.log import readable_tail

BEFORE, AFTER = "10:00:00  step 52  train/loss 9.1", "10:00:01  The training loss stopped being a finite number."
FILE = '  File "/opt/tuneboard/core/training/loop.py", line 284, in _end_not_finite'
EXPECTED = ["10:00:01  Traceback (most recent call last):", FILE, "core.errors.RunError: The training loss stopped.", ""]
UNEXPECTED = ["10:00:01  Traceback (most recent call last):", FILE, "ZeroDivisionError: division by zero", ""]


def test_an_expected_failure_shows_no_traceback() -> None:
    assert readable_tail([BEFORE, *EXPECTED, AFTER], 20) == [BEFORE, AFTER]


def test_an_unexpected_failure_shows_its_traceback_for_the_report() -> None:
    assert readable_tail([BEFORE, *UNEXPECTED, AFTER], 20) == [BEFORE, *UNEXPECTED, AFTER]


def test_a_traceback_whose_beginning_is_out_of_reach_is_known_by_what_is_left() -> None:
    assert readable_tail([*EXPECTED[1:], AFTER], 20) == [AFTER]


def test_no_more_lines_are_shown_than_wanted() -> None:
    assert readable_tail([f"10:00:00  step {step}" for step in range(50)], 20)[0] == "10:00:00  step 30"


def test_lines_without_a_time_belong_to_the_log_too() -> None:
    assert readable_tail(["ModuleNotFoundError: No module named 'torch'"], 20) == ["ModuleNotFoundError: No module named 'torch'"]
