from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.http import Http404

from blametrail.incidents import queries
from blametrail.incidents.models import EntryKind, Incident, IncidentType, Severity, Status, TimelineEntry
from blametrail.incidents.queries import PAGE_SIZE, Asked, IncidentFilters, Tab

SERVICE = UUID("0192f8a0-0000-7000-8000-000000000001")


@pytest.fixture
def open_incident(acme, checkout, now):
    def open_incident(number, **facts):
        facts.setdefault("organization", acme)
        facts.setdefault("service", checkout)
        facts.setdefault("title", f"Trouble {number}")
        defaults = {"type": IncidentType.ISSUE, "severity": Severity.ERROR, "started_at": now, "status_as_of": now}
        return Incident.objects.create(number=number, **{**defaults, **facts})

    return open_incident


def _numbers(page):
    return [incident.number for incident in page.incidents]


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ({}, Asked(IncidentFilters())),
        ({"tab": "all"}, Asked(IncidentFilters(tab=Tab.ALL))),
        ({"severity": "critical", "type": "metric"}, Asked(IncidentFilters(severity="critical", type="metric"))),
        ({"service": str(SERVICE)}, Asked(IncidentFilters(service=SERVICE))),
        ({"q": "  time\x00out "}, Asked(IncidentFilters(text="timeout"))),
        ({"q": "x" * 500}, Asked(IncidentFilters(text="x" * 200))),
        ({"before": "40"}, Asked(IncidentFilters(), before=40)),
        ({"after": "40"}, Asked(IncidentFilters(), after=40)),
        ({"before": "40", "after": "10"}, Asked(IncidentFilters(), before=40)),
        ({"unknown": "thing"}, Asked(IncidentFilters())),
    ],
)
def test_an_address_is_read(query, asked):
    assert queries.parse(query) == asked


@pytest.mark.parametrize(
    "query",
    [
        {"tab": "closed"},
        {"severity": "CRITICAL"},
        {"type": "💥"},
        {"service": "checkout"},
        {"service": "' OR 1=1"},
        {"before": "-4"},
        {"before": "²"},
        {"after": "99999999999999999999999"},
        {"before": "1e3"},
    ],
)
def test_what_cannot_be_understood_is_left_out_and_told(query):
    asked = queries.parse(query)

    assert (asked.filters, asked.before, asked.after) == (IncidentFilters(), None, None)
    assert len(asked.problems) == 1


def test_filters_survive_the_way_through_an_address():
    filters = IncidentFilters(tab=Tab.ALL, service=SERVICE, severity="info", type="manual", text="a & b = ü")

    query = dict(part.split("=", 1) for part in filters.query(before=7).removeprefix("?").split("&"))

    assert query["before"] == "7"
    assert query["q"] == "a+%26+b+%3D+%C3%BC"
    assert query["service"] == str(SERVICE)


def test_the_plain_list_has_a_plain_address():
    assert IncidentFilters().query() == ""


def test_a_service_of_somebody_else_is_left_out_and_told():
    asked = queries.limit_to(Asked(IncidentFilters(service=SERVICE, text="x")), {uuid4()})

    assert asked.filters == IncidentFilters(text="x")
    assert len(asked.problems) == 1


def test_a_known_service_stays():
    asked = Asked(IncidentFilters(service=SERVICE))

    assert queries.limit_to(asked, {SERVICE}) is asked


@pytest.mark.parametrize(
    ("text", "number"), [("214", 214), ("#214", 214), ("0", 0), ("x", None), ("", None), ("2147483648", None)]
)
def test_a_number_is_told_from_words(text, number):
    assert queries.as_number(text) == number


def test_a_page_leads_to_the_older_and_back(acme, open_incident):
    last = PAGE_SIZE * 2 + 3
    for number in range(1, last + 1):
        open_incident(number)

    first = queries.page(acme, filters=IncidentFilters())
    second = queries.page(acme, filters=IncidentFilters(), before=first.older)
    third = queries.page(acme, filters=IncidentFilters(), before=second.older)

    assert _numbers(first) + _numbers(second) + _numbers(third) == list(range(last, 0, -1))
    assert (first.newer, third.older) == (None, None)
    assert _numbers(queries.page(acme, filters=IncidentFilters(), after=third.newer)) == _numbers(second)


def test_the_way_back_ends_at_a_full_first_page(acme, open_incident):
    for number in range(1, PAGE_SIZE + 4):
        open_incident(number)

    page = queries.page(acme, filters=IncidentFilters(), after=PAGE_SIZE)

    assert _numbers(page) == list(range(PAGE_SIZE + 3, 3, -1))
    assert page.newer is None


def test_beyond_the_end_there_is_still_a_way_back(acme, open_incident):
    open_incident(5)

    page = queries.page(acme, filters=IncidentFilters(), before=5)

    assert (_numbers(page), page.newer) == ([], 4)


def test_tabs_show_what_they_say(acme, open_incident):
    open_incident(1, status=Status.OPEN)
    open_incident(2, status=Status.ACKNOWLEDGED)
    open_incident(3, status=Status.RESOLVED)

    shown = {tab: _numbers(queries.page(acme, filters=IncidentFilters(tab=tab))) for tab in Tab}

    assert shown == {Tab.OPEN: [2, 1], Tab.RESOLVED: [3], Tab.ALL: [3, 2, 1]}


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        (IncidentFilters(severity="critical"), [1]),
        (IncidentFilters(type="metric"), [2]),
        (IncidentFilters(text="TIMEOUT"), [1]),
        (IncidentFilters(text="100%"), [3]),
        (IncidentFilters(text="#2"), [2]),
        (IncidentFilters(text="3"), [3]),
        (IncidentFilters(severity="critical", type="metric"), []),
    ],
)
def test_filters_narrow_the_list(acme, open_incident, filters, numbers):
    open_incident(1, severity=Severity.CRITICAL, title="Timeout at the gateway")
    open_incident(2, type=IncidentType.METRIC, title="Slow")
    open_incident(3, title="Disk 100% full")

    assert _numbers(queries.page(acme, filters=filters)) == numbers


def test_nothing_of_another_organization_is_listed_counted_or_found(malice_inc, open_incident):
    open_incident(1)

    assert _numbers(queries.page(malice_inc, filters=IncidentFilters(tab=Tab.ALL))) == []
    assert queries.count_open(malice_inc) == "0"
    assert not queries.has_any(malice_inc)
    with pytest.raises(Http404):
        queries.find(malice_inc, number=1)


def test_open_incidents_are_counted_only_as_far_as_it_matters(acme, open_incident):
    for number in range(1, 100):
        open_incident(number)
    open_incident(100, status=Status.RESOLVED)
    assert queries.count_open(acme) == "99"

    open_incident(101)

    assert queries.count_open(acme) == "99+"


def test_the_timeline_tells_the_newest_first_by_when_it_happened(open_incident, now):
    incident = open_incident(1)
    late_news = now + timedelta(hours=1)
    for minutes in (5, 1, 3):
        at = now + timedelta(minutes=minutes)
        TimelineEntry.objects.create(
            incident=incident, kind=EntryKind.NOTE, at=at, recorded_at=late_news, text=minutes
        )

    assert [entry.text for entry in queries.timeline(incident).entries] == ["5", "3", "1"]


def test_a_very_long_timeline_is_cut_unless_asked_for(open_incident, now):
    incident = open_incident(1)
    entry = {"incident": incident, "kind": EntryKind.NOTE, "at": now}
    TimelineEntry.objects.bulk_create(TimelineEntry(**entry) for _ in range(queries.TIMELINE_SHOWN + 1))

    cut, whole = queries.timeline(incident), queries.timeline(incident, whole=True)

    assert (len(cut.entries), cut.has_more) == (queries.TIMELINE_SHOWN, True)
    assert (len(whole.entries), whole.has_more) == (queries.TIMELINE_SHOWN + 1, False)
