from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from blametrail.incidents import alerts, lifecycle
from blametrail.incidents.alerts import Alert, Decision, Effect, Subject
from blametrail.incidents.models import EntryKind, Incident, IncidentType, Severity, TimelineEntry
from blametrail.incidents.severity import Extent
from blametrail.incidents.timeline import News, record, repeats

T0 = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def _incident(status: str, *, ended_after: timedelta = HOUR) -> Incident:
    ended = T0 + ended_after if status == "resolved" else None
    return Incident(status=status, status_as_of=ended or T0, resolved_at=ended)


@pytest.mark.parametrize(
    ("newest", "after", "decision"),
    [
        (None, HOUR, Decision.OPEN),
        (_incident("open"), HOUR, Decision.JOIN),
        (_incident("open"), 1_000 * HOUR, Decision.JOIN),
        (_incident("open"), -HOUR, Decision.JOIN),
        (_incident("acknowledged"), 1_000 * HOUR, Decision.JOIN),
        (_incident("resolved"), timedelta(0), Decision.JOIN),
        (_incident("resolved"), HOUR, Decision.JOIN),
        (_incident("resolved"), HOUR + MINUTE, Decision.JOIN),
        (_incident("resolved"), 25 * HOUR, Decision.JOIN),
        (_incident("resolved"), 25 * HOUR + MINUTE, Decision.OPEN_AS_RELAPSE),
    ],
)
def test_trouble_opens_joins_or_relapses(newest, after, decision):
    assert alerts.decide(newest, at=T0 + after, as_of=T0 + after) is decision


@pytest.mark.parametrize(
    ("after", "place"), [(-HOUR, 0), (HOUR, 0), (HOUR + MINUTE, 1), (9 * HOUR, 1), (9 * HOUR + MINUTE, 2)]
)
def test_a_fact_belongs_to_the_incident_of_its_time(after, place):
    ended = [_incident("resolved"), _incident("resolved", ended_after=9 * HOUR), _incident("open")]

    assert alerts.of_its_time(ended, T0 + after) is ended[place]


def _entry(key: str, after: timedelta) -> TimelineEntry:
    return TimelineEntry(key=key, at=T0 + after)


@pytest.mark.parametrize(
    ("before", "is_repeat"),
    [
        (None, False),
        (_entry("status:a", timedelta(0)), True),
        (_entry("status:a", -20 * MINUTE), True),
        (_entry("status:a", -21 * MINUTE), False),
        (_entry("status:b", -MINUTE), False),
    ],
)
def test_only_the_same_thing_said_minutes_before_makes_a_repeat(before, is_repeat):
    assert repeats(_entry("status:a", timedelta(0)), before) is is_repeat


@pytest.fixture
def subject(acme) -> Subject:
    return Subject(organization=acme, alert_key="grafana:1", source="grafana")


@pytest.fixture
def alert(checkout) -> Alert:
    return Alert(service=checkout, type=IncidentType.METRIC, title="Disk full", started_at=T0)


TROUBLE = News(kind=EntryKind.ALERT, key="alert:1", at=T0, as_of=T0, text="Disk full.")
OVER = News(kind=EntryKind.RESOLVED, key="status:over", at=T0 + HOUR, as_of=T0 + HOUR)


def _raise(subject, alert, news=TROUBLE) -> alerts.Heard:
    with transaction.atomic():
        return alerts.raise_alert(subject, news, alert=alert, extent=Extent(severity=Severity.ERROR), now=T0)


def test_an_alert_opens_an_incident_that_tells_it(subject, alert):
    heard = _raise(subject, alert)

    assert heard.effect is Effect.OPENED
    entry = heard.incident.timeline.get()
    assert (entry.kind, entry.text, entry.source, entry.at) == ("alert", "Disk full.", "grafana", T0)


def test_an_alert_without_a_title_gets_one(subject, checkout):
    alert = Alert(service=checkout, type=IncidentType.METRIC, title="", started_at=T0)

    assert _raise(subject, alert).incident.title == "Untitled"


@pytest.mark.parametrize("tell", [alerts.tell, alerts.count], ids=["tell", "count"])
def test_without_an_incident_there_is_nothing_to_tell(subject, tell):
    arguments = {"key": "e", "at": T0, "extent": Extent()} if tell is alerts.count else {}

    with transaction.atomic():
        heard = tell(subject, *([] if arguments else [OVER]), now=T0, **arguments)

    assert heard is None


def test_another_organizations_incident_with_the_same_key_is_not_touched(subject, alert, malice_inc):
    ours = _raise(subject, alert).incident
    theirs = Subject(organization=malice_inc, alert_key=subject.alert_key, source="grafana")

    with transaction.atomic():
        assert alerts.tell(theirs, OVER, now=T0) is None

    ours.refresh_from_db()
    assert ours.status == "open"


def test_reopening_waits_for_someone_again(subject, alert, bob):
    incident = _raise(subject, alert).incident
    lifecycle.acknowledge(incident, by=bob, now=T0)
    with transaction.atomic():
        alerts.tell(subject, OVER, now=T0)

    later = News(kind=EntryKind.ALERT, key="alert:2", at=T0 + 2 * HOUR, as_of=T0 + 2 * HOUR)
    heard = _raise(subject, alert, later)

    assert heard.effect is Effect.REOPENED
    assert (heard.incident.status, heard.incident.acknowledged_by) == ("open", None)


def test_nothing_is_done_outside_a_transaction(subject, transactional_db):
    with pytest.raises(RuntimeError, match="outside a transaction"):
        alerts.tell(subject, OVER, now=T0)


def test_the_database_refuses_a_second_open_incident_for_one_alert(subject, alert):
    incident = _raise(subject, alert).incident
    incident.pk, incident.number, incident._state.adding = None, 2, True  # noqa: SLF001 -- a copy, which Django makes so
    incident.id = Incident._meta.pk.get_default()  # noqa: SLF001 -- as above

    with pytest.raises(IntegrityError), transaction.atomic():
        incident.save()


def test_a_fact_that_comes_before_what_was_thought_the_first_takes_its_place(subject, alert):
    incident = _raise(subject, alert).incident

    def heard(after: timedelta) -> bool:
        news = News(kind=EntryKind.RESOLVED, key="status:over", at=T0 + after)
        return record(incident, news, source="grafana", now=T0)

    assert [heard(HOUR + 10 * MINUTE), heard(HOUR + 5 * MINUTE), heard(HOUR), heard(HOUR)] == [
        True,
        True,
        True,
        False,
    ]
    assert list(incident.timeline.filter(kind="resolved").values_list("at", flat=True)) == [T0 + HOUR]
    assert TimelineEntry.heard.filter(kind="resolved").count() == 3
