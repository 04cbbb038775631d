"""Write what integrations hear into an incident's timeline, so that each fact is told once, at its own time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from blametrail.incidents.models import EntryKind, Incident, TimelineEntry

# Sentry sends again after 5, 10 and 15 minutes, with a new time; five more for clocks and queues.
RETRIES_WITHIN = timedelta(minutes=20)


@dataclass(frozen=True, kw_only=True)
class News:
    """One fact about what an incident is about.

    ``key`` is ``aspect:meaning``, equal for the same fact heard again: an aspect, such as who is assigned, is what
    can only be one way at a time. ``as_of`` is the moment from which the fact makes the incident open, or resolved
    if that is its kind; None if it says nothing about that.
    """

    kind: EntryKind
    key: str
    at: datetime
    text: str = ""
    as_of: datetime | None = None
    actor_name: str = ""
    assignee_name: str = ""

    @property
    def aspect(self) -> str:
        return self.key.partition(":")[0] + ":"

    @property
    def belongs_at(self) -> datetime:
        return self.as_of or self.at


def repeats(entry: TimelineEntry, before: TimelineEntry | None) -> bool:
    """Test whether ``entry`` is only the retry of ``before``, the one before it in the same aspect. Pure."""
    return before is not None and before.key == entry.key and entry.at - before.at <= RETRIES_WITHIN


def record(incident: Incident, news: News, *, source: str, now: datetime) -> bool:
    """Write the news into the timeline, and tell whether it was news. The incident's own row is left to the caller.

    A retry is kept as a repeat, since a late fact may yet show that it was none: resolved, and six minutes later
    resolved, with a reopening in between that arrives last.
    """
    if TimelineEntry.heard.filter(incident=incident, key=news.key, at=news.at).exists():
        return False
    entry = TimelineEntry(
        incident=incident,
        kind=news.kind,
        text=news.text,
        at=news.at,
        recorded_at=now,
        actor_name=news.actor_name[:200],
        source=source,
        key=news.key,
        as_of=news.as_of,
    )
    entry.is_repeat = repeats(entry, _earlier(incident, news).last())
    entry.save(force_insert=True)
    after = later(incident, news).first()
    if after is not None and after.is_repeat != repeats(after, entry):
        after.is_repeat = not after.is_repeat
        after.save(update_fields=["is_repeat"])
    return not entry.is_repeat


def later(incident: Incident, news: News) -> QuerySet[TimelineEntry]:
    """Return what was heard of the same aspect at a later moment, in order."""
    return _of_aspect(incident, news).filter(Q(at__gt=news.at) | Q(at=news.at, key__gt=news.key))


def _earlier(incident: Incident, news: News) -> QuerySet[TimelineEntry]:
    return _of_aspect(incident, news).filter(Q(at__lt=news.at) | Q(at=news.at, key__lt=news.key))


def _of_aspect(incident: Incident, news: News) -> QuerySet[TimelineEntry]:
    heard = TimelineEntry.heard.filter(incident=incident, key__startswith=news.aspect)
    return heard.order_by("at", "key")


def standing(incident: Incident) -> TimelineEntry | None:
    """Return the entry that the incident's status follows: of all that say open or resolved, the newest told."""
    saying = TimelineEntry.objects.filter(incident=incident, as_of__isnull=False)
    return saying.order_by("as_of", "key").last()
