"""What ties an attempt to connect to one browser: a random word in its session."""

import uuid
from datetime import datetime

from django.http import HttpRequest

from blametrail.integrations.sentry.models import UnclaimedInstallation
from blametrail.organizations.models import new_token

_NONCE = "sentry_nonce"
_HELD = "sentry_held"


def nonce(request: HttpRequest) -> str:
    """Return this session's random word, made on demand. It outlives signing in, and ends with signing out."""
    if _NONCE not in request.session:
        request.session[_NONCE] = new_token()
    return str(request.session[_NONCE])


def remember_held(request: HttpRequest, held: UnclaimedInstallation) -> None:
    """Keep the way to the held install, so that the person finds back after making an organization."""
    request.session[_HELD] = [str(held.pk), held.expires_at.isoformat()]


def held(request: HttpRequest, *, now: datetime) -> uuid.UUID | None:
    """Return the install that waits for this browser, if its time is not over."""
    held_id, expires_at = request.session.get(_HELD, ["", ""])
    if not held_id or now >= datetime.fromisoformat(expires_at):
        return None
    return uuid.UUID(held_id)


def forget_held(request: HttpRequest) -> None:
    request.session.pop(_HELD, None)
