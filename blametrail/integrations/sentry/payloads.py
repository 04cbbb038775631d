"""Read Sentry's webhooks: any bytes in, a typed fact out, or the reason why there is none."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from blametrail.integrations.sentry import scalars
from blametrail.integrations.sentry.facts import (
    CommentChanged,
    ErrorEvent,
    EventAlert,
    Fact,
    InstallationChanged,
    Issue,
    IssueChanged,
    MetricAlert,
    Project,
    Unknown,
    Unreadable,
    Webhook,
)

# Sentry writes the time as it sends. One far from when we received it comes from a broken clock, or from someone
# playing with a header that no signature covers.
ON_ITS_WAY, CLOCKS_DIFFER = timedelta(days=1), timedelta(hours=1)
TITLE, NAME, SLUG, URL, WORD, TEXT = 300, 200, 100, 1000, 60, 10_000
CLOSED = 2  # a metric alert's status: 1 open, 2 closed, 10 warning, 20 critical
_SLUG_IN_URL = re.compile(r"/projects/[^/]+/([^/]+)/events/")


class _Missing(Exception):
    """Something without which there is no fact."""


class _Envelope(msgspec.Struct):
    action: object = None
    installation: object = None
    data: object = None
    actor: object = None


class _Frame(msgspec.Struct, frozen=True):
    """What every reader needs besides ``data``."""

    resource: str
    action: str
    actor: str
    sender: object
    sent_at: datetime | None
    received_at: datetime


def parse(*, resource: str, headers: Mapping[str, str], body: bytes, received_at: datetime) -> Webhook:
    """Return what the webhook says. Never raises: what cannot be read is Unreadable, with the reason in words."""
    try:
        envelope = msgspec.convert(_decode(body), _Envelope)
    except msgspec.ValidationError as error:
        return _unreadable(resource, f"The body is not what Sentry sends: {error}.")
    except (ValueError, RecursionError) as error:
        return _unreadable(resource, f"The body is not JSON: {error}.")
    frame = _Frame(
        resource=resource,
        action=scalars.text(envelope.action, limit=WORD),
        actor=scalars.text(_object(envelope.actor).get("name"), limit=NAME),
        sender=_object(envelope.installation).get("uuid"),
        sent_at=_sent_at(headers, received_at=received_at),
        received_at=received_at,
    )
    return Webhook(resource=resource, sender=scalars.uuid(frame.sender), fact=_read(frame, _object(envelope.data)))


def _unreadable(resource: str, reason: str) -> Webhook:
    fact = Unreadable(action="", reason=scalars.text(reason, limit=TEXT))
    return Webhook(resource=resource, sender=None, fact=fact)


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        # Half a surrogate pair or NaN is not JSON by the letter, and what people's programs put into their errors.
        return json.loads(body)


def _read(frame: _Frame, data: dict[str, Any]) -> Fact:
    reader = READERS.get((frame.resource, frame.action))
    if reader is None:
        return Unknown(action=frame.action, actor=frame.actor)
    try:
        return reader(frame, data)
    except _Missing as missing:
        return Unreadable(action=frame.action, actor=frame.actor, reason=f"The {frame.resource} has no {missing}.")


def _installation(frame: _Frame, data: dict[str, Any]) -> Fact:
    installation = _object(data.get("installation"))
    organization = _object(installation.get("organization"))
    installation_uuid = scalars.uuid(frame.sender) or scalars.uuid(installation.get("uuid"))
    if installation_uuid is None:
        raise _Missing("installation uuid")
    return InstallationChanged(
        action=frame.action,
        actor=frame.actor,
        installation_uuid=installation_uuid,
        sentry_organization_slug=scalars.text(organization.get("slug"), limit=SLUG),
        sentry_organization_id=scalars.identifier(organization.get("id")),
    )


def _issue_changed(frame: _Frame, data: dict[str, Any]) -> Fact:
    issue = _issue(frame, _object(data.get("issue")))
    assignee = _object(data.get("assignee"))
    return IssueChanged(
        action="ignored" if frame.action == "archived" else frame.action,  # two words of Sentry's for one thing
        actor=frame.actor,
        issue=issue,
        happened_at=issue.first_seen if frame.action == "created" else frame.sent_at or issue.last_seen,
        resolution=scalars.text(data.get("resolution_type"), limit=WORD),
        assignee_id=scalars.identifier(assignee.get("id")) or issue.assignee_id,
        assignee_name=scalars.text(assignee.get("name"), limit=NAME) or issue.assignee_name,
    )


def _issue(frame: _Frame, issue: dict[str, Any]) -> Issue:
    metadata, assigned_to = _object(issue.get("metadata")), _object(issue.get("assignedTo"))
    title = issue.get("title") or metadata.get("title") or metadata.get("type") or issue.get("culprit")
    last_seen = _past(issue.get("lastSeen"), frame)
    return Issue(
        id=_id(issue.get("id"), "id"),
        short_id=scalars.text(issue.get("shortId"), limit=NAME),
        title=scalars.text(title, limit=TITLE),
        level=scalars.text(issue.get("level"), limit=WORD),
        status=scalars.text(issue.get("status"), limit=WORD),
        substatus=scalars.text(issue.get("substatus"), limit=WORD),
        project=_project(_object(issue.get("project"))),
        url=_url(issue.get("web_url")) or _url(issue.get("permalink")),
        count=scalars.number(issue.get("count")),
        user_count=scalars.number(issue.get("userCount")),
        first_seen=_past(issue.get("firstSeen"), frame) or last_seen or frame.sent_at or frame.received_at,
        last_seen=last_seen or frame.sent_at or frame.received_at,
        assignee_id=scalars.identifier(assigned_to.get("id")),
        assignee_name=scalars.text(assigned_to.get("name"), limit=NAME),
    )


def _project(project: dict[str, Any]) -> Project:
    return Project(
        id=scalars.identifier(project.get("id")),
        slug=scalars.text(project.get("slug"), limit=SLUG),
        name=scalars.text(project.get("name"), limit=NAME),
    )


def _event_alert(frame: _Frame, data: dict[str, Any]) -> Fact:
    event, rule = _object(data.get("event")), _object(data.get("issue_alert"))
    return EventAlert(
        action=frame.action,
        actor=frame.actor,
        event_id=_id(event.get("event_id"), "event id"),
        issue_id=_id(event.get("issue_id"), "issue id"),
        project=_project_of_event(event),
        title=scalars.text(event.get("title") or event.get("message") or event.get("culprit"), limit=TITLE),
        level=scalars.text(event.get("level") or _tag(event, "level"), limit=WORD),
        environment=scalars.text(event.get("environment") or _tag(event, "environment"), limit=WORD),
        rule=scalars.text(data.get("triggered_rule") or rule.get("title"), limit=NAME),
        web_url=_url(event.get("web_url")),
        settings=_settings(rule.get("settings")),
        happened_at=_event_time(event, frame),
    )


def _error(frame: _Frame, data: dict[str, Any]) -> Fact:
    event = _object(data.get("error"))
    return ErrorEvent(
        action=frame.action,
        actor=frame.actor,
        event_id=_id(event.get("event_id"), "event id"),
        issue_id=_id(event.get("issue_id"), "issue id"),
        project=_project_of_event(event),
        level=scalars.text(event.get("level") or _tag(event, "level"), limit=WORD),
        happened_at=_event_time(event, frame),
    )


def _project_of_event(event: dict[str, Any]) -> Project:
    # An event says its project's slug nowhere but in its own address.
    address = _SLUG_IN_URL.search(_url(event.get("url")))
    slug = scalars.text(address[1], limit=SLUG) if address else ""
    return Project(id=scalars.identifier(event.get("project")), slug=slug)


def _event_time(event: dict[str, Any], frame: _Frame) -> datetime:
    happened_at = _past(event.get("datetime"), frame) or _past(event.get("timestamp"), frame)
    return happened_at or frame.sent_at or frame.received_at


def _metric_alert(frame: _Frame, data: dict[str, Any]) -> Fact:
    alert = _object(data.get("metric_alert"))
    rule = _object(alert.get("alert_rule"))
    sent_at = frame.sent_at or frame.received_at
    started_at = _past(alert.get("date_started"), frame) or _past(alert.get("date_detected"), frame) or sent_at
    closed_at = _past(alert.get("date_closed"), frame)
    return MetricAlert(
        action=frame.action,
        actor=frame.actor,
        identifier=_id(alert.get("identifier") or alert.get("id"), "identifier"),
        rule=scalars.text(rule.get("name") or alert.get("title"), limit=NAME),
        project_slugs=_slugs(alert.get("projects")) or _slugs(rule.get("projects")),
        environment=scalars.text(rule.get("environment"), limit=WORD),
        description=scalars.text(data.get("description_text"), limit=TEXT),
        web_url=_url(data.get("web_url")),
        settings=_settings_of_actions(rule),
        is_closed=scalars.number(alert.get("status")) == CLOSED,
        started_at=started_at,
        happened_at=(closed_at or sent_at) if frame.action == "resolved" else sent_at,
    )


def _settings_of_actions(rule: dict[str, Any]) -> dict[str, str]:
    # Which of the actions is ours does not show, since our app's numeric id is not ours to know. Those with
    # settings belong to apps with such a form, so the first of them is taken.
    triggers = [_object(trigger) for trigger in _list(rule.get("triggers"))]
    actions = [_object(action) for trigger in triggers for action in _list(trigger.get("actions"))]
    return next(filter(None, (_settings(action.get("settings")) for action in actions)), {})


def _comment(frame: _Frame, data: dict[str, Any]) -> Fact:
    sent_at = frame.sent_at or frame.received_at
    written_at = _past(data.get("timestamp"), frame) or sent_at
    return CommentChanged(
        action=frame.action,
        actor=frame.actor,
        comment_id=_id(data.get("comment_id"), "comment id"),
        issue_id=_id(data.get("issue_id"), "issue id"),
        project=Project(slug=scalars.text(data.get("project_slug"), limit=SLUG)),
        text=scalars.text(data.get("comment"), limit=TEXT),
        # Sentry repeats when the comment was written, whatever was done to it since.
        happened_at=written_at if frame.action == "created" else sent_at,
    )


READERS: dict[tuple[str, str], Callable[[_Frame, dict[str, Any]], Fact]] = {
    **{("installation", action): _installation for action in ("created", "deleted")},
    **{
        ("issue", action): _issue_changed
        for action in ("created", "resolved", "ignored", "archived", "unresolved", "assigned")
    },
    ("event_alert", "triggered"): _event_alert,
    ("error", "created"): _error,
    **{("metric_alert", action): _metric_alert for action in ("critical", "warning", "resolved")},
    **{("comment", action): _comment for action in ("created", "updated", "deleted")},
}


def _sent_at(headers: Mapping[str, str], *, received_at: datetime) -> datetime | None:
    sent_at = scalars.moment(headers.get("sentry-hook-timestamp"))
    if sent_at is None or not received_at - ON_ITS_WAY <= sent_at <= received_at + CLOCKS_DIFFER:
        return None
    return sent_at


def _past(value: object, frame: _Frame) -> datetime | None:
    # A moment in the future would outrank all that is heard until then.
    moment = scalars.moment(value)
    return moment if moment is None else min(moment, frame.received_at + CLOCKS_DIFFER)


def _id(value: object, name: str) -> str:
    id_ = scalars.identifier(value)
    if not id_:
        raise _Missing(name)
    return id_


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _url(value: object) -> str:
    url = scalars.text(value, limit=URL + 1)
    return url if url.startswith(("https://", "http://")) and len(url) <= URL else ""


def _slugs(value: object) -> list[str]:
    return [slug for slug in (scalars.text(item, limit=SLUG) for item in _list(value)) if slug]


def _tag(event: dict[str, Any], name: str) -> object:
    pairs = [pair for pair in _list(event.get("tags")) if isinstance(pair, list) and len(pair) == 2]
    return next((value for key, value in pairs if key == name), None)


def _settings(value: object) -> dict[str, str]:
    pairs = [(_object(item).get("name"), _object(item).get("value")) for item in _list(value)]
    written = {scalars.text(name, limit=WORD): scalars.text(value, limit=NAME) for name, value in pairs}
    return {name: value for name, value in written.items() if name and value}
