"""Sentry apps, the connections made through them, project mappings, and the ledger of it all."""

from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from blametrail.catalog.models import Service
from blametrail.lib import encryption
from blametrail.lib.ids import new_id
from blametrail.organizations.models import Organization, OwnedByOrganization


def seal(row: models.Model, field: str, plain: str) -> bytes | None:
    """Return a secret sealed to this row and field; None for an empty one."""
    if not plain:
        return None
    return settings.VAULT.seal(plain.encode(), belongs_to=_place(row, field))


def unseal(row: models.Model, field: str) -> str:
    """Return the row's secret in clear, empty if there is none. Raises encryption.CannotOpen."""
    sealed = getattr(row, field)
    if not sealed:
        return ""
    return settings.VAULT.open(bytes(sealed), belongs_to=_place(row, field)).decode()


def _place(row: models.Model, field: str) -> str:
    return encryption.place(type(row).__name__, field, row.pk)


class SentryApp(models.Model):
    """Our registration at one Sentry host: sentry.io or a self-hosted one."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    key = models.SlugField(unique=True, help_text="The last part of its webhook address.")
    base_url = models.URLField("Sentry's address")
    slug = models.SlugField("integration slug")
    client_id = models.CharField(max_length=200)
    client_secret_sealed = models.BinaryField(editable=False)
    # During a change of the secret, webhooks signed with the one before are still accepted.
    previous_client_secret_sealed = models.BinaryField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["base_url", "slug"], name="one_app_per_host_and_slug")]

    def __str__(self) -> str:
        return f"{self.slug} at {self.base_url}"

    @property
    def client_secret(self) -> str:
        return unseal(self, "client_secret_sealed")

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).netloc


class Mode(models.TextChoices):
    OAUTH = "oauth", "OAuth"
    INTERNAL = "internal", "Internal integration"


class State(models.TextChoices):
    # The code is exchanged and the tokens are safe; which organization it is has not been read yet.
    CONNECTING = "connecting", "Connecting"
    # A person set out to reconnect one Sentry organization and picked another: theirs to decide.
    UNCONFIRMED = "unconfirmed", "Waiting for confirmation"
    CONNECTED = "connected", "Connected"
    DISCONNECTED = "disconnected", "Disconnected"


class DisconnectReason(models.TextChoices):
    REMOVED = "removed", "The integration was removed in Sentry."
    REFUSED = "refused", "Sentry kept refusing to renew the token."
    ANSWER_LOST = "answer_lost", "Sentry's answer to a renewal was lost, and with it the only refresh token."
    EXPIRED = "expired", "Sentry could not be reached for so long that access was given up."
    BY_PERSON = "by_person", "Disconnected here."
    TOKEN_REJECTED = "token_rejected", "Sentry rejects the pasted token."


class Connection(models.Model):
    """One Sentry organization connected to one of our organizations. Survives reconnecting; see ``tokens``."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="sentry_connections")
    mode = models.CharField(max_length=8, choices=Mode.choices, default=Mode.OAUTH)
    app = models.ForeignKey(SentryApp, on_delete=models.PROTECT, null=True, blank=True)
    base_url = models.URLField("Sentry's address")
    state = models.CharField(max_length=12, choices=State.choices, default=State.CONNECTED)

    installation_uuid = models.UUIDField(null=True)
    installation_verified_at = models.DateTimeField(null=True)
    sentry_organization_id = models.CharField(max_length=40, blank=True)
    sentry_organization_slug = models.CharField(max_length=100, blank=True)
    sentry_organization_name = models.CharField(max_length=200, blank=True)
    scopes = models.JSONField(default=list)

    access_token_sealed = models.BinaryField(null=True, editable=False)
    refresh_token_sealed = models.BinaryField(null=True, editable=False)
    # Only in internal mode, where each connection has a secret of its own.
    client_secret_sealed = models.BinaryField(null=True, editable=False)
    token_issued_at = models.DateTimeField(null=True)
    token_expires_at = models.DateTimeField(null=True)
    # Grows with each stored pair; a late answer carries the version it started from and loses.
    token_version = models.PositiveIntegerField(default=0)

    renew_at = models.DateTimeField(null=True, help_text="When the next renewal is owed.")
    renewal_claim = models.UUIDField(null=True)
    renewal_claimed_until = models.DateTimeField(null=True)
    # On record before a request for a new pair leaves. It stays where the answer was lost or we died: what that
    # request did is not known, and the refresh token may be spent.
    refresh_token_sent_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0, help_text="Renewals failed since the last success.")
    refusals = models.PositiveIntegerField(default=0, help_text="Of those, refused rather than unanswered.")
    first_refused_at = models.DateTimeField(null=True)
    grants_refused = models.JSONField(default=list, help_text="Grant kinds refused since the last success.")
    last_error = models.TextField(blank=True)
    # None until tried: whether this Sentry takes the client-secret JWT grant.
    jwt_grant_works = models.BooleanField(null=True)

    connected_at = models.DateTimeField(default=timezone.now)
    connected_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    proved_at = models.DateTimeField(null=True, help_text="When a real call last proved it alive.")
    prove_at = models.DateTimeField(null=True, help_text="When the next proving call is owed.")
    missing_since = models.DateTimeField(null=True, help_text="When Sentry first said it is not installed.")
    last_delivery_at = models.DateTimeField(null=True)
    disconnected_at = models.DateTimeField(null=True)
    disconnect_reason = models.CharField(max_length=20, choices=DisconnectReason.choices, blank=True)
    disconnect_detail = models.TextField(blank=True)
    # An e-mail to the admins about the last change of state is owed from this moment on.
    notice_due_at = models.DateTimeField(null=True)
    archived_at = models.DateTimeField(null=True)
    # While CONNECTING or UNCONFIRMED: the connection that the person set out to repair.
    repairs = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="+")

    objects = OwnedByOrganization.as_manager()

    class Meta:
        constraints = [
            # One Sentry installation belongs to exactly one BlameTrail organization.
            models.UniqueConstraint(
                fields=["installation_uuid"],
                condition=Q(installation_uuid__isnull=False),
                name="installation_connected_once",
            ),
        ]
        indexes = [
            models.Index(fields=["renew_at"], condition=Q(renew_at__isnull=False), name="renewal_due"),
            models.Index(fields=["prove_at"], condition=Q(prove_at__isnull=False), name="proof_due"),
            models.Index(fields=["notice_due_at"], condition=Q(notice_due_at__isnull=False), name="notice_due"),
        ]

    def __str__(self) -> str:
        return self.sentry_organization_name or self.sentry_organization_slug or "A Sentry organization"

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).netloc

    @property
    def is_connected(self) -> bool:
        return self.state == State.CONNECTED

    @property
    def access_token(self) -> str:
        return unseal(self, "access_token_sealed")

    @property
    def refresh_token(self) -> str:
        return unseal(self, "refresh_token_sealed")

    def has_expired(self, *, now: datetime) -> bool:
        return self.token_expires_at is not None and now >= self.token_expires_at


class Host(models.Model):
    """What everybody who renews at one Sentry host knows of it; see ``pacing``."""

    base_url = models.URLField("Sentry's address", primary_key=True)
    next_turn_at = models.DateTimeField(null=True, help_text="When the next request for tokens may leave.")
    quiet_until = models.DateTimeField(null=True, help_text="It is left in peace until then.")
    silent_to = models.JSONField(default=list, help_text="Connections left without an answer since the last one.")
    probes_failed = models.PositiveIntegerField(default=0)


class ConnectAttempt(models.Model):
    """A person set out to connect: what ``state`` stands for. Single-use, bound to the session and the person."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    state_hash = models.CharField(max_length=64, unique=True)
    session_hash = models.CharField(max_length=64)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    app = models.ForeignKey(SentryApp, on_delete=models.CASCADE)
    # Set when the person chose Reconnect.
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, null=True, related_name="attempts")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=40, blank=True)


class UnclaimedInstallation(models.Model):
    """An install begun inside Sentry, waiting for a signed-in admin to say where it belongs."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    app = models.ForeignKey(SentryApp, on_delete=models.CASCADE)
    installation_uuid = models.UUIDField()
    code_sealed = models.BinaryField(editable=False)
    sentry_organization_slug = models.CharField(max_length=100, help_text="As the redirect said: not proof.")
    session_hash = models.CharField(max_length=64)
    received_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)


class LedgerKind(models.TextChoices):
    CONNECTED = "connected", "Connected"
    RECONNECTED = "reconnected", "Reconnected"
    RENEWED = "renewed", "Token renewed"
    RENEWAL_FAILED = "renewal_failed", "Renewal failed"
    VERIFIED = "verified", "Installation verified"
    PROVED = "proved", "Proved alive"
    PROOF_FAILED = "proof_failed", "Test failed"
    SENTRY_CHANGED = "sentry_changed", "Changed in Sentry"
    DISCONNECTED = "disconnected", "Disconnected"


class LedgerEntry(models.Model):
    """One thing that happened to a connection, in words an admin reads."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="ledger")
    kind = models.CharField(max_length=20, choices=LedgerKind.choices)
    at = models.DateTimeField()
    grant = models.CharField(max_length=20, blank=True)
    duration = models.DurationField(null=True)
    text = models.TextField(blank=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    actor_name = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [models.Index(fields=["connection", "-at"], name="ledger_newest_first")]


class Mappings(OwnedByOrganization):
    def of(self, organization: Organization) -> "Mappings":
        return self.filter(connection__organization=organization)


class ProjectMapping(models.Model):
    """(connection, Sentry project) to service. By numeric id once known, by slug as typed before that."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="mappings")
    project_id = models.CharField(max_length=40, blank=True)
    project_slug = models.CharField(max_length=100)
    project_name = models.CharField(max_length=200, blank=True)
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="sentry_mappings")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = Mappings.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "project_id"],
                condition=~Q(project_id=""),
                name="project_mapped_once",
            ),
            models.UniqueConstraint(
                fields=["connection", "project_slug"],
                condition=Q(project_id=""),
                name="typed_slug_mapped_once",
            ),
        ]
