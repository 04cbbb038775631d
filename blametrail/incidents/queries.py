"""What the pages ask about incidents, a page at a time and always within one organization."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Count, Q
from django.http import Http404

from blametrail.catalog.models import Service
from blametrail.catalog.uses import Use
from blametrail.incidents.models import Incident, Incidents, IncidentType, Severity, Status, TimelineEntry
from blametrail.organizations.models import Organization

PAGE_SIZE = 25
COUNT_CAP = 99  # beyond that, how many no longer matters and counting them costs
TIMELINE_SHOWN = 200
TEXT_LIMIT = 200
LARGEST_NUMBER = 2_147_483_647  # what the column holds


class Tab(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"
    ALL = "all"


@dataclass(frozen=True)
class IncidentFilters:
    tab: Tab = Tab.OPEN
    service: UUID | None = None
    severity: str = ""
    type: str = ""
    text: str = ""

    @property
    def narrows(self) -> bool:
        """Test whether anything but the tab is chosen."""
        return self != IncidentFilters(tab=self.tab)

    def query(self, *, tab: Tab | None = None, before: int | None = None, after: int | None = None) -> str:
        """Return the query string that asks for this, with ``?``; nothing if it asks for nothing special."""
        chosen = tab or self.tab
        said = {
            "tab": "" if chosen == Tab.OPEN else chosen,
            "service": self.service,
            "severity": self.severity,
            "type": self.type,
            "q": self.text,
            "before": before,
            "after": after,
        }
        query = urlencode({name: value for name, value in said.items() if value not in {"", None}})
        return f"?{query}" if query else ""

    def without_service(self) -> "IncidentFilters":
        return replace(self, service=None)


@dataclass(frozen=True)
class Asked:
    """What the address asks for. ``problems`` says in words what in it was ignored."""

    filters: IncidentFilters
    before: int | None = None
    after: int | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    incidents: list[Incident]
    newer: int | None = None
    older: int | None = None


def parse(query: Mapping[str, str]) -> Asked:
    """Return what a query string asks for. Never fails: what cannot be understood is left out and told."""
    problems: list[str] = []
    filters = IncidentFilters(
        tab=Tab(_one_of(Tab, query.get("tab", ""), "tab", problems) or Tab.OPEN),
        service=_uuid(query.get("service", ""), problems),
        severity=_one_of(Severity, query.get("severity", ""), "severity", problems),
        type=_one_of(IncidentType, query.get("type", ""), "type", problems),
        # PostgreSQL cannot hold the NUL character in a text, so no title has it.
        text=query.get("q", "").replace("\x00", "").strip()[:TEXT_LIMIT],
    )
    before = _number(query.get("before", ""), problems)
    after = None if before else _number(query.get("after", ""), problems)
    return Asked(filters=filters, before=before, after=after, problems=tuple(problems))


def limit_to(asked: Asked, services: Collection[UUID]) -> Asked:
    """Leave out a service that the organization does not have, and say so."""
    if asked.filters.service is None or asked.filters.service in services:
        return asked
    problem = "The service in the address is not one of this organization, so all services are shown."
    return replace(asked, filters=asked.filters.without_service(), problems=(*asked.problems, problem))


def _one_of(allowed: Iterable[str], value: str, name: str, problems: list[str]) -> str:
    if not value or value in list(allowed):
        return value
    problems.append(f"There is no {name} “{value[:40]}”, so that part of the address was ignored.")
    return ""


def _uuid(value: str, problems: list[str]) -> UUID | None:
    if not value:
        return None
    try:
        return UUID(value)
    except ValueError:
        problems.append("The service in the address could not be read, so all services are shown.")
        return None


def _number(value: str, problems: list[str]) -> int | None:
    if not value:
        return None
    number = as_number(value)
    if number is None:
        problems.append("The place to begin at could not be read, so the newest are shown.")
    return number


def as_number(text: str) -> int | None:
    """Return the incident number that a text is, with or without #; None if it is none."""
    digits = text.removeprefix("#")
    if not (digits.isascii() and digits.isdigit()):
        return None
    number = int(digits[:10])
    return number if number <= LARGEST_NUMBER else None


def page(
    organization: Organization, *, filters: IncidentFilters, before: int | None = None, after: int | None = None
) -> Page:
    """Return up to PAGE_SIZE incidents, newest first: those below ``before``, or the nearest above ``after``."""
    matching = _matching(organization, filters).select_related("service", "acknowledged_by")
    if after is not None:
        nearest = list(matching.filter(number__gt=after).order_by("number")[: PAGE_SIZE + 1])
        if len(nearest) > PAGE_SIZE:
            shown = nearest[:PAGE_SIZE][::-1]
            return Page(incidents=shown, newer=shown[0].number, older=shown[-1].number)
        # Fewer than a page are newer: the reader is back at the top, and the top page is a full one.
    elif before is not None:
        matching = matching.filter(number__lt=before)
    rows = list(matching.order_by("-number")[: PAGE_SIZE + 1])
    shown = rows[:PAGE_SIZE]
    older = shown[-1].number if len(rows) > PAGE_SIZE else None
    newer = (shown[0].number if shown else before - 1) if before is not None else None
    return Page(incidents=shown, newer=newer, older=older)


def _matching(organization: Organization, filters: IncidentFilters) -> Incidents:
    incidents: Incidents = Incident.objects.of(organization)
    if filters.tab == Tab.OPEN:
        incidents = incidents.unresolved()
    elif filters.tab == Tab.RESOLVED:
        incidents = incidents.filter(status=Status.RESOLVED)
    if filters.service:
        incidents = incidents.filter(service=filters.service)
    if filters.severity:
        incidents = incidents.filter(severity=filters.severity)
    if filters.type:
        incidents = incidents.filter(type=filters.type)
    if filters.text:
        said = Q(title__icontains=filters.text)
        number = as_number(filters.text)
        incidents = incidents.filter(said if number is None else said | Q(number=number))
    return incidents


def count_open(organization: Organization) -> str:
    """Return how many incidents are unresolved, as shown: counted only as far as it matters."""
    count = Incident.objects.of(organization).unresolved()[: COUNT_CAP + 1].count()
    return str(count) if count <= COUNT_CAP else f"{COUNT_CAP}+"


def unresolved_by_service(organization: Organization) -> dict[UUID, int]:
    """Return how many incidents are unresolved, by the id of their service; services without any are missing."""
    rows = Incident.objects.of(organization).unresolved().values("service").annotate(count=Count("pk"))
    return {row["service"]: row["count"] for row in rows}


def incidents_of(service: Service) -> list[Use]:
    """Return what refers to the service from here, in words. Incidents stay where they are when it is archived."""
    count = Incident.objects.of(service.organization).filter(service=service).count()
    return [Use(f"{count} incident{'s' if count != 1 else ''}", prevents_archiving=False)] if count else []


def has_any(organization: Organization) -> bool:
    return Incident.objects.of(organization).exists()


def find(organization: Organization, *, number: int) -> Incident:
    """Return the incident with all that its page shows of it. Raises Http404."""
    incidents = Incident.objects.of(organization).filter(number=number)
    incident: Incident | None = incidents.select_related(
        "service", "acknowledged_by", "opened_by", "previous"
    ).first()
    if incident is None:
        raise Http404
    return incident


@dataclass(frozen=True)
class Timeline:
    entries: list[TimelineEntry]
    has_more: bool


def timeline(incident: Incident, *, whole: bool = False) -> Timeline:
    """Return what happened, newest first: whoever is called at night needs the present state, then the past."""
    entries = incident.timeline.order_by("-at", "-recorded_at", "-id")
    if whole:
        return Timeline(entries=list(entries), has_more=False)
    rows = list(entries[: TIMELINE_SHOWN + 1])
    return Timeline(entries=rows[:TIMELINE_SHOWN], has_more=len(rows) > TIMELINE_SHOWN)
