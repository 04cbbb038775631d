"""Tell the admins by e-mail, once, that a connection needs them."""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.urls import reverse

from blametrail.integrations.sentry.models import Connection, State
from blametrail.integrations.sentry.tokens import Clock, wall_clock
from blametrail.organizations.models import Membership, Role

log = structlog.get_logger()

TRY_AGAIN_AFTER = timedelta(minutes=5)


def send_due(*, clock: Clock = wall_clock) -> int:
    """Send every notice that is owed; return how many. A mail server's trouble only puts it off."""
    due = Connection.objects.select_related("organization").filter(notice_due_at__lte=clock())
    return sum(_send(connection, now=clock()) for connection in due)


def _send(connection: Connection, *, now: datetime) -> bool:
    # Moving the due time first keeps a second worker away; a crash before the end repeats the mail, never loses it.
    mine = Connection.objects.filter(pk=connection.pk, notice_due_at=connection.notice_due_at)
    if not mine.update(notice_due_at=now + TRY_AGAIN_AFTER):
        return False
    if connection.state == State.DISCONNECTED:
        try:
            message(connection).send()
        except OSError as error:  # smtplib's errors are OSErrors too
            log.warning("sentry.notice_not_sent", connection=str(connection.pk), why=type(error).__name__)
            return False
    Connection.objects.filter(pk=connection.pk, notice_due_at=now + TRY_AGAIN_AFTER).update(notice_due_at=None)
    return True


def message(connection: Connection) -> EmailMessage:
    """Return the mail that says what happened, what still works, and where to mend it."""
    admins = Membership.objects.of(connection.organization).filter(role__in=[Role.OWNER, Role.ADMIN])
    page = settings.BASE_URL + reverse("sentry", args=[connection.organization.slug])
    body = (
        f"BlameTrail lost its access to {connection} in Sentry.\n\n"
        f"Why: {connection.get_disconnect_reason_display()} {connection.disconnect_detail}\n\n"
        "Webhooks that Sentry still sends are still turned into incidents. Reading from Sentry waits until an owner "
        "or an admin reconnects it; mappings and incidents stay as they are.\n\n"
        f"Reconnect here: {page}\n"
    )
    return EmailMessage(
        subject=f"Sentry disconnected: {connection}",
        body=body,
        to=[],
        bcc=list(admins.values_list("user__email", flat=True)),
    )
