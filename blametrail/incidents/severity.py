"""How severe an incident is: by the sender's level, raised when many events or people are affected. Pure."""

from dataclasses import dataclass

from blametrail.incidents.models import Severity

# Where one error stops being a nuisance: product decision, the same for everyone so that severities compare.
RAISED_AT_OCCURRENCES = 100
RAISED_AT_USERS = 25

_ASCENDING = (Severity.INFO, Severity.WARNING, Severity.ERROR, Severity.CRITICAL)
_OF_LEVEL = {
    "fatal": Severity.CRITICAL,
    "critical": Severity.CRITICAL,
    "error": Severity.ERROR,
    "warning": Severity.WARNING,
    "info": Severity.INFO,
    "debug": Severity.INFO,
    "sample": Severity.INFO,  # what Sentry calls its own example events
}


@dataclass(frozen=True, kw_only=True)
class Extent:
    """How bad it is, as far as one piece of news says.

    ``is_set``: someone named the severity, so it is final. ``replaces``: it is the severity from now on, and not one
    of many signs of it.
    """

    severity: Severity | None = None
    is_set: bool = False
    replaces: bool = False
    occurrences: int = 0
    users: int = 0


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How bad it is by all that was heard so far."""

    severity: Severity
    is_set: bool
    occurrences: int
    users: int


def of_level(level: str) -> Severity:
    """Return the severity for a level; an unknown or missing one counts as an error, as it does at Sentry."""
    return _OF_LEVEL.get(level.lower(), Severity.ERROR)


def named(word: str) -> Severity | None:
    """Return the severity that someone named, in one of our words; None if it is not one."""
    word = word.strip().lower()
    return Severity(word) if word in Severity.values else None


def initial(extent: Extent) -> Standing:
    """Return the standing of an incident that opens with this."""
    severity = extent.severity or Severity.ERROR
    if not extent.is_set and _is_raised(extent.occurrences, extent.users):
        severity = _one_higher(severity)
    return Standing(severity=severity, is_set=extent.is_set, occurrences=extent.occurrences, users=extent.users)


def after(standing: Standing, extent: Extent) -> Standing:
    """Return the standing once ``extent`` is known too. The order in which extents become known does not matter.

    The highest level counts, and it is raised once however often a bound is passed. Among named severities the
    highest counts, and a named one, high or low, stands above all that is reckoned.
    """
    occurrences = max(standing.occurrences, extent.occurrences)
    users = max(standing.users, extent.users)
    severity = _severity_after(standing, extent, is_raised=_is_raised(occurrences, users))
    is_set = standing.is_set or extent.is_set
    return Standing(severity=severity, is_set=is_set, occurrences=occurrences, users=users)


def _severity_after(standing: Standing, extent: Extent, *, is_raised: bool) -> Severity:
    heard = extent.severity
    if extent.is_set and heard is not None:
        return _higher(standing.severity, heard) if standing.is_set else heard
    if standing.is_set:
        return standing.severity
    if extent.replaces and heard is not None:
        return heard
    was_raised = _is_raised(standing.occurrences, standing.users)
    if was_raised:
        return standing.severity if heard is None else _higher(standing.severity, _one_higher(heard))
    severity = standing.severity if heard is None else _higher(standing.severity, heard)
    return _one_higher(severity) if is_raised else severity


def _is_raised(occurrences: int, users: int) -> bool:
    return occurrences >= RAISED_AT_OCCURRENCES or users >= RAISED_AT_USERS


def _higher(one: Severity, other: Severity) -> Severity:
    return max(one, other, key=_ASCENDING.index)


def _one_higher(severity: Severity) -> Severity:
    return _ASCENDING[min(_ASCENDING.index(severity) + 1, len(_ASCENDING) - 1)]
