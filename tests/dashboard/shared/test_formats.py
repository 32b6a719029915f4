"""Numbers and times read well."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.shared import formats


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "–"),
        (0.04, "0.0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (252, "4 min 12 s"),
        (3600, "1 h"),
        (7384, "2 h 3 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_a_duration_shows_its_two_largest_units(seconds: float | None, shown: str) -> None:
    assert formats.duration(seconds) == shown


@pytest.mark.parametrize(("value", "shown"), [(None, "–"), (0.5625, "0.563"), (0.9414, "0.941"), (1.0, "1.000"), (0, "0.000")])
def test_a_score_is_rounded_as_the_tables_in_the_browser_round_it(value: float | None, shown: str) -> None:
    assert formats.score(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(2e-4, "2e-4"), (0.00125, "1.25e-3"), (1e-5, "1e-5"), (0.5, "5e-1")])
def test_a_learning_rate_is_written_as_people_write_it(value: float, shown: str) -> None:
    assert formats.learning_rate(value) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(3, "10 s"), (44, "40 s"), (100, "2 min"), (7200, "2.0 h")])
def test_an_estimate_does_not_pretend_to_be_exact(seconds: float, shown: str) -> None:
    assert formats.rough_duration(seconds) == shown


def test_a_moment_without_time_zone_is_taken_as_utc() -> None:
    now = datetime(2030, 5, 1, 12, tzinfo=UTC)
    assert formats.ago((now - timedelta(minutes=5)).replace(tzinfo=None), now) == "5 min ago"


def test_counts_and_scores() -> None:
    assert formats.count(13083) == "13,083"
    assert [formats.percent(share) for share in (0, 0.0001, 0.004, 0.83)] == ["0%", "under 0.1%", "0.4%", "83%"]
    assert formats.plural(1, "entity", "entities") == "1 entity"
    assert formats.plural(2, "entity", "entities") == "2 entities"
    assert formats.score(0.94119) == "0.941"
    assert formats.score(None) == "–"
    assert formats.memory(1434) == "1.4 GiB"
