"""What integrations do to incidents: raise an alert, tell news about it, count what it is about.

All in neutral words, and inside the caller's transaction. An incident's timeline holds every fact that was heard, at
the time at which it happened, and its status follows the newest fact that says something about it, whoever said it
and whenever it was heard. So the end does not depend on the order of arrival. The rules, one by one, are in
``docs/decisions/0004-order-and-duplicates.md``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from blametrail.catalog.models import Service
from blametrail.incidents import lifecycle, severity, timeline
from blametrail.incidents.models import (
    EntryKind,
    Incident,
    IncidentType,
    Occurrence,
    Severity,
    Status,
    TimelineEntry,
)
from blametrail.incidents.severity import Extent, Standing
from blametrail.incidents.timeline import News
from blametrail.lib.serialize import serialize
from blametrail.organizations.models import Organization

# Trouble that comes back sooner is the same trouble; later, it is a new incident that names the old one.
SAME_TROUBLE_WITHIN = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The thing outside that an incident is about."""

    organization: Organization
    alert_key: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Alert:
    """What an incident opened for a subject would be."""

    service: Service
    type: IncidentType
    title: str
    started_at: datetime
    external_url: str = ""
    external_label: str = ""


class Effect(Enum):
    """What hearing of something did."""

    OPENED = "opened"
    REOPENED = "reopened"
    RESOLVED = "resolved"
    TOLD = "told"
    OUTDATED = "outdated"  # told, while newer news says otherwise and stands
    REPEATED = "repeated"  # heard before


@dataclass(frozen=True, kw_only=True)
class Heard:
    incident: Incident
    effect: Effect


class Decision(Enum):
    OPEN = "open"
    OPEN_AS_RELAPSE = "open_as_relapse"
    JOIN = "join"


def decide(newest: Incident | None, *, at: datetime, as_of: datetime) -> Decision:
    """Return what to do about trouble of that time, given the newest incident of its subject. Pure."""
    if newest is None:
        return Decision.OPEN
    if newest.status != Status.RESOLVED or newest.resolved_at is None or as_of <= newest.status_as_of:
        return Decision.JOIN
    return Decision.JOIN if at - newest.resolved_at <= SAME_TROUBLE_WITHIN else Decision.OPEN_AS_RELAPSE


def of_its_time(incidents: Sequence[Incident], when: datetime) -> Incident:
    """Return which of a subject's incidents, oldest first, a fact of that moment belongs to. Pure.

    Each lasts until its last status, so that is the first that had not ended by then, or else the newest.
    """
    return next((incident for incident in incidents if when <= incident.status_as_of), incidents[-1])


def raise_alert(subject: Subject, news: News, *, alert: Alert, extent: Extent, now: datetime) -> Heard:
    """Open an incident for the subject, reopen its last one, or join it: one that is open is never doubled."""
    incidents = _incidents_of(subject)
    newest = incidents[-1] if incidents else None
    if decide(newest, at=news.at, as_of=news.belongs_at) is Decision.JOIN:
        return _hear(incidents, subject, news, extent=extent, alert=alert, now=now)
    incident = _open(subject, news, alert=alert, extent=extent, previous=newest, now=now)
    timeline.record(incident, news, source=subject.source, now=now)
    return Heard(incident=incident, effect=Effect.OPENED)


def tell(subject: Subject, news: News, *, extent: Extent | None = None, now: datetime) -> Heard | None:
    """Add news to the subject's incident, which may resolve or reopen it. None if there has never been one."""
    incidents = _incidents_of(subject)
    return _hear(incidents, subject, news, extent=extent or Extent(), alert=None, now=now) if incidents else None


def count(subject: Subject, *, key: str, at: datetime, extent: Extent, now: datetime) -> Heard | None:
    """Count an event of the subject, once however often it is heard of. None if there has never been an incident."""
    incidents = _incidents_of(subject)
    if not incidents:
        return None
    incident = of_its_time(incidents, at)
    _, is_new = Occurrence.objects.get_or_create(incident=incident, key=key, defaults={"at": at})
    if is_new:
        incident.occurrences_counted += 1
    counted = max(extent.occurrences, incident.occurrences_counted)
    _measure(incident, replace(extent, occurrences=counted), source=subject.source, now=now)
    incident.save()
    return Heard(incident=incident, effect=Effect.TOLD if is_new else Effect.REPEATED)


def _incidents_of(subject: Subject) -> list[Incident]:
    serialize(lifecycle.subject_of(subject.organization.pk, subject.alert_key))
    incidents = Incident.objects.of(subject.organization).filter(alert_key=subject.alert_key)
    return list(incidents.select_for_update(no_key=True).order_by("number"))


def _open(
    subject: Subject, news: News, *, alert: Alert, extent: Extent, previous: Incident | None, now: datetime
) -> Incident:
    standing = severity.initial(extent)
    return Incident.objects.create(
        organization=subject.organization,
        number=lifecycle.take_number(subject.organization),
        service=alert.service,
        title=alert.title or "Untitled",
        type=alert.type,
        severity=standing.severity,
        severity_is_set=standing.is_set,
        alert_key=subject.alert_key,
        external_url=alert.external_url,
        external_label=alert.external_label,
        occurrences=standing.occurrences,
        users_affected=standing.users,
        started_at=alert.started_at,
        opened_at=now,
        status_as_of=news.belongs_at,
        previous=previous,
    )


def _hear(
    incidents: Sequence[Incident], subject: Subject, news: News, *, extent: Extent, alert: Alert | None, now: datetime
) -> Heard:
    incident = of_its_time(incidents, news.belongs_at)
    was_resolved = incident.status == Status.RESOLVED
    is_told = timeline.record(incident, news, source=subject.source, now=now)
    if alert is not None:
        _complete(incident, alert)
    if news.assignee_name and not timeline.later(incident, news).exists():
        incident.assignee_name = news.assignee_name
    if not extent.replaces or not timeline.later(incident, news).filter(kind=news.kind).exists():
        _measure(incident, extent, source=subject.source, now=now)
    if incident is incidents[-1]:  # an older one has ended, and another has taken over
        _settle(incident)
    incident.save()
    is_resolved = incident.status == Status.RESOLVED
    if is_resolved != was_resolved:
        return Heard(incident=incident, effect=Effect.RESOLVED if is_resolved else Effect.REOPENED)
    if not is_told:
        return Heard(incident=incident, effect=Effect.REPEATED)
    is_outdated = news.as_of is not None and (news.kind == EntryKind.RESOLVED) != is_resolved
    return Heard(incident=incident, effect=Effect.OUTDATED if is_outdated else Effect.TOLD)


def _complete(incident: Incident, alert: Alert) -> None:
    # Which of several facts came first is chance, so what they say of one thing is brought together.
    incident.started_at = min(incident.started_at, alert.started_at)
    incident.external_url = incident.external_url or alert.external_url
    incident.external_label = incident.external_label or alert.external_label


def _measure(incident: Incident, extent: Extent, *, source: str, now: datetime) -> None:
    before = Standing(
        severity=Severity(incident.severity),
        is_set=incident.severity_is_set,
        occurrences=incident.occurrences,
        users=incident.users_affected,
    )
    standing = severity.after(before, extent)
    incident.severity, incident.severity_is_set = standing.severity, standing.is_set
    incident.occurrences, incident.users_affected = standing.occurrences, standing.users
    if standing.severity != before.severity:
        # Our own doing, so it is told at our time and not among the sender's facts.
        text = f"From {before.severity} to {standing.severity}."
        TimelineEntry.objects.create(
            incident=incident, kind=EntryKind.SEVERITY, text=text, at=now, recorded_at=now, source=source
        )


def _settle(incident: Incident) -> None:
    standing = timeline.standing(incident)
    if standing is None or standing.as_of is None:
        return
    incident.status_as_of = standing.as_of
    if standing.kind == EntryKind.RESOLVED:
        incident.status, incident.resolved_at = Status.RESOLVED, standing.at
    elif incident.status == Status.RESOLVED:
        lifecycle.set_back(incident)
