"""Every connection of this installation on one line each, for those who run it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from blametrail.integrations.sentry.models import Connection


@dataclass(frozen=True)
class Line:
    """How one connection stands. No secrets, and nothing that an organization wrote itself but its names."""

    id: str
    organization: str
    sentry_organization: str
    host: str
    mode: str
    state: str
    disconnect_reason: str
    expires_at: datetime | None
    renew_at: datetime | None
    failures: int
    last_error: str


def lines(*, state: str = "") -> Iterator[Line]:
    """Yield the connections by organization; only those in ``state`` if one is given."""
    rows = Connection.objects.select_related("organization").order_by("organization__slug", "connected_at")
    for row in (rows.filter(state=state) if state else rows).iterator():
        yield Line(
            id=str(row.pk),
            organization=row.organization.slug,
            sentry_organization=row.sentry_organization_slug,
            host=row.host,
            mode=row.mode,
            state=row.state,
            disconnect_reason=row.disconnect_reason,
            expires_at=row.token_expires_at,
            renew_at=row.renew_at,
            failures=row.failures,
            last_error=row.last_error or row.disconnect_detail,
        )


def in_words(line: Line, *, now: datetime) -> str:
    """Return the line for a terminal."""
    state = line.state + (f" ({line.disconnect_reason})" if line.disconnect_reason else "")
    failures = f"{line.failures} failed" if line.failures else ""
    columns = [
        f"{line.organization:<20}",
        f"{line.sentry_organization or '?':<24}",
        f"{line.host:<20}",
        f"{state:<26}",
        f"expires {_away(line.expires_at, now=now):<14}",
        f"renews {_away(line.renew_at, now=now):<14}",
        f"{failures:<10}",
        " ".join(line.last_error.split()),
    ]
    return "  ".join(columns).rstrip()


def _away(moment: datetime | None, *, now: datetime) -> str:
    if moment is None:
        return "never"
    distance = abs(moment - now)
    words = _length(distance)
    return f"in {words}" if moment > now else f"{words} ago"


def _length(length: timedelta) -> str:
    minutes = int(length.total_seconds()) // 60
    if minutes >= 2 * 24 * 60:
        return f"{minutes // (24 * 60)} d"
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"
