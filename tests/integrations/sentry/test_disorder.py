"""Whatever the order in which webhooks arrive, and however often, the end is that of their true order."""

import random
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection as database
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blametrail.catalog.models import Service
from blametrail.incidents.models import Incident, Occurrence, TimelineEntry
from blametrail.intake import deliveries, processing
from blametrail.intake.models import Delivery, Status
from blametrail.integrations.sentry import processing as sentry
from blametrail.integrations.sentry.models import Connection, SentryApp
from blametrail.jobs import queue
from blametrail.organizations.models import Organization
from tests.integrations.sentry.hooks import (
    Hook,
    comment,
    connected,
    error,
    event_alert,
    issue,
    mapped,
    metric_alert,
    outcomes,
    sentry_app,
    store,
    work_off,
)

T0 = datetime(2026, 11, 23, 9, 0, 0, 250_000, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
RETRIES = (5 * MINUTE, 10 * MINUTE, 15 * MINUTE)
PEOPLE = ("Dana Reyes", "Lee", "Kim")


def _hook(what: str, at: datetime, number: int) -> Hook:
    match what:
        case "alert":
            return event_alert(at, event_id=f"event-{number}", level=("fatal", "error", "warning")[number % 3])
        case "error":
            return error(at, event_id=f"event-{number}")
        case "comment":
            return comment("created", at=at, text=f"Words {number}", id=number)
        case "comment changed":
            return comment("updated", at=at, text=f"Other words {number}", id=1)
        case "comment removed":
            return comment("deleted", at=at, text="", id=1)
        case "assigned":
            assignee = {"type": "user", "id": number, "name": PEOPLE[number % 3]}
            return issue("assigned", at=at, first_seen=T0, assignee=assignee, count=str(40 * number))
    return issue(what, at=at, first_seen=T0, userCount=number)


STATES = {False: ["resolved", "ignored"], True: ["unresolved"]}  # by whether the issue is at an end


@st.composite
def histories(draw: Any) -> list[Hook]:
    """What Sentry sends about one issue, in the order in which it happened, within a day of each other."""
    at, is_over = T0 + 2 * SECOND, False
    history = [issue("created", at=at, first_seen=T0)]
    for number in range(1, draw(st.integers(1, 9))):
        at += timedelta(seconds=draw(st.integers(1, 1_500)), milliseconds=draw(st.integers(0, 999)))
        quiet = ["comment", "comment changed", "comment removed", "assigned", "error"]
        what = draw(st.sampled_from(quiet + 3 * STATES[is_over] + ([] if is_over else ["alert"])))
        is_over = what in STATES[False] if what in {"resolved", "ignored", "unresolved"} else is_over
        history.append(_hook(what, at, number))
    return history


@st.composite
def disorders(draw: Any) -> tuple[list[Hook], list[Hook]]:
    """A history with some of it delivered twice or sent again minutes later; and all of that in another order."""
    history = draw(histories())
    twice = draw(st.lists(st.sampled_from(history), max_size=3))
    sent_again = [
        _again(hook, history, draw(st.sampled_from(RETRIES)))
        for hook in draw(st.lists(st.sampled_from(history), max_size=3))
    ]
    in_order = sorted(history + twice + sent_again, key=lambda hook: hook[2])
    return in_order, draw(st.permutations(in_order))


def _again(hook: Hook, history: Sequence[Hook], later: timedelta) -> Hook:
    """Return the retry, written anew: what is sent for an issue carries the status it has by then."""
    resource, body, at = hook
    if resource != "issue" or body["action"] in {"created", "assigned"}:
        return resource, body, at + later
    before = [other for other in history if other[2] <= at + later and other[0] == "issue"]
    status = next(b["data"]["issue"]["status"] for _, b, _ in reversed(before) if b["action"] != "assigned")
    return resource, body | {"data": {"issue": body["data"]["issue"] | {"status": status}}}, at + later


def _an_empty_acme() -> Organization:
    acme = Organization.objects.create(name="Acme", slug=f"acme-{uuid4().hex[:12]}")
    service = Service.objects.create(organization=acme, name="checkout")
    app = sentry_app(key="main")
    mapped(connected(acme, app), service, project_name="checkout-api")
    return acme


def _sweep_up() -> None:
    for model in (Occurrence, TimelineEntry, Incident, Delivery, Connection, SentryApp, Organization):
        model._base_manager.all().delete()  # noqa: SLF001 -- repeats too, which the manager to show leaves out


def _end() -> dict[str, Any]:
    # SEVERITY entries are told at the time of our noticing, which is a matter of arrival.
    entries = TimelineEntry.objects.exclude(kind="severity")
    columns = ("incident__number", "kind", "text", "at", "as_of", "actor_name")
    incidents = Incident.objects.order_by("number").values(
        *("number", "status", "status_as_of", "resolved_at", "started_at", "severity", "assignee_name"),
        *("occurrences", "occurrences_counted", "users_affected", "external_label", "external_url", "title"),
    )
    return {"incidents": list(incidents), "timeline": sorted(entries.values_list(*columns), key=str)}


def _end_after(hooks: Sequence[Hook]) -> dict[str, Any]:
    _an_empty_acme()
    try:
        for hook in hooks:
            store(hook)
            work_off()
        # What had come before its incident is due again once the incident opens; the sweep finds it.
        work_off()
        return _end()
    finally:
        _sweep_up()


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(disorder=disorders())
def test_the_end_does_not_depend_on_the_order_of_arrival_nor_on_repetition(disorder):
    in_order, shuffled = disorder

    expected = _end_after(in_order)

    assert len(expected["incidents"]) == 1
    assert _end_after(shuffled) == expected


@pytest.mark.django_db
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(history=histories())
def test_repetition_tells_nothing_twice(history):
    seen_again = [(hook[0], hook[1], hook[2]) for hook in history for _ in range(3)]

    assert _end_after(seen_again) == _end_after(history)


METRIC = [
    metric_alert("warning", at=T0 + MINUTE, started_at=T0),
    metric_alert("critical", at=T0 + 7 * MINUTE, started_at=T0),
    metric_alert("warning", at=T0 + 9 * MINUTE, started_at=T0),
    metric_alert("resolved", at=T0 + 30 * MINUTE, started_at=T0),
]


@pytest.mark.django_db
@settings(max_examples=24, deadline=None, suppress_health_check=list(HealthCheck))
@given(shuffled=st.permutations(METRIC))
def test_the_end_of_a_metric_alert_does_not_depend_on_the_order_of_arrival(shuffled):
    assert _end_after(shuffled) == _end_after(METRIC)


def _relapsing() -> list[Hook]:
    day = timedelta(days=1)
    changes = [("resolved", day), ("unresolved", 3 * day), ("resolved", 4 * day), ("unresolved", 9 * day)]
    changed = [issue(action, at=T0 + after, first_seen=T0) for action, after in changes]
    return [issue("created", at=T0 + SECOND, first_seen=T0), *changed]


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(shuffled=st.permutations(_relapsing()))
def test_relapses_in_disorder_end_open_and_tell_each_fact_once(shuffled):
    # How many incidents the days make does depend on the order: one that was announced is never taken back.
    end = _end_after(shuffled)

    assert [incident["status"] for incident in end["incidents"] if incident["status"] != "resolved"] == ["open"]
    assert end["incidents"][-1]["status"] == "open"
    assert sorted(kind for _, kind, *_ in end["timeline"]) == [
        "opened",
        "reopened",
        "reopened",
        "resolved",
        "resolved",
    ]


def _story(number: int) -> list[Hook]:
    """Ten webhooks about one issue, which is resolved in the end."""
    id_, at = str(number), T0 + number * SECOND
    return [
        issue("created", id=id_, at=at, first_seen=at),
        event_alert(at, issue_id=id_, event_id=f"{id_}a"),
        error(at, issue_id=id_, event_id=f"{id_}a"),
        error(at + MINUTE, issue_id=id_, event_id=f"{id_}b"),
        comment("created", at=at + 2 * MINUTE, text="Looking.", id=number, issue_id=number),
        issue("assigned", id=id_, at=at + 3 * MINUTE, first_seen=at, assignee={"name": "Lee"}),
        issue("resolved", id=id_, at=at + 10 * MINUTE, first_seen=at),
        issue("unresolved", id=id_, at=at + 40 * MINUTE, first_seen=at),
        issue("resolved", id=id_, at=at + 80 * MINUTE, first_seen=at),
        issue("resolved", id=id_, at=at + 85 * MINUTE, first_seen=at),
    ]


@pytest.fixture
def idle_queue() -> Iterator[None]:
    """Let the queue's own connection go after the test, or on PostgreSQL the test database cannot be dropped."""
    yield
    queue.huey.storage.close()


def _in_threads(count: int, work: Any) -> None:
    problems: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as problem:  # noqa: BLE001 -- shown by the test, whatever it is
            problems.append(problem)
        finally:
            database.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems


@pytest.mark.django_db(transaction=True)
def test_four_workers_at_once_make_one_complete_incident_of_each_issue(idle_queue):
    _an_empty_acme()
    copies = [hook for number in range(1, 11) for hook in _story(number)] * 2
    random.Random(20261124).shuffle(copies)
    store(*copies)

    _in_threads(4, work_off)
    work_off()  # a delivery let go of when the last worker had already looked

    assert Incident.objects.count() == 10
    assert set(Incident.objects.values_list("status", "occurrences_counted", "assignee_name")) == {
        ("resolved", 2, "Lee")
    }
    assert sorted(Incident.objects.values_list("number", flat=True)) == list(range(1, 11))
    story = ["alert", "assigned", "comment", "opened", "reopened", "resolved", "resolved"]
    for incident in Incident.objects.all():
        assert sorted(incident.timeline.values_list("kind", flat=True)) == story
    assert set(Delivery.objects.values_list("status", flat=True)) == {Status.PROCESSED}


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_open_one_incident_for_an_issue_heard_of_many_times(idle_queue):
    _an_empty_acme()
    rows = store(*[issue("created", at=T0 + SECOND, first_seen=T0)] * 20, *[event_alert(T0, event_id="e")] * 20)

    _in_threads(4, work_off)

    assert Incident.objects.count() == 1
    assert TimelineEntry.heard.count() == 2
    done = outcomes(Delivery.objects.filter(pk__in=[row.pk for row in rows]))
    assert sorted(done) == ["opened", *["repeated"] * 38, "told"]


@pytest.mark.django_db(transaction=True)
def test_a_resolution_that_finds_no_incident_while_another_worker_opens_one_is_not_lost(idle_queue):
    _an_empty_acme()
    Connection.objects.update(last_delivery_at=T0 + MINUTE)  # or this row would be what the other waits for
    [resolved] = store(issue("resolved", at=T0 + MINUTE, first_seen=T0))
    [waiting] = deliveries.claim(limit=1, now=resolved.due_at, lasts=MINUTE)
    store(issue("created", at=T0 + SECOND, first_seen=T0))
    opened = threading.Event()

    def open_meanwhile() -> None:
        processing.work_off(sentry.process, lambda: resolved.due_at)
        opened.set()

    other = threading.Thread(target=_in_threads, args=(1, open_meanwhile))
    with transaction.atomic():
        deliveries.finish(waiting, outcome=sentry.process(waiting), now=resolved.due_at)
        other.start()
        # It has to wait for this transaction's end; were it not to, it would be done by then.
        assert not opened.wait(timeout=1)
    other.join()
    work_off()

    assert Incident.objects.get().status == "resolved"
