"""What every page of an organization says to its admins when Sentry needs them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from blametrail.integrations.sentry import browser, queries
from blametrail.integrations.sentry.models import Connection, Mode
from blametrail.organizations.access import Access

# These pages say it themselves, at length.
SAY_IT_THEMSELVES = {"sentry", "sentry_connection", "sentry_claim", "sentry_disconnect", "sentry_token"}


@dataclass(frozen=True)
class Notice:
    """One line with one button: a link, or a form that posts."""

    text: str
    label: str
    url: str
    is_post: bool = False
    tone: str = "danger"


def attention(request: HttpRequest) -> dict[str, Any]:
    """Return ``attention``, the notices for the page frame; nothing is asked of the database before it is shown."""
    return {"attention": SimpleLazyObject(lambda: list(_notices(request, now=timezone.now())))}


def _notices(request: HttpRequest, *, now: datetime) -> list[Notice]:
    match = request.resolver_match
    if match is None or match.url_name in SAY_IT_THEMSELVES:
        return []
    access = getattr(request, "access", None)
    lost = queries.lost(access.organization) if access and access.may_configure else []
    return [*_waiting_claim(request, now=now), *([_lost(access, lost)] if access and lost else [])]


def _waiting_claim(request: HttpRequest, *, now: datetime) -> list[Notice]:
    user = getattr(request, "user", None)  # none yet, where a middleware before it answered
    held = browser.held(request, now=now) if user and user.is_authenticated else None
    if held is None:
        return []
    text = "An installation begun in Sentry waits for you to choose its organization."
    return [Notice(text, "Choose", reverse("sentry_claim", args=[held]), tone="info")]


def _lost(access: Access, lost: list[Connection]) -> Notice:
    slug = access.organization.slug
    if len(lost) > 1:
        names = ", ".join(str(connection) for connection in lost)
        return Notice(f"Disconnected from Sentry: {names}.", "Look", reverse("sentry", args=[slug]))
    (connection,) = lost
    text = f"Disconnected from {connection} in Sentry. {connection.get_disconnect_reason_display()}"
    if connection.mode == Mode.INTERNAL:
        return Notice(text, "Replace token", reverse("sentry_token", args=[slug, connection.pk]))
    return Notice(text, "Reconnect", reverse("sentry_reconnect", args=[slug, connection.pk]), is_post=True)
