from datetime import timedelta

import pytest

from blametrail.catalog.models import Service
from blametrail.incidents import lifecycle
from blametrail.incidents.lifecycle import AlreadyThere
from blametrail.incidents.models import EntryKind, Incident, IncidentType, Severity, Status, TimelineEntry

MINUTE = timedelta(minutes=1)


@pytest.fixture
def incident(acme, checkout, alice, now) -> Incident:
    return lifecycle.open_by_hand(
        acme,
        service=checkout,
        title="Payments fail",
        severity=Severity.ERROR,
        text="Customers write.",
        started_at=now - 5 * MINUTE,
        by=alice,
        now=now,
    )


@pytest.fixture
def from_sentry(acme, checkout, now) -> Incident:
    return Incident.objects.create(
        organization=acme,
        number=lifecycle.take_number(acme),
        service=checkout,
        title="KeyError",
        type=IncidentType.ISSUE,
        severity=Severity.ERROR,
        alert_key="sentry:c:issue:1",
        started_at=now,
        status_as_of=now,
    )


def _told(incident: Incident) -> list[tuple[str, str]]:
    return list(incident.timeline.order_by("at", "id").values_list("kind", "text"))


def test_an_incident_opened_by_hand_is_open_and_says_who_opened_it_and_why(incident, alice, now):
    assert incident.status == Status.OPEN
    assert (incident.opened_by, incident.opened_at, incident.started_at) == (alice, now, now - 5 * MINUTE)
    entry = incident.timeline.get()
    assert (entry.kind, entry.text, entry.actor, entry.actor_name) == ("opened", "Customers write.", alice, "Alice")


def test_numbers_are_counted_in_each_organization(incident, acme, malice_inc):
    assert incident.number == 1
    assert [lifecycle.take_number(acme), lifecycle.take_number(acme)] == [2, 3]
    assert lifecycle.take_number(malice_inc) == 1


def test_a_service_of_another_organization_is_refused(acme, malice_inc, alice, now):
    theirs = Service.objects.create(organization=malice_inc, name="theirs")

    with pytest.raises(ValueError, match="same organization"):
        lifecycle.open_by_hand(
            acme, service=theirs, title="x", severity="error", text="", started_at=now, by=alice, now=now
        )

    assert not Incident.objects.exists()


def test_acknowledging_says_who_and_when(incident, bob, now):
    lifecycle.acknowledge(incident, by=bob, now=now + MINUTE)

    stored = Incident.objects.get()
    assert (stored.status, stored.acknowledged_by, stored.acknowledged_at) == ("acknowledged", bob, now + MINUTE)
    assert _told(incident)[-1] == (EntryKind.ACKNOWLEDGED, "")


def test_acknowledging_leaves_the_question_of_trouble_to_others(incident, bob, now):
    lifecycle.acknowledge(incident, by=bob, now=now + MINUTE)

    assert incident.status_as_of == now


def test_resolving_says_when(incident, bob, now):
    lifecycle.resolve(incident, by=bob, now=now + MINUTE)

    stored = Incident.objects.get()
    assert (stored.status, stored.resolved_at, stored.status_as_of) == ("resolved", now + MINUTE, now + MINUTE)


def test_a_reopened_incident_waits_for_someone_again(incident, bob, now):
    lifecycle.acknowledge(incident, by=bob, now=now)
    lifecycle.resolve(incident, by=bob, now=now + MINUTE)
    lifecycle.reopen(incident, by=bob, now=now + 2 * MINUTE)

    stored = Incident.objects.get()
    assert (stored.status, stored.acknowledged_by, stored.resolved_at) == ("open", None, None)
    assert [kind for kind, _ in _told(incident)] == ["opened", "acknowledged", "resolved", "reopened"]


def test_a_comment_is_told_with_its_words(incident, bob, now):
    lifecycle.comment(incident, by=bob, text="Rolling back.", now=now + MINUTE)

    assert _told(incident)[-1] == (EntryKind.COMMENT, "Rolling back.")


@pytest.mark.parametrize(
    ("before", "verb", "complaint"),
    [
        ("acknowledged", lifecycle.acknowledge, "Incident #1 is acknowledged already."),
        ("resolved", lifecycle.acknowledge, "Incident #1 is resolved already."),
        ("resolved", lifecycle.resolve, "Incident #1 is resolved already."),
        ("open", lifecycle.reopen, "Incident #1 is open already."),
        ("acknowledged", lifecycle.reopen, "Incident #1 is acknowledged already."),
    ],
)
def test_the_slower_of_two_people_is_told_so(incident, bob, now, before, verb, complaint):
    Incident.objects.update(status=before)  # by someone else: the object in hand does not know

    with pytest.raises(AlreadyThere, match=complaint):
        verb(incident, by=bob, now=now)

    assert TimelineEntry.objects.count() == 1


def test_an_incident_that_another_has_succeeded_stays_resolved(from_sentry, bob, now):
    lifecycle.resolve(from_sentry, by=bob, now=now + MINUTE)
    Incident.objects.create(
        organization=from_sentry.organization,
        number=lifecycle.take_number(from_sentry.organization),
        service=from_sentry.service,
        type=IncidentType.ISSUE,
        severity=Severity.ERROR,
        alert_key=from_sentry.alert_key,
        started_at=now + 2 * MINUTE,
        status_as_of=now + 2 * MINUTE,
    )

    with pytest.raises(AlreadyThere, match="#2 has taken over from #1"):
        lifecycle.reopen(from_sentry, by=bob, now=now + 3 * MINUTE)


def test_a_person_has_the_last_word_even_if_the_senders_clock_runs_ahead(from_sentry, bob, now):
    ahead = now + timedelta(seconds=40)
    Incident.objects.update(status_as_of=ahead)

    lifecycle.resolve(from_sentry, by=bob, now=now)

    assert from_sentry.resolved_at == now
    assert from_sentry.status_as_of > ahead


def test_nothing_is_told_when_the_change_fails(incident, bob, now):
    gone = Incident(pk=incident.pk, organization=incident.organization, number=1)
    Incident.objects.all().delete()

    with pytest.raises(Incident.DoesNotExist):
        lifecycle.resolve(gone, by=bob, now=now)

    assert not TimelineEntry.heard.exists()
