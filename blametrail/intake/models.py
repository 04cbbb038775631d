"""Deliveries: webhook requests as they arrived, and what became of each."""

from django.db import models

from blametrail.lib.ids import new_id


class Status(models.TextChoices):
    PENDING = "pending", "Waiting"
    PROCESSED = "processed", "Processed"
    IGNORED = "ignored", "Ignored"
    FAILED = "failed", "Failed"


class Delivery(models.Model):
    """One authentic webhook request.

    Knows nothing of the product: what it was about is kept as plain ids and words that the integration sets.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    received_at = models.DateTimeField()
    source = models.CharField(max_length=20, help_text="The integration that understands it, such as sentry.")
    endpoint = models.CharField(max_length=80, help_text="The last part of the address it came to.")
    resource = models.CharField(max_length=60)
    headers = models.JSONField()
    # zstd, then sealed to this row: an installation's webhook carries a grant code, an event a person's data.
    body = models.BinaryField()
    body_size = models.PositiveIntegerField()

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    claim = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)

    # Known at the door where it can be had cheaply: each sender in turn has some of its deliveries processed.
    sender = models.CharField(max_length=80, blank=True, help_text="Who sent it: an installation's uuid.")

    # Set by processing.
    action = models.CharField(max_length=60, blank=True)
    subject = models.CharField(max_length=200, blank=True, help_text="What it is about: an incident's alert key.")
    project = models.CharField(max_length=200, blank=True)
    organization_id = models.UUIDField(null=True)
    connection_id = models.UUIDField(null=True)
    incident_id = models.UUIDField(null=True)
    outcome = models.CharField(max_length=40, blank=True, help_text="A word for programs, such as not_mapped.")
    explanation = models.TextField(blank=True, help_text="The outcome in words, line by line.")
    error = models.TextField(blank=True)
    processed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(status="pending"), name="delivery_due"),
            # With the id, since a replay makes thousands due at the same moment.
            models.Index(
                fields=["sender", "due_at", "id"], condition=models.Q(status="pending"), name="delivery_turn"
            ),
            models.Index(fields=["organization_id", "-id"], name="delivery_newest_first"),
            models.Index(fields=["connection_id", "outcome", "-id"], name="delivery_by_outcome"),
            models.Index(
                fields=["subject", "outcome"], condition=models.Q(status="ignored"), name="delivery_waiting"
            ),
            models.Index(
                fields=["sender", "outcome"], condition=models.Q(status="ignored"), name="delivery_by_sender"
            ),
            models.Index(fields=["received_at"], name="delivery_by_age"),
        ]
