from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from blametrail.catalog.models import Service
from blametrail.incidents import lifecycle
from blametrail.incidents.models import Incident, TimelineEntry
from blametrail.intake.models import Delivery, Status
from blametrail.integrations.sentry import replays
from blametrail.integrations.sentry.models import Connection, Mode, ProjectMapping, State, seal
from tests.integrations.sentry.hooks import (
    DANA,
    INSTALLATION,
    comment,
    connected,
    envelope,
    error,
    event_alert,
    issue,
    mapped,
    metric_alert,
    outcomes,
    receive,
    sentry_app,
    store,
    work_off,
)

T0 = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CREATED = issue("created", at=T0 + timedelta(seconds=2), first_seen=T0)


def changed(action: str, after: timedelta, **fields):
    return issue(action, at=T0 + after, first_seen=T0, **fields)


@pytest.fixture
def app(db):
    return sentry_app()


@pytest.fixture
def connection(acme, app) -> Connection:
    return connected(acme, app)


@pytest.fixture
def mapping(connection, checkout) -> ProjectMapping:
    return mapped(connection, checkout)


def told(incident: Incident | None = None) -> list[str]:
    entries = TimelineEntry.objects.filter(incident=incident) if incident else TimelineEntry.objects.all()
    return list(entries.exclude(kind="severity").order_by("at", "id").values_list("kind", flat=True))


def test_a_new_issue_opens_an_incident_on_the_mapped_service(mapping, checkout, acme):
    [delivery] = receive(CREATED)

    incident = Incident.objects.get()
    assert (incident.organization, incident.service, incident.number) == (acme, checkout, 1)
    assert (incident.title, incident.type, incident.severity) == ("KeyError: 'currency'", "issue", "error")
    assert (incident.started_at, incident.status) == (T0, "open")
    assert incident.external_url == "https://sentry.io/organizations/acme-rockets/issues/901/"
    assert incident.external_label == "CHECKOUT-API-901"
    assert (delivery.status, delivery.outcome, delivery.incident_id) == ("processed", "opened", incident.pk)


def test_the_outcome_is_told_in_words_an_admin_understands(mapping, connection, acme):
    [delivery] = receive(CREATED)

    assert delivery.explanation.splitlines() == [
        "Signature valid.",
        "Issue 901 in project checkout-api.",
        "The project is mapped to checkout (production).",
        "Opened incident #1.",
    ]
    assert (delivery.action, delivery.sender, delivery.project) == ("created", str(INSTALLATION), "checkout-api")
    assert (delivery.organization_id, delivery.connection_id) == (acme.pk, connection.pk)
    assert delivery.subject == "sentry:sentry.io:4507001:issue:901"


def test_an_alert_and_an_issue_about_the_same_issue_share_one_incident(mapping):
    assert outcomes(receive(event_alert(T0 + MINUTE), CREATED)) == ["opened", "told"]

    assert Incident.objects.get().started_at == T0
    assert told() == ["opened", "alert"]


def test_one_issue_heard_of_through_two_connections_has_one_incident(mapping, acme, checkout):
    internal = connected(acme, sentry_app(key="other"), installation=uuid4())
    Connection.objects.filter(pk=internal.pk).update(mode="internal", app=None, base_url="https://sentry.io")
    mapped(internal, checkout)

    assert outcomes(receive(CREATED)) == ["opened"]
    assert outcomes(receive(CREATED, endpoint=str(internal.pk))) == ["repeated"]

    assert Incident.objects.count() == 1


@pytest.mark.parametrize("action", ["resolved", "ignored", "archived"])
def test_what_ends_an_issue_resolves_its_incident(mapping, action):
    assert outcomes(receive(CREATED, changed(action, HOUR))) == ["opened", "resolved"]

    incident = Incident.objects.get()
    assert (incident.status, incident.resolved_at) == ("resolved", T0 + HOUR)


def test_an_issue_that_comes_back_within_a_day_reopens_its_incident(mapping):
    rows = receive(CREATED, changed("resolved", HOUR), changed("unresolved", 25 * HOUR))

    assert outcomes(rows) == ["opened", "resolved", "reopened"]
    assert (Incident.objects.get().status, Incident.objects.get().resolved_at) == ("open", None)
    assert told() == ["opened", "resolved", "reopened"]


def test_an_issue_that_comes_back_later_opens_a_new_incident_linked_to_the_old(mapping):
    rows = receive(CREATED, changed("resolved", HOUR), changed("unresolved", 26 * HOUR))

    assert outcomes(rows) == ["opened", "resolved", "opened"]
    old, new = Incident.objects.order_by("number")
    assert (old.status, new.status, new.previous) == ("resolved", "open", old)
    assert new.started_at == T0 + 26 * HOUR


def test_facts_are_told_by_the_incident_of_their_time(mapping):
    receive(CREATED, changed("resolved", HOUR), changed("unresolved", 30 * HOUR), changed("resolved", 31 * HOUR))

    receive(comment("created", at=T0 + 10 * MINUTE, text="Looking."), error(T0 + 30 * HOUR + MINUTE))

    old, new = Incident.objects.order_by("number")
    assert (told(old), told(new)) == (["opened", "comment", "resolved"], ["reopened", "resolved"])
    assert (old.occurrences_counted, new.occurrences_counted) == (0, 1)


def test_a_resolution_that_comes_first_is_applied_when_the_incident_opens(mapping):
    early = receive(changed("resolved", HOUR))
    assert outcomes(early) == ["no_incident"]
    assert (
        early[0].explanation.splitlines()[-1]
        == "There is no incident for it yet. Should one open, this will be applied."
    )

    receive(CREATED)

    assert Incident.objects.get().status == "resolved"
    assert told() == ["opened", "resolved"]
    assert not Delivery.objects.exclude(status=Status.PROCESSED).exists()


def test_a_late_resolution_does_not_undo_a_newer_regression(mapping):
    rows = receive(CREATED, changed("unresolved", 2 * HOUR), changed("resolved", HOUR))

    assert outcomes(rows) == ["opened", "told", "outdated"]
    assert Incident.objects.get().status == "open"
    assert told() == ["opened", "resolved", "reopened"]


@pytest.mark.parametrize("again", [CREATED, changed("resolved", HOUR), event_alert(T0 + MINUTE, event_id="e1")])
def test_hearing_the_same_twice_changes_nothing(mapping, again):
    receive(CREATED, changed("resolved", HOUR), event_alert(T0 + MINUTE, event_id="e1"))
    before = list(TimelineEntry.heard.order_by("id").values())

    assert outcomes(receive(again)) == ["repeated"]

    assert list(TimelineEntry.heard.order_by("id").values()) == before
    assert Incident.objects.get().status == "resolved"


def test_a_retry_with_a_new_time_is_not_told_twice(mapping):
    rows = receive(CREATED, changed("resolved", HOUR), changed("resolved", HOUR + 5 * MINUTE))

    assert outcomes(rows) == ["opened", "resolved", "repeated"]
    assert told() == ["opened", "resolved"]
    assert Incident.objects.get().resolved_at == T0 + HOUR


def test_resolving_again_within_minutes_is_no_retry_if_it_was_reopened_in_between(mapping):
    rows = receive(
        CREATED,
        changed("resolved", HOUR),
        changed("resolved", HOUR + 6 * MINUTE),
        changed("unresolved", HOUR + 3 * MINUTE),
    )

    assert outcomes(rows) == ["opened", "resolved", "repeated", "outdated"]
    assert told() == ["opened", "resolved", "reopened", "resolved"]
    incident = Incident.objects.get()
    assert (incident.status, incident.resolved_at) == ("resolved", T0 + HOUR + 6 * MINUTE)


def test_a_retry_written_anew_after_the_issue_changed_again_is_stale(mapping):
    rows = receive(CREATED, changed("resolved", HOUR, status="unresolved"))

    assert (rows[1].status, rows[1].outcome) == ("ignored", "stale")
    assert Incident.objects.get().status == "open"


def test_a_person_who_resolves_is_not_overruled_by_older_news(mapping, bob):
    receive(event_alert(T0 + MINUTE))
    lifecycle.resolve(Incident.objects.get(), by=bob, now=T0 + HOUR)

    assert outcomes(receive(CREATED, event_alert(T0 + 59 * MINUTE))) == ["outdated", "outdated"]

    assert Incident.objects.get().status == "resolved"


@pytest.mark.parametrize("news", [changed("unresolved", 2 * HOUR), event_alert(T0 + 2 * HOUR)])
def test_a_person_who_resolves_is_overruled_by_newer_trouble(mapping, bob, news):
    receive(CREATED)
    lifecycle.resolve(Incident.objects.get(), by=bob, now=T0 + HOUR)

    assert outcomes(receive(news)) == ["reopened"]


def test_the_retry_of_a_resolution_does_not_undo_a_persons_reopening(mapping, bob):
    receive(CREATED, changed("resolved", HOUR))
    lifecycle.reopen(Incident.objects.get(), by=bob, now=T0 + HOUR + MINUTE)

    receive(changed("resolved", HOUR + 5 * MINUTE))

    assert Incident.objects.get().status == "open"


def test_acknowledging_does_not_keep_sentrys_resolution_out(mapping, bob):
    receive(CREATED)
    lifecycle.acknowledge(Incident.objects.get(), by=bob, now=T0 + 2 * HOUR)

    assert outcomes(receive(changed("resolved", HOUR))) == ["resolved"]


def test_the_newest_assignment_stands_whatever_the_order(mapping):
    to_dana, to_lee = ({"type": "user", "id": 1, "name": name} for name in ("Dana Reyes", "Lee"))

    receive(CREATED, changed("assigned", 2 * HOUR, assignee=to_lee), changed("assigned", HOUR, assignee=to_dana))

    assert Incident.objects.get().assignee_name == "Lee"
    texts = TimelineEntry.objects.filter(kind="assigned").order_by("at").values_list("text", flat=True)
    assert list(texts) == ["Assigned to Dana Reyes in Sentry.", "Assigned to Lee in Sentry."]


def test_the_retry_of_an_assignment_that_has_changed_since_is_stale(mapping):
    dana, lee = ({"type": "user", "id": id_, "name": name} for id_, name in ((1, "Dana Reyes"), (2, "Lee")))
    receive(CREATED, changed("assigned", HOUR, assignee=dana), changed("assigned", HOUR + MINUTE, assignee=lee))

    retry = changed("assigned", HOUR + 5 * MINUTE, assignee=dana, assignedTo=lee | {"id": "2"})

    assert outcomes(receive(retry)) == ["stale"]
    assert Incident.objects.get().assignee_name == "Lee"


def test_comments_are_told_with_their_changes_whatever_the_order(mapping):
    receive(CREATED)
    hooks = [
        comment("deleted", at=T0 + 3 * HOUR, text="Rolling back now."),
        comment("updated", at=T0 + 2 * HOUR, text="Rolling back now."),
        comment("created", at=T0 + HOUR, text="Rolling back."),
    ]

    assert outcomes(receive(*hooks)) == ["told"] * 3

    entries = TimelineEntry.objects.filter(kind__startswith="comment").order_by("at")
    assert list(entries.values_list("kind", "text", "actor_name")) == [
        ("comment", "Rolling back.", "Dana Reyes"),
        ("comment_changed", "Rolling back now.", "Dana Reyes"),
        ("comment_removed", "", "Dana Reyes"),
    ]


def test_errors_are_only_counted_and_each_once(mapping):
    receive(CREATED)

    rows = receive(error(T0 + MINUTE, event_id="a"), error(T0 + MINUTE, event_id="a"), error(T0 + HOUR, event_id="b"))

    assert outcomes(rows) == ["counted", "repeated", "counted"]
    assert Incident.objects.get().occurrences == 2
    assert told() == ["opened"]


def test_an_error_before_its_issue_is_counted_in_the_end(mapping):
    assert outcomes(receive(error(T0, event_id="a"))) == ["no_incident"]

    receive(CREATED)

    assert Incident.objects.get().occurrences_counted == 1


def test_many_affected_people_raise_the_severity_and_that_is_told(mapping):
    receive(CREATED, changed("assigned", HOUR, count="148", userCount=61))

    incident = Incident.objects.get()
    assert (incident.severity, incident.occurrences, incident.users_affected) == ("critical", 148, 61)
    assert incident.timeline.get(kind="severity").text == "From error to critical."


def test_a_severity_named_in_the_alert_rule_wins(mapping):
    receive(event_alert(T0 + MINUTE, level="fatal", settings={"severity": "warning"}), CREATED)

    assert (Incident.objects.get().severity, Incident.objects.get().severity_is_set) == ("warning", True)


def test_a_metric_alert_opens_follows_and_resolves_one_incident(mapping):
    rows = receive(
        metric_alert("warning", at=T0 + MINUTE, started_at=T0),
        metric_alert("critical", at=T0 + 10 * MINUTE, started_at=T0),
        metric_alert("warning", at=T0 + 20 * MINUTE, started_at=T0),
        metric_alert("resolved", at=T0 + HOUR, started_at=T0),
    )

    assert outcomes(rows) == ["opened", "told", "told", "resolved"]
    incident = Incident.objects.get()
    assert (incident.type, incident.title, incident.started_at) == ("metric", "Checkout error rate", T0)
    assert (incident.severity, incident.resolved_at) == ("warning", T0 + HOUR)
    severities = incident.timeline.filter(kind="severity").order_by("recorded_at").values_list("text", flat=True)
    assert list(severities) == ["From warning to critical.", "From critical to warning."]


def test_a_metric_alert_that_is_over_stays_so_whatever_is_sent_again(mapping):
    critical = metric_alert("critical", at=T0 + MINUTE, started_at=T0)
    again = metric_alert("critical", at=T0 + 16 * MINUTE, started_at=T0)

    receive(critical, metric_alert("resolved", at=T0 + 5 * MINUTE, started_at=T0), again)

    assert Incident.objects.get().status == "resolved"


def test_a_person_who_resolves_a_metric_alert_is_overruled_when_it_gets_worse(mapping, bob):
    receive(metric_alert("warning", at=T0 + MINUTE, started_at=T0))
    lifecycle.resolve(Incident.objects.get(), by=bob, now=T0 + 2 * MINUTE)

    assert outcomes(receive(metric_alert("critical", at=T0 + HOUR, started_at=T0))) == ["reopened"]


def test_the_first_mapped_project_of_a_metric_alert_gets_the_incident(mapping):
    [delivery] = receive(metric_alert("critical", at=T0, started_at=T0, projects=["elsewhere", "checkout-api"]))

    assert (delivery.outcome, delivery.project) == ("opened", "checkout-api")


def test_a_project_that_is_not_mapped_opens_nothing_until_it_is_mapped_and_replayed(connection, checkout, now):
    [delivery] = receive(CREATED)
    assert (delivery.status, delivery.outcome) == ("ignored", "not_mapped")

    mapping = mapped(connection, checkout, project_id="")
    assert replays.replay_for_mapping(mapping, now=now) == 1
    work_off()

    assert Incident.objects.count() == 1


def test_an_inactive_mapping_silences_what_would_open_until_it_is_active(mapping, now):
    ProjectMapping.objects.update(is_active=False)
    rows = receive(CREATED, event_alert(T0), changed("unresolved", HOUR), changed("resolved", 2 * HOUR))
    assert outcomes(rows) == ["mapping_inactive"] * 4

    ProjectMapping.objects.update(is_active=True)
    assert replays.replay_for_mapping(mapping, now=now) == 4
    work_off()

    assert Incident.objects.get().status == "resolved"


def test_an_incident_still_resolves_after_its_mapping_is_gone(mapping):
    receive(CREATED)
    ProjectMapping.objects.all().delete()

    assert outcomes(receive(changed("resolved", HOUR))) == ["resolved"]


def test_a_typed_slug_learns_the_projects_id_and_name(connection, checkout):
    typed = mapped(connection, checkout, project_id="")

    receive(CREATED)

    typed.refresh_from_db()
    assert (typed.project_id, typed.project_name) == ("4507123456", "checkout-api")


def test_a_renamed_project_keeps_its_mapping_and_shows_its_new_name(mapping):
    renamed = {"id": "4507123456", "slug": "pay", "name": "Pay"}

    assert outcomes(receive(issue("created", at=T0, first_seen=T0, project=renamed))) == ["opened"]

    mapping.refresh_from_db()
    assert (mapping.project_slug, mapping.project_name) == ("pay", "Pay")


def test_another_project_under_an_old_slug_does_not_inherit_its_mapping(mapping):
    newcomer = {"id": "777", "slug": "checkout-api", "name": "New"}

    assert outcomes(receive(issue("created", at=T0, first_seen=T0, project=newcomer))) == ["not_mapped"]


def test_the_same_issue_number_in_two_connections_is_two_incidents(mapping, malice_inc):
    other_app = sentry_app(key="other")
    theirs = connected(malice_inc, other_app, installation=UUID(int=1))
    mapped(theirs, Service.objects.create(organization=malice_inc, name="x"))
    resource, body, at = CREATED

    receive(CREATED)
    receive((resource, body | {"installation": {"uuid": str(UUID(int=1))}}, at), endpoint="other")

    assert {incident.organization.slug for incident in Incident.objects.all()} == {"acme", "malice-inc"}


def test_one_apps_secret_does_not_speak_for_another_apps_installation(mapping):
    sentry_app(key="other")

    [delivery] = receive(CREATED, endpoint="other")

    assert (delivery.outcome, delivery.organization_id) == ("unknown_installation", None)
    assert not Incident.objects.exists()


def test_an_internal_integration_is_known_by_its_address(acme, checkout):
    connection = Connection(organization=acme, mode=Mode.INTERNAL, base_url="https://sentry.io")
    connection.client_secret_sealed = seal(connection, "client_secret_sealed", "s")
    connection.save()
    mapped(connection, checkout)

    [delivery] = receive(CREATED, endpoint=str(connection.pk))

    assert (delivery.outcome, delivery.connection_id) == ("opened", connection.pk)


def test_a_webhook_of_an_installation_nobody_connected_is_kept_with_its_sender(app):
    [delivery] = receive(CREATED)

    assert (delivery.status, delivery.outcome, delivery.sender) == (
        "ignored",
        "unknown_installation",
        str(INSTALLATION),
    )


def test_a_disconnected_connection_still_opens_incidents(mapping):
    Connection.objects.update(state=State.DISCONNECTED)

    assert outcomes(receive(CREATED)) == ["opened"]


def _installation(action: str):
    data = {"installation": {"uuid": str(INSTALLATION), "organization": {"slug": "acme-rockets", "id": 4507001}}}
    return "installation", envelope(action, data, actor=DANA), T0


def test_an_installation_that_nobody_claimed_is_kept_as_such(app):
    [delivery] = receive(_installation("created"))

    assert (delivery.outcome, delivery.sender) == ("unclaimed_installation", str(INSTALLATION))


def test_an_installation_that_is_connected_is_recognized(connection):
    [delivery] = receive(_installation("created"))

    assert (delivery.status, delivery.outcome) == ("processed", "installed")


def test_removing_the_integration_in_sentry_disconnects(connection):
    [delivery] = receive(_installation("deleted"))

    connection.refresh_from_db()
    assert (connection.state, connection.disconnect_reason) == ("disconnected", "removed")
    assert delivery.explanation.endswith("by Dana Reyes. Disconnected Acme Rockets.")


def test_an_unknown_kind_is_kept_and_said_to_be_unknown(connection):
    [delivery] = receive(("seer", envelope("root_cause_started", {}), T0))

    assert (delivery.status, delivery.outcome) == ("ignored", "unknown_kind")
    assert delivery.explanation.endswith("BlameTrail does nothing with seer.root_cause_started.")


def test_what_cannot_be_read_fails_with_the_reason(connection):
    [delivery] = receive(("issue", envelope("created", {"issue": {"title": "no id"}}), T0))

    assert (delivery.status, delivery.outcome) == ("failed", "unreadable")
    assert delivery.explanation.endswith("The issue has no id.")


def test_the_last_delivery_is_noted_at_most_twice_a_minute(connection):
    arrived = timedelta(seconds=1)
    receive(("x", envelope("a", {}), T0), ("x", envelope("a", {}), T0 + timedelta(seconds=20)))
    connection.refresh_from_db()
    assert connection.last_delivery_at == T0 + arrived

    receive(("x", envelope("a", {}), T0 + MINUTE))
    connection.refresh_from_db()
    assert connection.last_delivery_at == T0 + MINUTE + arrived


def test_replaying_processed_deliveries_changes_nothing(mapping, now):
    receive(CREATED, event_alert(T0 + MINUTE), changed("resolved", HOUR), changed("unresolved", 2 * HOUR))
    before = list(TimelineEntry.heard.order_by("id").values())

    assert replays.replay(Delivery.objects.all(), now=now) == 4
    work_off()

    assert list(TimelineEntry.heard.order_by("id").values()) == before
    assert not Delivery.objects.exclude(outcome="repeated").exists()


def test_one_new_issue_costs_a_bounded_number_of_queries(mapping, django_assert_max_num_queries):
    store(CREATED)

    with django_assert_max_num_queries(40):
        work_off()
