"""How the Sentry pages name and colour what they show."""

from datetime import timedelta

from django import template

from blametrail.intake.models import Delivery, Status
from blametrail.integrations.sentry.grants import Grant
from blametrail.integrations.sentry.models import Connection, LedgerEntry, LedgerKind

register = template.Library()

_SIGNS = {
    LedgerKind.CONNECTED: ("plug", "success"),
    LedgerKind.RECONNECTED: ("plug", "success"),
    LedgerKind.RENEWED: ("refresh-cw", "success"),
    LedgerKind.RENEWAL_FAILED: ("refresh-cw", "warning"),
    LedgerKind.VERIFIED: ("badge-check", "success"),
    LedgerKind.PROVED: ("activity", ""),
    LedgerKind.PROOF_FAILED: ("activity", "warning"),
    LedgerKind.SENTRY_CHANGED: ("info", ""),
    LedgerKind.DISCONNECTED: ("unplug", "failed"),
}

_TONES = {
    Status.PENDING: "info",
    Status.PROCESSED: "success",
    Status.IGNORED: "neutral",
    Status.FAILED: "critical",
}


@register.filter
def ledger_icon(entry: LedgerEntry) -> str:
    return _SIGNS[LedgerKind(entry.kind)][0]


@register.filter
def ledger_tone(entry: LedgerEntry) -> str:
    return _SIGNS[LedgerKind(entry.kind)][1]


@register.filter
def grant_words(grant: str) -> str:
    """Return "refresh token" for "refresh"; a grant that is not known any more as it was written."""
    return Grant(grant).words if grant in set(Grant) else grant


@register.filter
def took(duration: timedelta) -> str:
    """Return how long a call took, in the unit that fits it: "140 ms", "2.3 s"."""
    seconds = duration.total_seconds()
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


@register.filter
def renews_by(connection: Connection) -> str:
    """Return which grants keep this connection alive, as far as they have been tried."""
    spare = "refresh token" if connection.refresh_token_sealed else "no refresh token"
    if connection.jwt_grant_works is None:
        return f"Client-secret JWT (not tried yet), {spare}"
    if connection.jwt_grant_works:
        return f"Client-secret JWT; {spare} in reserve" if connection.refresh_token_sealed else "Client-secret JWT"
    return f"{spare.capitalize()}; this Sentry does not take the client-secret JWT"


@register.filter
def delivery_tone(delivery: Delivery) -> str:
    return _TONES[Status(delivery.status)]


@register.filter
def outcome_words(delivery: Delivery) -> str:
    """Return what became of the delivery in one line: the error, or the conclusion of the explanation."""
    if delivery.error:
        return delivery.error
    # The lines tell how it came about; the last one is how it ended.
    *_, last = delivery.explanation.splitlines() or [""]
    return last or delivery.outcome.replace("_", " ").capitalize()
