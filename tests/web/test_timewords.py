from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.template import Context, Template

from blametrail.web import timewords

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # ten o'clock in Berlin


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (NOW - timedelta(seconds=44), "just now"),
        (NOW + timedelta(seconds=10), "just now"),
        (NOW - timedelta(seconds=50), "1 min ago"),
        (NOW - timedelta(minutes=3), "3 min ago"),
        (NOW - timedelta(minutes=59, seconds=10), "59 min ago"),
        (NOW - timedelta(minutes=59, seconds=50), "today 09:00"),
        (NOW + timedelta(minutes=20), "in 20 min"),
        (NOW - timedelta(hours=2), "today 08:00"),
        (NOW + timedelta(hours=6), "today 16:00"),
        (NOW + timedelta(hours=24), "tomorrow 10:00"),
        # Still the 24th in UTC, but 00:30 on the 25th in Berlin.
        (datetime(2026, 11, 24, 23, 30, tzinfo=UTC), "tomorrow 00:30"),
        (datetime(2026, 11, 22, 23, 30, tzinfo=UTC), "yesterday 00:30"),
        (datetime(2026, 11, 3, 12, 5, tzinfo=UTC), "3 Nov 13:05"),
        (datetime(2025, 11, 23, 13, 2, tzinfo=UTC), "23 Nov 2025"),
    ],
)
def test_a_moment_is_called_what_people_there_call_it(at, words):
    assert timewords.moment(at, zone=BERLIN, now=NOW) == words


def test_the_exact_moment_names_second_and_zone():
    at = datetime(2026, 7, 1, 12, 0, 7, tzinfo=UTC)

    assert timewords.exact(at, zone=BERLIN) == "1 July 2026, 14:00:07 CEST (Europe/Berlin)"


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(), "0 s"),
        (timedelta(seconds=8.7), "8 s"),
        (timedelta(minutes=14, seconds=50), "14 min"),
        (timedelta(hours=2, minutes=5), "2 h 5 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(days=3, hours=4, minutes=59), "3 d 4 h"),
        (timedelta(days=3, minutes=5), "3 d"),
        (timedelta(seconds=-5), "0 s"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(length, words):
    assert timewords.span(length) == words


def _render(source, **context):
    return Template("{% load times %}" + source).render(Context(context))


def test_the_filter_carries_the_exact_time_in_the_organizations_zone():
    at = datetime(2020, 1, 1, 0, 0, tzinfo=UTC)

    html = _render("{{ at|when:place }}", at=at, place=type("Place", (), {"timezone": "Asia/Tokyo"}))

    assert 'datetime="2020-01-01T09:00:00+09:00"' in html
    assert "1 January 2020, 09:00:00 JST (Asia/Tokyo)" in html


def test_no_moment_and_no_span_say_nothing():
    assert _render("{{ at|when:place }}{{ at|exactly }}{{ length|duration }}", at=None, place=None, length=None) == ""
