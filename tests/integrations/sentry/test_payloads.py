import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blametrail.integrations.sentry import payloads, scalars
from blametrail.integrations.sentry.facts import (
    CommentChanged,
    ErrorEvent,
    EventAlert,
    Fact,
    InstallationChanged,
    IssueChanged,
    MetricAlert,
    Unknown,
    Unreadable,
    Webhook,
)
from tests.integrations.sentry.hooks import (
    INSTALLATION,
    Hook,
    body_of,
    comment,
    envelope,
    error,
    event_alert,
    issue,
    metric_alert,
)

SENT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
RECEIVED = SENT + timedelta(seconds=1)
FIRST_SEEN = datetime(2026, 11, 22, 9, 14, 3, 120_000, tzinfo=UTC)


def parse(resource: str, body: bytes | dict[str, Any], *, sent: str | None = None) -> Webhook:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"sentry-hook-timestamp": str(int(SENT.timestamp())) if sent is None else sent}
    return payloads.parse(resource=resource, headers=headers, body=raw, received_at=RECEIVED)


def fact_of(hook: Hook, *, sent: str | None = None) -> Any:
    return parse(hook[0], body_of(hook), sent=sent).fact


def issue_with(action: str = "resolved", **fields: Any) -> IssueChanged:
    fact = fact_of(issue(action, at=SENT, first_seen=FIRST_SEEN, **fields))
    assert isinstance(fact, IssueChanged)
    return fact


def test_an_issue_is_read_in_full():
    fact = issue_with(
        "assigned", assignee={"type": "user", "name": "Dana Reyes", "id": 1042}, count="148", userCount=61
    )

    assert (fact.action, fact.actor, fact.assignee_name, fact.assignee_id) == (
        "assigned",
        "Dana Reyes",
        "Dana Reyes",
        "1042",
    )
    read = fact.issue
    assert (read.id, read.short_id, read.title, read.level) == (
        "901",
        "CHECKOUT-API-901",
        "KeyError: 'currency'",
        "error",
    )
    assert (read.project.id, read.project.slug, read.project.name) == ("4507123456", "checkout-api", "checkout-api")
    assert (read.count, read.user_count, read.first_seen) == (148, 61, FIRST_SEEN)


def test_the_sender_is_the_installation():
    assert parse("seer", envelope("x", {})).sender == INSTALLATION


def test_a_new_issue_happened_when_it_was_first_seen_and_a_change_when_it_was_sent():
    assert issue_with("created").happened_at == FIRST_SEEN
    assert issue_with("resolved").happened_at == SENT


@pytest.mark.parametrize(
    "sent", ["", "soon", "0", "1e400", "-1", "99999999999999", str(int(SENT.timestamp()) + 7200)]
)
def test_a_time_of_sending_that_cannot_be_is_not_believed(sent):
    fact = fact_of(issue("resolved", at=SENT, first_seen=FIRST_SEEN), sent=sent)

    assert fact.happened_at == FIRST_SEEN  # when it was last seen


@pytest.mark.parametrize(
    "written", ["2026-11-22T09:14:03.120000Z", "2026-11-22T09:14:03.120000+00:00", "2026-11-22T10:14:03.12+01:00"]
)
def test_both_generations_of_dates_are_read(written):
    assert issue_with("created", firstSeen=written).happened_at == FIRST_SEEN


def test_a_moment_in_the_future_does_not_outrank_all_that_follows():
    assert issue_with("created", firstSeen="2099-01-01T00:00:00Z").happened_at == RECEIVED + payloads.CLOCKS_DIFFER


def test_archived_and_ignored_are_one_thing():
    assert issue_with("archived").action == "ignored"


@pytest.mark.parametrize(
    ("action", "status", "is_stale"),
    [
        ("resolved", "resolved", False),
        ("resolved", "unresolved", True),
        ("resolved", "ignored", True),
        ("resolved", "", False),
        ("ignored", "unresolved", True),
        ("unresolved", "resolved", True),
        ("created", "resolved", False),
        ("assigned", "resolved", False),
    ],
)
def test_a_change_that_the_issue_no_longer_shows_is_stale(action, status, is_stale):
    assert issue_with(action, status=status).is_stale is is_stale


@pytest.mark.parametrize(
    ("now", "is_stale"), [({"id": "2", "name": "Lee"}, True), ({"id": "1", "name": "dana"}, False), (None, False)]
)
def test_an_assignment_to_someone_who_no_longer_has_it_is_stale(now, is_stale):
    assert issue_with("assigned", assignee={"id": 1, "name": "Dana Reyes"}, assignedTo=now).is_stale is is_stale


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"permalink": None}, ""),
        ({"permalink": "https://acme.sentry.io/issues/1/"}, "https://acme.sentry.io/issues/1/"),
        ({"permalink": "https://old/", "web_url": "https://new/"}, "https://new/"),
        ({"permalink": "javascript:alert(1)"}, ""),
        ({"permalink": "https://" + "x" * 1000}, ""),
    ],
)
def test_the_link_to_an_issue_is_a_web_address_or_nothing(fields, url):
    assert issue_with(**fields).issue.url == url


@pytest.mark.parametrize(
    ("given_count", "count"), [("148", 148), (148, 148), ("-3", 0), ("many", 0), (10**30, 2_147_483_647), (None, 0)]
)
def test_counts_are_read_from_numbers_and_words_and_bounded(given_count, count):
    assert issue_with(count=given_count).issue.count == count


@pytest.mark.parametrize(
    ("given_title", "title"),
    [("a\0b", "ab"), ("x" * 400, "x" * 300), ("half \ud83d pair", "half ? pair"), (None, "KeyError"), ({"a": 1}, "")],
)
def test_titles_are_made_fit_to_be_stored(given_title, title):
    assert issue_with(title=given_title, metadata={"type": "KeyError"}).issue.title == title


def test_an_event_alert_is_read_with_its_rule_and_settings():
    fact = fact_of(event_alert(FIRST_SEEN, event_id="e1", settings={"severity": "critical", "service": "checkout"}))

    assert isinstance(fact, EventAlert)
    assert (fact.event_id, fact.issue_id, fact.rule, fact.environment) == (
        "e1",
        "901",
        "Checkout errors",
        "production",
    )
    assert (fact.project.id, fact.project.slug, fact.level) == ("4507123456", "checkout-api", "error")
    assert fact.settings == {"severity": "critical", "service": "checkout"}
    assert fact.happened_at == FIRST_SEEN


def test_what_an_event_says_only_in_its_tags_is_read_from_there():
    tags = [["level", "fatal"], ["environment", "staging"], "odd", ["three", "items", "here"]]

    fact = fact_of(event_alert(FIRST_SEEN, level=None, environment=None, tags=tags))

    assert (fact.level, fact.environment) == ("fatal", "staging")


def test_an_event_without_a_date_is_dated_by_its_seconds():
    fact = fact_of(error(FIRST_SEEN, datetime=None, timestamp=FIRST_SEEN.timestamp()))

    assert isinstance(fact, ErrorEvent)
    assert fact.happened_at == FIRST_SEEN


def test_a_metric_alert_is_read_with_its_times():
    started_at = SENT - timedelta(minutes=9)

    critical = fact_of(metric_alert("critical", at=SENT, started_at=started_at))
    resolved = fact_of(metric_alert("resolved", at=SENT - timedelta(seconds=4), started_at=started_at))

    assert isinstance(critical, MetricAlert)
    assert (critical.identifier, critical.rule, critical.project_slugs) == (
        "58",
        "Checkout error rate",
        ["checkout-api"],
    )
    assert (critical.started_at, critical.happened_at, critical.is_stale) == (started_at, SENT, False)
    assert (resolved.happened_at, resolved.is_stale) == (SENT - timedelta(seconds=4), False)


def test_a_metric_alert_that_was_over_when_sent_is_stale():
    assert fact_of(metric_alert("critical", at=SENT, started_at=SENT, status=2)).is_stale


def test_the_settings_of_a_metric_alert_are_found_in_any_trigger():
    ours = {"actions": [{"type": "email"}, {"settings": [{"name": "severity", "value": "warning"}]}]}
    rule = {"name": "Rate", "triggers": [{"actions": []}, ours]}

    assert fact_of(metric_alert("critical", at=SENT, started_at=SENT, alert_rule=rule)).settings == {
        "severity": "warning"
    }


def test_a_comment_happened_when_it_was_written_and_its_change_when_that_was_sent():
    written = comment("created", at=FIRST_SEEN, text="Hm.")
    changed = comment("updated", at=FIRST_SEEN, text="Aha.")

    assert isinstance(fact_of(written), CommentChanged)
    assert (fact_of(written).happened_at, fact_of(changed).happened_at) == (FIRST_SEEN, SENT)
    assert (fact_of(written).comment_id, fact_of(written).issue_id) == ("3405", "901")


@pytest.mark.parametrize(
    ("organization", "id_"), [({"slug": "acme", "id": 4507001}, "4507001"), ({"slug": "acme"}, "")]
)
def test_both_generations_of_installations_are_read(organization, id_):
    data = {"installation": {"uuid": str(INSTALLATION), "organization": organization}}

    fact = parse("installation", envelope("created", data)).fact

    assert isinstance(fact, InstallationChanged)
    assert (fact.installation_uuid, fact.sentry_organization_slug) == (INSTALLATION, "acme")
    assert fact.sentry_organization_id == id_


@pytest.mark.parametrize(
    ("resource", "action"), [("seer", "pr_created"), ("issue", "deleted"), ("unknown", ""), ("", ""), ("issue", "")]
)
def test_kinds_that_mean_nothing_here_are_unknown(resource, action):
    fact = parse(resource, envelope(action, {})).fact

    assert (type(fact), fact.action) == (Unknown, action)


@pytest.mark.parametrize(
    ("resource", "action", "data", "reason"),
    [
        ("issue", "created", {}, "The issue has no id."),
        ("issue", "created", {"issue": {"id": "x" * 41}}, "The issue has no id."),
        ("issue", "created", {"issue": {"id": True}}, "The issue has no id."),
        ("issue", "created", {"issue": [1]}, "The issue has no id."),
        ("error", "created", {"error": {"event_id": "a"}}, "The error has no issue id."),
        ("event_alert", "triggered", {"event": {"issue_id": 1}}, "The event_alert has no event id."),
        ("metric_alert", "critical", {"metric_alert": None}, "The metric_alert has no identifier."),
        ("comment", "created", {"issue_id": 1}, "The comment has no comment id."),
    ],
)
def test_a_fact_without_what_makes_it_one_is_unreadable(resource, action, data, reason):
    fact = parse(resource, envelope(action, data)).fact

    assert isinstance(fact, Unreadable)
    assert fact.reason == reason


def test_an_installation_without_a_uuid_is_unreadable():
    fact = parse("installation", {"action": "created", "data": {}}).fact

    assert fact == Unreadable(action="created", reason="The installation has no installation uuid.")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "The body is not JSON"),
        (b"\xff\xfe", "The body is not JSON"),
        (b"[" * 200_000, "The body is not JSON"),
        (b'{"a":' + b"9" * 5_000 + b"}", "The body is not JSON"),
        (b"[1]", "The body is not what Sentry sends"),
        (b"null", "The body is not what Sentry sends"),
    ],
)
def test_what_is_no_webhook_at_all_is_unreadable(body, reason):
    fact = parse("issue", body).fact

    assert isinstance(fact, Unreadable)
    assert fact.reason.startswith(reason)


def test_half_a_surrogate_pair_and_nan_do_not_make_a_body_unreadable():
    body = b'{"action":"created","data":{"issue":{"id":"1","title":"\\ud83d","count":NaN}}}'

    fact = parse("issue", body).fact

    assert isinstance(fact, IssueChanged)
    assert (fact.issue.title, fact.issue.count) == ("?", 0)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.datetimes().map(str)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner)
)
KINDS = st.sampled_from(sorted(payloads.READERS))


def _parts(value: object) -> list[object]:
    """Return the single values in a fact."""
    if isinstance(value, msgspec.Struct):
        return [part for field in value.__struct_fields__ for part in _parts(getattr(value, field))]
    if isinstance(value, dict):
        return _parts([*value.keys(), *value.values()])
    return [part for item in value for part in _parts(item)] if isinstance(value, list) else [value]


def _is_storable(value: object) -> bool:
    """Test whether both databases take the value."""
    if isinstance(value, str):
        return "\0" not in value and value.encode(errors="replace").decode() == value
    if isinstance(value, datetime):
        return value.tzinfo is not None and value <= RECEIVED + payloads.CLOCKS_DIFFER
    return value is None or isinstance(value, bool | UUID) or 0 <= value <= scalars.LARGEST


@given(resource=st.text(max_size=12) | st.sampled_from(["issue", "error", "comment"]), body=st.binary(max_size=200))
@example(resource="issue", body=b'{"action":"created"}')
def test_any_bytes_are_read_to_a_fact(resource, body):
    assert isinstance(parse(resource, body).fact, Fact)


@given(kind=KINDS, sent=st.text(max_size=12), rest=ANYTHING)
def test_any_json_in_the_place_of_a_payload_is_read_to_a_fact(kind, sent, rest):
    resource, action = kind
    body = {"action": action, "data": rest, "installation": rest, "actor": rest}

    assert all(map(_is_storable, _parts(parse(resource, body, sent=sent))))


GOOD = [
    issue("created", at=SENT, first_seen=FIRST_SEEN, assignedTo={"id": "1", "name": "Lee"}),
    issue("assigned", at=SENT, first_seen=FIRST_SEEN, assignee={"id": 1, "name": "Lee"}),
    event_alert(FIRST_SEEN, settings={"severity": "error"}),
    error(FIRST_SEEN),
    comment("updated", at=SENT, text="Hm."),
    metric_alert("critical", at=SENT, started_at=FIRST_SEEN),
]


def _places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path to everything inside the value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in items for place in _places(inner, (*path, key)))]


def _with(value: Any, path: tuple[Any, ...], replacement: object) -> Any:
    if not path:
        return replacement
    copy = value.copy()
    copy[path[0]] = _with(value[path[0]], path[1:], replacement)
    return copy


@given(data=st.data(), hook=st.sampled_from(GOOD), replacement=ANYTHING)
def test_a_real_payload_with_anything_in_any_place_is_read_to_a_fact(data, hook, replacement):
    resource, body, _ = hook
    place = data.draw(st.sampled_from(_places(body)))

    assert all(map(_is_storable, _parts(parse(resource, _with(body, place, replacement)))))
