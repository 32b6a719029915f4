"""Dates and times in common formats."""

from datetime import UTC, datetime

import pytest

from core.datasets.splitting.parse_dates import parse_times
from core.errors import DatasetError

APRIL_3 = datetime(2024, 4, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2024-04-03",
        " 2024/4/3 ",
        "20240403",
        "2024-04-03T00:00:00Z",
        "2024-04-03 02:00:00+02:00",
        "3.4.2024",
        "3 Apr 2024",
        "April 3rd, 2024",
        "03-Apr-24",
        "Wed, 03 Apr 2024 00:00:00 +0000",
        "2024年4月3日",
        "45385",
        "45385.0",
        "1712102400",
        "1712102400000",
        "2024-04-03 12:00 AM",
    ],
)
def test_one_day_in_many_ways(written: str) -> None:
    assert parse_times([written]) == [APRIL_3]


@pytest.mark.parametrize("written", ["", "soon", "2024", "13", "31.2.2024", "99999999999999999999", "Q1 2024", "2024-13-01"])
def test_what_is_no_date_is_nothing(written: str) -> None:
    assert parse_times([written, None]) == [None, None]


def test_the_rest_of_the_column_tells_day_from_month() -> None:
    assert parse_times(["3/4/2024", "4/13/2024"])[0] == datetime(2024, 3, 4, tzinfo=UTC)
    assert parse_times(["3/4/2024", "13/4/2024"])[0] == APRIL_3
    assert parse_times(["3/4/2024"], order="month first") == [datetime(2024, 3, 4, tzinfo=UTC)]


@pytest.mark.parametrize("cells", [["3/4/2024"], ["13/4/2024", "4/13/2024", "3/4/2024"]])
def test_a_column_that_does_not_tell_is_refused(cells: list[str]) -> None:
    with pytest.raises(DatasetError, match="it is unclear which number is the day"):
        parse_times(cells, column="sent")
