"""Tenants, the people in them, invitations, and the record of who changed what."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any, Self
from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower
from django.utils.timezone import now

from blametrail.lib.ids import new_id


def validate_timezone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(f"{name} is not a time zone of the IANA database, such as Europe/Berlin.")


class Organization(models.Model):
    """A tenant. Everything else belongs to exactly one."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=50, unique=True)
    timezone = models.CharField(max_length=64, default="UTC", validators=[validate_timezone])
    created_at = models.DateTimeField(default=now)
    # The number the next incident gets; people say "incident 214", not a UUID.
    next_incident_number = models.PositiveIntegerField(default=1)

    def __str__(self) -> str:
        return self.name


class OwnedByOrganization(models.QuerySet[Any]):
    """Rows of one tenant at a time: the one door to tenant data."""

    def of(self, organization: Organization) -> Self:
        return self.filter(organization=organization)


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    MEMBER = "member", "Member"

    @property
    def may_configure(self) -> bool:
        """Connections, mappings, services, invitations: owners and admins."""
        return self in {Role.OWNER, Role.ADMIN}


class Membership(models.Model):
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.MEMBER)
    joined_at = models.DateTimeField(default=now)

    objects = OwnedByOrganization.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "user"], name="one_membership_each"),
            models.UniqueConstraint(
                fields=["organization"], condition=models.Q(role="owner"), name="exactly_one_owner"
            ),
        ]


INVITATION_LASTS = timedelta(days=7)


def hash_token(token: str) -> str:
    """Return what is stored of a random token that is only ever compared, never shown again."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_token() -> str:
    return secrets.token_urlsafe(32)


class Invitation(models.Model):
    """An address asked to join. The link carries a token of which only the hash is kept."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.MEMBER)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
    created_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)

    objects = OwnedByOrganization.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "organization",
                Lower("email"),
                condition=models.Q(accepted_at=None),
                name="one_open_invitation_each",
            ),
        ]

    def is_open(self, *, now: datetime) -> bool:
        return self.accepted_at is None and now < self.expires_at


class AuditEntry(models.Model):
    """Who changed what, and when. Written in the transaction of the change, never changed itself."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="audit_entries")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
    actor_name = models.CharField(max_length=254, help_text="As it was then; the person may leave.")
    verb = models.CharField(max_length=60, help_text="Subject and past tense, such as mapping.created")
    subject = models.CharField(max_length=200)
    detail = models.TextField(blank=True)
    at = models.DateTimeField(default=now)

    objects = OwnedByOrganization.as_manager()

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["organization", "-at"], name="audit_newest_first")]
