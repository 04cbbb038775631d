"""What people do to an incident: acknowledge, resolve, reopen, comment, open by hand."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from blametrail.accounts.models import User
from blametrail.catalog.models import Service
from blametrail.incidents.models import EntryKind, Incident, IncidentType, Severity, Status, TimelineEntry
from blametrail.lib.serialize import serialize
from blametrail.organizations.models import Organization


class AlreadyThere(Exception):
    """Someone else was faster: the incident is in that state already. The message says so in plain words."""


def acknowledge(incident: Incident, *, by: User, now: datetime) -> None:
    """Say that someone is on it. Raises AlreadyThere when it is acknowledged or resolved."""
    with transaction.atomic():
        _lock(incident)
        if incident.status != Status.OPEN:
            raise AlreadyThere(f"Incident #{incident.number} is {incident.status} already.")
        # Whether there is trouble is another question than whether someone is on it: status_as_of stays, or
        # else Sentry's own "resolved" of a minute ago would lose against the acknowledgement.
        _change(incident, status=Status.ACKNOWLEDGED, acknowledged_at=now, acknowledged_by=by)
        _tell(incident, EntryKind.ACKNOWLEDGED, by=by, now=now)


def resolve(incident: Incident, *, by: User, now: datetime) -> None:
    """Say that the trouble is over. Raises AlreadyThere when it is resolved."""
    with transaction.atomic():
        _lock(incident)
        if incident.status == Status.RESOLVED:
            raise AlreadyThere(f"Incident #{incident.number} is resolved already.")
        as_of = _newest(incident, now=now)
        _change(incident, status=Status.RESOLVED, resolved_at=now, status_as_of=as_of)
        _tell(incident, EntryKind.RESOLVED, by=by, now=now, as_of=as_of)


def reopen(incident: Incident, *, by: User, now: datetime) -> None:
    """Say that the trouble is not over. Raises AlreadyThere when it is open, or a later incident has taken over."""
    with transaction.atomic():
        _lock(incident)
        if incident.status != Status.RESOLVED:
            raise AlreadyThere(f"Incident #{incident.number} is {incident.status} already.")
        _refuse_if_succeeded(incident)
        as_of = _newest(incident, now=now)
        set_back(incident)
        incident.status_as_of = as_of
        incident.save()
        _tell(incident, EntryKind.REOPENED, by=by, now=now, as_of=as_of)


def comment(incident: Incident, *, by: User, text: str, now: datetime) -> None:
    """Add a person's words to the timeline."""
    with transaction.atomic():
        _tell(incident, EntryKind.COMMENT, by=by, now=now, text=text)


def open_by_hand(
    organization: Organization,
    *,
    service: Service,
    title: str,
    severity: str,
    text: str,
    started_at: datetime,
    by: User,
    now: datetime,
) -> Incident:
    """Open an incident that nothing but a person has noticed, and return it."""
    if service.organization_id != organization.pk:
        raise ValueError("An incident and its service belong to the same organization.")
    with transaction.atomic():
        incident = Incident.objects.create(
            organization=organization,
            number=take_number(organization),
            service=service,
            title=title,
            type=IncidentType.MANUAL,
            severity=Severity(severity),
            severity_is_set=True,
            started_at=started_at,
            opened_at=now,
            status_as_of=now,
            opened_by=by,
        )
        _tell(incident, EntryKind.OPENED, by=by, now=now, text=text, as_of=now)
    return incident


def set_back(incident: Incident) -> None:
    """Make a resolved incident one that waits for someone; the timeline keeps who had acknowledged it before."""
    incident.status = Status.OPEN
    incident.resolved_at = incident.acknowledged_at = incident.acknowledged_by = None


def take_number(organization: Organization) -> int:
    """Return the number of the organization's next incident; no other transaction gets the same one.

    Must be called inside the transaction that opens the incident, as late as can be: others wait for its end.
    """
    row = Organization.objects.filter(pk=organization.pk)
    row.update(next_incident_number=F("next_incident_number") + 1)
    return row.values_list("next_incident_number", flat=True).get() - 1


def _lock(incident: Incident) -> None:
    # In the same order as the integrations' verbs, first the alert and then the row, so that neither waits for
    # the other in a circle.
    if incident.alert_key:
        serialize(subject_of(incident.organization_id, incident.alert_key))
    incident.refresh_from_db(from_queryset=Incident.objects.select_for_update(no_key=True))


def subject_of(organization_id: object, alert_key: str) -> str:
    """Return what ``serialize`` is called with by everyone who is about to change incidents of one alert."""
    return f"alert:{organization_id}:{alert_key}"


def _refuse_if_succeeded(incident: Incident) -> None:
    # The database would refuse a second open incident for one alert; this says it in words.
    if not incident.alert_key:
        return
    later = Incident.objects.of(incident.organization).filter(
        alert_key=incident.alert_key, number__gt=incident.number
    )
    successor = later.order_by("-number").first()
    if successor is not None:
        raise AlreadyThere(f"Incident #{successor.number} has taken over from #{incident.number}.")


def _newest(incident: Incident, *, now: datetime) -> datetime:
    # A sender's clock may run ahead of ours, and a person's act still comes after what they saw.
    return max(now, incident.status_as_of + timedelta(microseconds=1))


def _change(incident: Incident, **changes: Any) -> None:
    for field, value in changes.items():
        setattr(incident, field, value)
    incident.save(update_fields=list(changes))


def _tell(
    incident: Incident, kind: EntryKind, *, by: User, now: datetime, text: str = "", as_of: datetime | None = None
) -> None:
    TimelineEntry.objects.create(
        incident=incident,
        kind=kind,
        text=text,
        at=now,
        recorded_at=now,
        actor=by,
        actor_name=str(by)[:200],
        as_of=as_of,
    )
