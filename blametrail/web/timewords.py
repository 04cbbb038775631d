"""Moments and spans as people say them. Pure; the template tags read the clock."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

JUST_NOW = timedelta(seconds=45)
HOUR = timedelta(hours=1)


def moment(at: datetime, *, zone: ZoneInfo, now: datetime) -> str:
    """Return how a person in ``zone`` would call the moment: "3 min ago", "today 14:02", "23 Nov 14:02"."""
    distance = at - now
    if abs(distance) < JUST_NOW:
        return "just now"
    if abs(distance) < HOUR:
        minutes = round(abs(distance) / timedelta(minutes=1)) or 1
        if minutes < 60:
            return f"in {minutes} min" if distance > timedelta() else f"{minutes} min ago"
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    days = (local.date() - today).days
    if days in NEAR_DAYS:
        return f"{NEAR_DAYS[days]} {local:%H:%M}"
    if local.year == today.year:
        return f"{local.day} {local:%b %H:%M}"
    return f"{local.day} {local:%b %Y}"


NEAR_DAYS = {-1: "yesterday", 0: "today", 1: "tomorrow"}


def exact(at: datetime, *, zone: ZoneInfo) -> str:
    """Return the moment to the second with its zone, for the reader who must be sure."""
    local = at.astimezone(zone)
    return f"{local.day} {local:%B %Y, %H:%M:%S %Z} ({zone.key})"


def span(length: timedelta) -> str:
    """Return a duration in its two largest units: "3 d 4 h", "14 min", "8 s"."""
    seconds = max(0, int(length.total_seconds()))
    sizes = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)]
    counts = []
    for unit, size in sizes:
        count, seconds = divmod(seconds, size)
        counts.append((count, unit))
    first = next((place for place, (count, _) in enumerate(counts) if count), len(counts) - 1)
    # Seconds matter only to what lasted less than a minute or two.
    shown = counts[first : first + 2] if first < 2 else counts[first : first + 1]
    return " ".join(f"{count} {unit}" for count, unit in shown if count or len(shown) == 1)
