"""Who refers to a service: rooms above this one say so when they start, since this one does not know them."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from blametrail.catalog.models import Service
from blametrail.organizations.models import Organization


@dataclass(frozen=True)
class Use:
    """Something that refers to a service, as a person would name it: "the mapping of acme/backend"."""

    text: str
    prevents_archiving: bool


FindUses = Callable[[Service], list[Use]]
CountIncidents = Callable[[Organization], Mapping[UUID, int]]

_find_uses: list[FindUses] = []
_count_incidents: list[CountIncidents] = []


def register(find_uses: FindUses) -> None:
    """Ask ``find_uses`` too from now on; to be called from an AppConfig's ``ready``."""
    if find_uses not in _find_uses:
        _find_uses.append(find_uses)


def register_count(count_incidents: CountIncidents) -> None:
    """Let ``count_incidents`` tell how many incidents of each service are not resolved; to be called as above."""
    if count_incidents not in _count_incidents:
        _count_incidents.append(count_incidents)


def of(service: Service) -> list[Use]:
    return [use for find_uses in _find_uses for use in find_uses(service)]


def unresolved_incidents(organization: Organization) -> Mapping[UUID, int]:
    """Return how many incidents are not resolved, by the id of their service; services without any may be missing."""
    total: Counter[UUID] = Counter()
    for count_incidents in _count_incidents:
        total.update(count_incidents(organization))
    return total
