"""Schedules: fields, names, steps, time zones."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from wherry.lib import cron

NEXT = [
    # schedule, after -> next (UTC)
    ("* * * * *", "2026-01-01T00:00:30", "2026-01-01T00:01:00"),
    ("*/15 * * * *", "2026-01-01T00:15:00", "2026-01-01T00:30:00"),
    ("0 9-17/4 * * *", "2026-01-01T09:00:00", "2026-01-01T13:00:00"),
    ("30 6 * * MON-FRI", "2026-01-02T07:00:00", "2026-01-05T06:30:00"),
    ("0 0 1 feb *", "2026-01-15T00:00:00", "2026-02-01T00:00:00"),
    ("0 0 13 * 5", "2026-01-01T00:00:00", "2026-01-02T00:00:00"),
    ("0 0 */2 * 1", "2026-01-01T01:00:00", "2026-01-05T00:00:00"),
    ("0 0 29 2 *", "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
    ("59 23 31 12 *", "2026-12-31T23:59:00", "2027-12-31T23:59:00"),
    ("@hourly", "2026-01-01T00:00:00", "2026-01-01T01:00:00"),
    ("@yearly", "2026-01-01T00:00:00", "2027-01-01T00:00:00"),
    ("@every 90s", "2026-01-01T00:00:00", "2026-01-01T00:01:30"),
    ("1,2,40 * * * ?", "2026-01-01T00:02:00", "2026-01-01T00:40:00"),
    ("5/20 * * * *", "2026-01-01T00:06:00", "2026-01-01T00:25:00"),
]


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(("schedule", "after", "expected"), NEXT)
def test_the_next_time(schedule, after, expected):
    assert cron.parse(schedule).next(at(after)) == at(expected)


def test_a_date_that_never_comes():
    assert cron.parse("0 0 30 2 *").next(at("2026-01-01T00:00:00")) is None


def test_the_fields_are_meant_in_the_zone():
    berlin = ZoneInfo("Europe/Berlin")
    assert cron.parse("0 8 * * *", berlin).next(at("2026-07-01T00:00:00")) == at("2026-07-01T06:00:00")
    assert cron.parse("TZ=Asia/Tokyo 0 8 * * *", berlin).next(at("2026-07-01T00:00:00")) == at("2026-07-01T23:00:00")


def test_a_time_that_summer_time_skips_does_not_happen_that_day():
    berlin = ZoneInfo("Europe/Berlin")
    assert cron.parse("30 2 * * *", berlin).next(at("2026-03-28T12:00:00")) == at("2026-03-30T00:30:00")


BAD = [
    ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
    ("60 * * * *", "end of range (60) above maximum (59): 60"),
    ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
    ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
    ("*/0 * * * *", "step of range should be a positive number: */0"),
    ("1/2/3 * * * *", "too many slashes: 1/2/3"),
    ("x * * * *", "failed to parse int from x"),
    ("@often", "unrecognized descriptor: @often"),
    ("@every soon", "failed to parse duration @every soon"),
    ("TZ=Mars/Olympus * * * * *", "provided bad location Mars/Olympus: unknown time zone Mars/Olympus"),
]


@pytest.mark.parametrize(("schedule", "message"), BAD)
def test_what_is_wrong_is_said(schedule, message):
    with pytest.raises(cron.CronError) as error:
        cron.parse(schedule)
    assert str(error.value) == message
