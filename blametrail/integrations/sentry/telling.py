"""Sentry's facts in the words of incidents: what to tell, when it happened, how bad it is. Pure."""

import hashlib

from blametrail.catalog.models import Service
from blametrail.incidents import severity
from blametrail.incidents.alerts import Alert
from blametrail.incidents.models import EntryKind, IncidentType
from blametrail.incidents.severity import Extent
from blametrail.incidents.timeline import RETRIES_WITHIN, News
from blametrail.integrations.sentry.facts import CommentChanged, ErrorEvent, EventAlert, IssueChanged, MetricAlert
from blametrail.integrations.sentry.models import Connection

_RESOLVED = {
    "in_next_release": "Resolved in Sentry, in the next release.",
    "in_release": "Resolved in Sentry, in a release.",
    "in_commit": "Resolved in Sentry, by a commit.",
    "with_commit": "Resolved in Sentry, by a commit.",
    "with_third_party_app": "Resolved in Sentry, from another tool.",
}
_ARCHIVED = {
    "archived_forever": "Archived in Sentry, for good.",
    "archived_until_escalating": "Archived in Sentry, until it escalates.",
    "archived_until_condition_met": "Archived in Sentry, until a condition is met.",
}
_UNRESOLVED = {
    "regressed": "Came back: a regression, says Sentry.",
    "escalating": "Escalating, says Sentry.",
}
_COMMENT_KINDS = {
    "created": EntryKind.COMMENT,
    "updated": EntryKind.COMMENT_CHANGED,
    "deleted": EntryKind.COMMENT_REMOVED,
}


def issue_key(connection: Connection, issue_id: str) -> str:
    """Return the alert key of a Sentry issue: the same through whichever connection it is heard of.

    An organization may have both an OAuth and an internal connection to one Sentry organization, and is then told
    everything twice.
    """
    return f"{_sentry_organization(connection)}:issue:{issue_id}"


def metric_key(connection: Connection, identifier: str) -> str:
    return f"{_sentry_organization(connection)}:metric:{identifier}"


def _sentry_organization(connection: Connection) -> str:
    # Cut, so that the key fits its column; an organization's id is unique at its host.
    return f"sentry:{connection.host[:60]}:{connection.sentry_organization_id or connection.pk}"


def of_issue(fact: IssueChanged) -> News:
    """Return the news of an issue that was created, resolved, archived, unresolved or assigned."""
    issue, at = fact.issue, fact.happened_at
    if fact.action == "created":
        return News(kind=EntryKind.OPENED, key="created:", at=at, as_of=at, text="New issue in Sentry.")
    if fact.action == "assigned":
        return News(
            kind=EntryKind.ASSIGNED,
            key=f"assignee:{_short_hash(fact.assignee_id, fact.assignee_name)}",
            at=at,
            text=f"Assigned to {fact.assignee_name or 'someone'} in Sentry.",
            actor_name=fact.actor,
            assignee_name=fact.assignee_name,
        )
    kind, text, latest = {
        "resolved": (EntryKind.RESOLVED, _RESOLVED.get(fact.resolution, "Resolved in Sentry."), 999_998),
        "ignored": (EntryKind.RESOLVED, _ARCHIVED.get(issue.substatus, "Archived in Sentry."), 999_998),
        "unresolved": (EntryKind.REOPENED, _UNRESOLVED.get(issue.substatus, "Unresolved again in Sentry."), 999_999),
    }[fact.action]
    return News(
        kind=kind,
        key=f"status:{_short_hash(fact.action, issue.substatus, fact.resolution)}",
        at=at,
        # Sentry writes whole seconds, and what a change follows from, such as the event of a regression, has
        # fractions: so a change holds from the end of its second. In the same one, trouble outweighs its end.
        as_of=at.replace(microsecond=latest),
        text=text,
        actor_name=fact.actor,
    )


def of_event_alert(fact: EventAlert) -> News:
    where = f" in {fact.environment}" if fact.environment else ""
    return News(
        kind=EntryKind.ALERT,
        key=f"alert:{_short_hash(fact.event_id, fact.rule)}",
        at=fact.happened_at,
        as_of=fact.happened_at,
        text=f"Alert rule “{fact.rule or 'without a name'}” fired{where}.",
    )


def of_metric_alert(fact: MetricAlert) -> News:
    text = f"Metric alert “{fact.rule or 'without a name'}” is {fact.action}."
    if fact.action == "resolved":
        # The last that is ever said of this alert, though a retry of what was said before may still come.
        as_of = fact.happened_at + RETRIES_WITHIN
        return News(kind=EntryKind.RESOLVED, key="metric:resolved", at=fact.happened_at, as_of=as_of, text=text)
    return News(
        kind=EntryKind.ALERT,
        key=f"metric:{fact.action}",
        at=fact.happened_at,
        as_of=fact.happened_at,
        text=f"{text} {fact.description}".strip(),
    )


def of_comment(fact: CommentChanged) -> News:
    meaning = _short_hash(fact.action, fact.text if fact.action == "updated" else "")
    return News(
        kind=_COMMENT_KINDS[fact.action],
        key=f"comment-{fact.comment_id}:{meaning}",
        at=fact.happened_at,
        text="" if fact.action == "deleted" else fact.text,
        actor_name=fact.actor,
    )


def alert_of_issue(fact: IssueChanged, *, connection: Connection, service: Service) -> Alert:
    return Alert(
        service=service,
        type=IncidentType.ISSUE,
        title=fact.issue.title,
        started_at=fact.happened_at,
        external_url=_issue_url(connection, fact.issue.id) or fact.issue.url,
        external_label=fact.issue.short_id,
    )


def alert_of_event(fact: EventAlert, *, connection: Connection, service: Service) -> Alert:
    return Alert(
        service=service,
        type=IncidentType.ISSUE,
        title=fact.title,
        started_at=fact.happened_at,
        external_url=_issue_url(connection, fact.issue_id) or fact.web_url,
    )


def alert_of_metric(fact: MetricAlert, *, service: Service) -> Alert:
    return Alert(
        service=service,
        type=IncidentType.METRIC,
        title=fact.rule,
        started_at=min(fact.started_at, fact.happened_at),
        external_url=fact.web_url,
        external_label=f"Metric alert {fact.identifier}",
    )


def extent_of_issue(fact: IssueChanged) -> Extent:
    level = severity.of_level(fact.issue.level)
    return Extent(severity=level, occurrences=fact.issue.count, users=fact.issue.user_count)


def extent_of_event(fact: EventAlert | ErrorEvent) -> Extent:
    named = severity.named(fact.settings.get("severity", "")) if isinstance(fact, EventAlert) else None
    return Extent(severity=named or severity.of_level(fact.level), is_set=named is not None)


def extent_of_metric(fact: MetricAlert) -> Extent:
    """Return the severity that the alert rule names, or else the alert's own level, which goes up and down."""
    named = severity.named(fact.settings.get("severity", ""))
    if named is not None:
        return Extent(severity=named, is_set=True)
    return Extent() if fact.action == "resolved" else Extent(severity=severity.of_level(fact.action), replaces=True)


def occurrence_key(event_id: str) -> str:
    return event_id[:64]


def _issue_url(connection: Connection, issue_id: str) -> str:
    # The address in a payload is missing in some versions and wrong in others, and this form is right in all.
    if not connection.sentry_organization_slug:
        return ""
    return f"{connection.base_url.rstrip('/')}/organizations/{connection.sentry_organization_slug}/issues/{issue_id}/"


def _short_hash(*meaning: str) -> str:
    return hashlib.blake2b("\0".join(meaning).encode(), digest_size=8).hexdigest()
