"""How each kind of timeline entry looks and reads."""

from django import template

from blametrail.incidents.models import EntryKind, TimelineEntry

register = template.Library()

ICONS = {
    EntryKind.OPENED: "siren",
    EntryKind.ALERT: "bell-ring",
    EntryKind.ACKNOWLEDGED: "user-check",
    EntryKind.RESOLVED: "check",
    EntryKind.REOPENED: "rotate-ccw",
    EntryKind.SEVERITY: "gauge",
    EntryKind.ASSIGNED: "user",
    EntryKind.COMMENT: "message-square",
    EntryKind.COMMENT_CHANGED: "pencil",
    EntryKind.COMMENT_REMOVED: "trash-2",
    EntryKind.NOTE: "sticky-note",
}

# What follows the actor's name: "Alice acknowledged this".
DEEDS = {
    EntryKind.OPENED: "opened this incident",
    EntryKind.ALERT: "raised another alert",
    EntryKind.ACKNOWLEDGED: "acknowledged it",
    EntryKind.RESOLVED: "resolved it",
    EntryKind.REOPENED: "reopened it",
    EntryKind.SEVERITY: "changed the severity",
    EntryKind.ASSIGNED: "changed who it is assigned to",
    EntryKind.COMMENT: "commented",
    EntryKind.COMMENT_CHANGED: "changed a comment",
    EntryKind.COMMENT_REMOVED: "removed a comment",
    EntryKind.NOTE: "noted",
}
SOURCES = {"sentry": "Sentry"}


@register.filter
def icon(entry: TimelineEntry) -> str:
    return ICONS[EntryKind(entry.kind)]


@register.filter
def deed(entry: TimelineEntry) -> str:
    return DEEDS[EntryKind(entry.kind)]


@register.filter
def source_name(entry: TimelineEntry) -> str:
    """Return where the fact comes from, if not from a person here."""
    return SOURCES.get(entry.source, entry.source)


@register.filter
def actor(entry: TimelineEntry) -> str:
    return entry.actor_name or source_name(entry) or "BlameTrail"


@register.filter
def is_said(entry: TimelineEntry) -> bool:
    """Test whether the entry's text are somebody's own words."""
    return entry.kind in {EntryKind.COMMENT, EntryKind.COMMENT_CHANGED, EntryKind.OPENED} and bool(entry.text)
