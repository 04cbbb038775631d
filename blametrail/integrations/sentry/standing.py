"""How a connection stands, in words for people: what happened, and what to do. Pure."""

from dataclasses import dataclass
from datetime import datetime

from blametrail.integrations.sentry.models import Connection, DisconnectReason, Mode, State


@dataclass(frozen=True)
class Standing:
    """``tone`` is a badge's colour, ``icon`` its sign. ``needs_admin``: nothing but a person can mend it."""

    label: str
    tone: str
    icon: str
    happened: str = ""
    remedy: str = ""
    is_settled: bool = True
    needs_admin: bool = False


CONNECTED = Standing("Connected", "connected", "circle-check")
_UNCERTAIN = "Sentry does not always mean it, so BlameTrail believes it only when it is said again and again."
_REMEDIES = {
    DisconnectReason.REMOVED: "Reconnect, choose the same organization in Sentry and accept the installation again.",
    DisconnectReason.REFUSED: (
        "Reconnect. If Sentry sends you back without access, uninstall the integration there first, then reconnect."
    ),
    DisconnectReason.EXPIRED: "Once Sentry can be reached again, reconnect.",
    DisconnectReason.BY_PERSON: "Reconnect whenever you like: the mappings are still here.",
    DisconnectReason.TOKEN_REJECTED: (
        "Make a new token on the integration's page in Sentry, and replace the one BlameTrail has."
    ),
}


def of(connection: Connection, *, now: datetime) -> Standing:
    """Return how the connection stands at this moment."""
    if connection.state == State.DISCONNECTED:
        return _disconnected(connection)
    if connection.state == State.UNCONFIRMED:
        return _unconfirmed(connection)
    if connection.state == State.CONNECTING:
        return _connecting()
    if connection.missing_since:
        return _missing(connection)
    if connection.failures:
        return _in_trouble(connection, now=now)
    return CONNECTED


def _disconnected(connection: Connection) -> Standing:
    reason = DisconnectReason(connection.disconnect_reason or DisconnectReason.BY_PERSON)
    detail = connection.disconnect_detail
    return Standing(
        label="Disconnected",
        tone="neutral" if reason == DisconnectReason.BY_PERSON else "disconnected",
        icon="unplug",
        happened=f"{reason.label} {detail}".strip(),
        remedy=_REMEDIES[reason],
        needs_admin=reason != DisconnectReason.BY_PERSON,
    )


def _unconfirmed(connection: Connection) -> Standing:
    wanted = connection.repairs or "another Sentry organization"
    return Standing(
        label="Waiting for confirmation",
        tone="warning",
        icon="circle-question-mark",
        happened=f"The way to Sentry was begun to reconnect {wanted}, and {connection} was picked there.",
        remedy=f"Keep {connection} as a connection of its own, or let go of it.",
        needs_admin=True,
    )


def _connecting() -> Standing:
    return Standing(
        label="Connecting…",
        tone="info",
        icon="loader-circle",
        happened="Sentry gave access. Which organization it is could not be read yet.",
        remedy="BlameTrail tries again by itself, every minute.",
        is_settled=False,
    )


def _missing(connection: Connection) -> Standing:
    return Standing(
        label="Checking",
        tone="warning",
        icon="triangle-alert",
        happened=f"Sentry says that the integration is not installed. {connection.last_error}".strip(),
        remedy="BlameTrail asks once more before it believes that.",
        is_settled=False,
    )


def _in_trouble(connection: Connection, *, now: datetime) -> Standing:
    if connection.mode == Mode.INTERNAL:
        happened = f"Sentry rejected the token {_times(connection.failures)}: {connection.last_error}"
        return Standing("Token rejected", "warning", "triangle-alert", happened, _UNCERTAIN, is_settled=False)
    tries = f"Attempt {connection.failures} to renew the token failed: {connection.last_error}"
    access = "Access has run out" if connection.has_expired(now=now) else "Access still works"
    remedy = f"{access}; webhooks are received as usual. BlameTrail goes on trying by itself."
    return Standing("Trouble renewing", "warning", "triangle-alert", tries, remedy, is_settled=False)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
