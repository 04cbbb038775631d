"""Incidents: a service is in trouble, and everything that happened since."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from blametrail.catalog.models import Service
from blametrail.lib.ids import new_id
from blametrail.organizations.models import Organization, OwnedByOrganization


class Status(models.TextChoices):
    OPEN = "open", "Open"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    RESOLVED = "resolved", "Resolved"


class Severity(models.TextChoices):
    CRITICAL = "critical", "Critical"
    ERROR = "error", "Error"
    WARNING = "warning", "Warning"
    INFO = "info", "Info"


class IncidentType(models.TextChoices):
    ISSUE = "issue", "Issue"
    METRIC = "metric", "Metric alert"
    MANUAL = "manual", "Opened by hand"


class Incidents(OwnedByOrganization):
    def unresolved(self) -> "Incidents":
        return self.exclude(status=Status.RESOLVED)


class Incident(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="incidents")
    number = models.PositiveIntegerField()
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="incidents")
    title = models.CharField(max_length=300)
    type = models.CharField(max_length=8, choices=IncidentType.choices)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    severity_is_set = models.BooleanField(default=False, help_text="A person or a rule named it; counts leave it.")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.OPEN)

    # What outside thing this incident is about, in the integration's own words, such as
    # "sentry:<host>:<organization id>:issue:<id>". Empty for one opened by hand.
    alert_key = models.CharField(max_length=200, blank=True)
    external_url = models.URLField(max_length=1000, blank=True)
    external_label = models.CharField(max_length=200, blank=True)
    assignee_name = models.CharField(max_length=200, blank=True)
    occurrences = models.PositiveIntegerField(default=0, help_text="As many as the sender says, or as we counted.")
    occurrences_counted = models.PositiveIntegerField(default=0)
    users_affected = models.PositiveIntegerField(default=0)

    started_at = models.DateTimeField(help_text="When the trouble began, not when we heard of it.")
    opened_at = models.DateTimeField(default=timezone.now)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    resolved_at = models.DateTimeField(null=True, blank=True)
    # The ``as_of`` of the timeline entry that the status follows. An older fact that arrives later is told in
    # the timeline and leaves the status alone.
    status_as_of = models.DateTimeField()
    previous = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="relapses")
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects = Incidents.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "number"], name="incident_number_once"),
            models.UniqueConstraint(
                fields=["organization", "alert_key"],
                condition=~models.Q(status="resolved") & ~models.Q(alert_key=""),
                name="one_open_incident_per_alert",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-number"], name="incident_newest_first"),
            models.Index(
                fields=["organization", "-number"],
                condition=~models.Q(status="resolved"),
                name="incident_unresolved",
            ),
            models.Index(fields=["service", "-number"], name="incident_by_service"),
            models.Index(
                fields=["organization", "alert_key"],
                condition=~models.Q(alert_key=""),
                name="incident_by_alert",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.number} {self.title}"


class EntryKind(models.TextChoices):
    OPENED = "opened", "Opened"
    ALERT = "alert", "Alert"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    RESOLVED = "resolved", "Resolved"
    REOPENED = "reopened", "Reopened"
    SEVERITY = "severity", "Severity changed"
    ASSIGNED = "assigned", "Assigned"
    COMMENT = "comment", "Comment"
    COMMENT_CHANGED = "comment_changed", "Comment changed"
    COMMENT_REMOVED = "comment_removed", "Comment removed"
    NOTE = "note", "Note"


class Told(models.Manager["TimelineEntry"]):
    """Entries to show: a repeat of what the entry before it says is kept, and not told."""

    def get_queryset(self) -> models.QuerySet["TimelineEntry"]:
        return super().get_queryset().filter(is_repeat=False)


class TimelineEntry(models.Model):
    """One fact in an incident's history, told once."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="timeline")
    kind = models.CharField(max_length=16, choices=EntryKind.choices)
    text = models.TextField(blank=True)
    at = models.DateTimeField(help_text="When it happened, not when we heard of it.")
    recorded_at = models.DateTimeField(default=timezone.now)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    actor_name = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=20, blank=True, help_text="sentry, or empty for a person here.")
    # The fact's own identity, so that hearing of it twice adds nothing. Empty for what people do here.
    key = models.CharField(max_length=80, blank=True)
    # From which moment the incident is open, or resolved, because of this; None if it says nothing about that.
    # Not always ``at``: some times come without fractions of a second.
    as_of = models.DateTimeField(null=True, blank=True)
    # Heard before, a few minutes earlier: a sender's retry carries a new time. Kept, since a fact that arrives
    # late and belongs between the two makes both worth telling.
    is_repeat = models.BooleanField(default=False)

    objects = Told()
    heard = models.Manager["TimelineEntry"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "key", "at"], condition=~models.Q(key=""), name="a_fact_is_told_once"
            ),
        ]
        indexes = [models.Index(fields=["incident", "at"], name="timeline_in_order")]


class Occurrence(models.Model):
    """An event that was counted, so that it is counted once."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["incident", "key"], name="counted_once")]
