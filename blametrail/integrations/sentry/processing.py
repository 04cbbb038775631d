"""From a stored webhook to its effect: read it, find whose it is, and make the one call that it asks for."""

import dataclasses
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from blametrail.incidents import alerts
from blametrail.incidents.alerts import Effect, Heard, Subject
from blametrail.incidents.models import Incident
from blametrail.incidents.severity import Extent
from blametrail.incidents.timeline import News
from blametrail.intake import deliveries
from blametrail.intake.deliveries import Outcome
from blametrail.intake.models import Delivery, Status
from blametrail.integrations.sentry import disconnecting, payloads, routing, telling
from blametrail.integrations.sentry.facts import (
    CommentChanged,
    ErrorEvent,
    EventAlert,
    Fact,
    InstallationChanged,
    IssueChanged,
    MetricAlert,
    Project,
    Unknown,
    Unreadable,
    Webhook,
)
from blametrail.integrations.sentry.models import Connection, ProjectMapping

SOURCE = "sentry"
NO_INCIDENT = "no_incident"
# So that many webhooks at once do not queue up for one row only to say the same of it.
LAST_DELIVERY_KEPT_FOR = timedelta(seconds=30)


@dataclass
class Report:
    """What is known of the delivery so far, for its row and, line by line, for an admin."""

    resource: str
    action: str
    sender: str
    connection: Connection | None = None
    subject: str = ""
    project: str = ""
    lines: list[str] = field(default_factory=lambda: ["Signature valid."])

    def processed(self, outcome: str, *lines: str, incident: Incident | None = None) -> Outcome:
        return self._outcome(Status.PROCESSED, outcome, lines, incident_id=incident.pk if incident else None)

    def ignored(self, outcome: str, *lines: str) -> Outcome:
        return self._outcome(Status.IGNORED, outcome, lines)

    def failed(self, outcome: str, *lines: str) -> Outcome:
        return self._outcome(Status.FAILED, outcome, lines)

    def _outcome(self, status: Status, outcome: str, lines: tuple[str, ...], **more: Any) -> Outcome:
        return Outcome(
            status=status,
            outcome=outcome,
            explanation=[*self.lines, *lines],
            action=self.action,
            sender=self.sender,
            subject=self.subject,
            project=self.project,
            organization_id=self.connection.organization_id if self.connection else None,
            connection_id=self.connection.pk if self.connection else None,
            **more,
        )


@dataclass(frozen=True)
class Case:
    """A fact about an issue or alert of a connection, with the mapping of its project, if there is one."""

    report: Report
    connection: Connection
    mapping: ProjectMapping | None
    subject: Subject
    now: datetime


def process(delivery: Delivery) -> Outcome:
    """Do what the webhook asks for, once however often it came, and say what was done.

    Called inside the transaction that also records the outcome.
    """
    now = timezone.now()
    webhook = payloads.parse(
        resource=delivery.resource,
        headers=delivery.headers,
        body=deliveries.body_of(delivery),
        received_at=delivery.received_at,
    )
    connection = routing.connection_of(endpoint=delivery.endpoint, sender=webhook.sender)
    report = Report(
        resource=webhook.resource,
        action=webhook.fact.action,
        sender=str(webhook.sender or ""),
        connection=connection,
    )
    outcome = _outcome(report, webhook, now=now)
    if connection is not None:
        _note_arrival(connection, received_at=delivery.received_at)
    return outcome


def _note_arrival(connection: Connection, *, received_at: datetime) -> None:
    # Last of all, since from here to the end of the transaction others may have to wait for this row.
    before = Q(last_delivery_at=None) | Q(last_delivery_at__lt=received_at - LAST_DELIVERY_KEPT_FOR)
    known = connection.last_delivery_at
    if known is None or known < received_at - LAST_DELIVERY_KEPT_FOR:
        Connection.objects.filter(before, pk=connection.pk).update(last_delivery_at=received_at)


def _outcome(report: Report, webhook: Webhook, *, now: datetime) -> Outcome:
    fact, connection = webhook.fact, report.connection
    if isinstance(fact, Unreadable):
        # Not ignored: it may matter, and can be replayed once a newer BlameTrail understands it.
        return report.failed("unreadable", fact.reason)
    if isinstance(fact, InstallationChanged):
        return _installation(report, fact, now=now)
    if connection is None:
        return report.ignored("unknown_installation", f"No connection here belongs to installation {report.sender}.")
    if isinstance(fact, Unknown):
        kind = f"{webhook.resource}.{fact.action}" if fact.action else webhook.resource
        return report.ignored("unknown_kind", f"BlameTrail does nothing with {kind}.")
    return _about(report, connection, fact, now=now)


def _installation(report: Report, fact: InstallationChanged, *, now: datetime) -> Outcome:
    connection, slug = report.connection, fact.sentry_organization_slug or "unknown"
    if fact.action == "created":
        if connection is None:
            line = f"Installed in Sentry organization {slug}. Nobody here has connected it yet."
            return report.ignored("unclaimed_installation", line)
        return report.processed("installed", f"Installed in Sentry organization {slug}, which is connected here.")
    if connection is None:
        line = f"Removed from Sentry organization {slug}. It was not connected here, or no longer."
        return report.ignored("unknown_installation", line)
    disconnecting.removed_in_sentry(connection, actor_name=fact.actor, now=now)
    by = f" by {fact.actor}" if fact.actor else ""
    return report.processed("uninstalled", f"Removed from Sentry organization {slug}{by}. Disconnected {connection}.")


def _about(report: Report, connection: Connection, fact: Fact, *, now: datetime) -> Outcome:
    match fact:
        case IssueChanged():
            case = _case(report, connection, issue_id=fact.issue.id, project=fact.issue.project, now=now)
            return _issue(case, fact)
        case EventAlert():
            case = _case(report, connection, issue_id=fact.issue_id, project=fact.project, now=now)
            return _event_alert(case, fact)
        case ErrorEvent():
            case = _case(report, connection, issue_id=fact.issue_id, project=fact.project, now=now)
            return _error(case, fact)
        case CommentChanged():
            case = _case(report, connection, issue_id=fact.issue_id, project=fact.project, now=now)
            return _hear(case, telling.of_comment(fact))
        case MetricAlert():
            return _metric_alert(_metric_case(report, connection, fact, now=now), fact)
    raise TypeError(f"There is no rule for {type(fact).__name__}.")


def _case(report: Report, connection: Connection, *, issue_id: str, project: Project, now: datetime) -> Case:
    mapping = routing.mapping_of(connection, project)
    if mapping is not None:
        routing.learn(mapping, project)
    report.subject = telling.issue_key(connection, issue_id)
    report.project = project.slug or (mapping.project_slug if mapping else project.id)
    report.lines.append(f"Issue {issue_id} in project {report.project or 'unknown'}.")
    return _case_of(report, connection, mapping, now=now)


def _metric_case(report: Report, connection: Connection, fact: MetricAlert, *, now: datetime) -> Case:
    mappings = [routing.mapping_of(connection, Project(slug=slug)) for slug in fact.project_slugs]
    found = [mapping for mapping in mappings if mapping is not None]
    mapping = next((mapping for mapping in found if mapping.is_active), found[0] if found else None)
    report.subject = telling.metric_key(connection, fact.identifier)
    report.project = mapping.project_slug if mapping else ", ".join(fact.project_slugs)
    report.lines.append(f"Metric alert {fact.identifier} on project {', '.join(fact.project_slugs) or 'unknown'}.")
    return _case_of(report, connection, mapping, now=now)


def _case_of(report: Report, connection: Connection, mapping: ProjectMapping | None, *, now: datetime) -> Case:
    if mapping is not None and mapping.is_active:
        report.lines.append(f"The project is mapped to {mapping.service}.")
    subject = Subject(organization=connection.organization, alert_key=report.subject, source=SOURCE)
    return Case(report=report, connection=connection, mapping=mapping, subject=subject, now=now)


def _issue(case: Case, fact: IssueChanged) -> Outcome:
    if fact.is_stale:
        line = f"A retry of “{fact.action}”: by the time it was sent, the issue had changed again."
        return case.report.ignored("stale", line)
    news, extent = telling.of_issue(fact), telling.extent_of_issue(fact)
    if fact.action not in {"created", "unresolved"}:
        return _hear(case, news, extent=extent)
    if case.mapping is None or not case.mapping.is_active:
        return _silent(case)
    alert = telling.alert_of_issue(fact, connection=case.connection, service=case.mapping.service)
    return _raise(case, news, alert=alert, extent=extent)


def _event_alert(case: Case, fact: EventAlert) -> Outcome:
    if case.mapping is None or not case.mapping.is_active:
        return _silent(case)
    alert = telling.alert_of_event(fact, connection=case.connection, service=case.mapping.service)
    extent = telling.extent_of_event(fact)
    outcome = _raise(case, telling.of_event_alert(fact), alert=alert, extent=extent)
    _count(case, fact)
    return outcome


def _error(case: Case, fact: ErrorEvent) -> Outcome:
    heard = _count(case, fact)
    if heard is None:
        return _nothing_to_tell(case)
    number = heard.incident.number
    if heard.effect is Effect.REPEATED:
        return case.report.processed("repeated", f"Counted before, for incident #{number}.", incident=heard.incident)
    return case.report.processed("counted", f"Counted for incident #{number}.", incident=heard.incident)


def _count(case: Case, fact: EventAlert | ErrorEvent) -> Heard | None:
    key, extent = telling.occurrence_key(fact.event_id), telling.extent_of_event(fact)
    return alerts.count(case.subject, key=key, at=fact.happened_at, extent=extent, now=case.now)


def _metric_alert(case: Case, fact: MetricAlert) -> Outcome:
    if fact.is_stale:
        return case.report.ignored("stale", f"A retry of “{fact.action}”: by the time it was sent, it was over.")
    news, extent = telling.of_metric_alert(fact), telling.extent_of_metric(fact)
    if fact.action == "resolved":
        return _hear(case, news, extent=extent)
    if case.mapping is None or not case.mapping.is_active:
        return _silent(case)
    return _raise(case, news, alert=telling.alert_of_metric(fact, service=case.mapping.service), extent=extent)


def _raise(case: Case, news: News, *, alert: alerts.Alert, extent: Extent) -> Outcome:
    heard = alerts.raise_alert(case.subject, news, alert=alert, extent=extent, now=case.now)
    outcome = _told(case, heard)
    if heard.effect is Effect.OPENED:
        waiting = _let_go_of_waiting(case)
        if waiting:
            lines = [*outcome.explanation, f"{waiting} earlier deliveries about it will be processed again."]
            return dataclasses.replace(outcome, explanation=lines)
    return outcome


def _let_go_of_waiting(case: Case) -> int:
    # Under the alert's lock: whoever found no incident has committed that outcome, or will find this one.
    about_it = Q(subject=case.subject.alert_key, outcome=NO_INCIDENT, status=Status.IGNORED)
    return deliveries.requeue(about_it, now=case.now)


def _hear(case: Case, news: News, *, extent: Extent | None = None) -> Outcome:
    heard = alerts.tell(case.subject, news, extent=extent, now=case.now)
    return _nothing_to_tell(case) if heard is None else _told(case, heard)


def _told(case: Case, heard: Heard) -> Outcome:
    incident, number = heard.incident, heard.incident.number
    line = {
        Effect.OPENED: f"Opened incident #{number}.",
        Effect.REOPENED: f"Reopened incident #{number}.",
        Effect.RESOLVED: f"Resolved incident #{number}.",
        Effect.TOLD: f"Told in the timeline of incident #{number}.",
        Effect.OUTDATED: f"Told in the timeline of incident #{number}; newer news leaves it {incident.status}.",
        Effect.REPEATED: f"Incident #{number} has heard this before. Nothing changed.",
    }[heard.effect]
    return case.report.processed(heard.effect.value, line, incident=incident)


def _nothing_to_tell(case: Case) -> Outcome:
    if case.mapping is None or not case.mapping.is_active:
        return _silent(case)
    line = "There is no incident for it yet. Should one open, this will be applied."
    return case.report.ignored(NO_INCIDENT, line)


def _silent(case: Case) -> Outcome:
    if case.mapping is None:
        return case.report.ignored("not_mapped", "The project is not mapped to a service.")
    line = f"The project's mapping to {case.mapping.service} is not active."
    return case.report.ignored("mapping_inactive", line)
