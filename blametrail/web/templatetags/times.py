"""Times in the organization's timezone, with the exact moment on hover."""

from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from blametrail.web import timewords

register = template.Library()


class InATimezone(Protocol):
    timezone: str


def _zone(place: "InATimezone | str | None") -> ZoneInfo:
    return ZoneInfo(getattr(place, "timezone", None) or "UTC")


@register.filter
def when(at: datetime | None, place: InATimezone | str | None = None) -> SafeString | str:
    """Return a <time> saying the moment as people in ``place`` (an organization) do; nothing for None."""
    if not at:
        return ""
    zone = _zone(place)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.astimezone(zone).isoformat(timespec="seconds"),
        timewords.exact(at, zone=zone),
        timewords.moment(at, zone=zone, now=timezone.now()),
    )


@register.filter
def exactly(at: datetime | None, place: InATimezone | str | None = None) -> str:
    """Return the moment to the second with its zone; nothing for None."""
    return timewords.exact(at, zone=_zone(place)) if at else ""


@register.filter
def duration(length: timedelta | None) -> str:
    """Return "3 d 4 h", "14 min"; nothing for None."""
    return "" if length is None else timewords.span(length)
