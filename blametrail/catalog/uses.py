"""Who refers to a service: rooms above this one say so when they start, since this one does not know them."""

from collections.abc import Callable
from dataclasses import dataclass

from blametrail.catalog.models import Service


@dataclass(frozen=True)
class Use:
    """Something that refers to a service, as a person would name it: "the mapping of acme/backend"."""

    text: str
    prevents_archiving: bool


Finder = Callable[[Service], list[Use]]

_finders: list[Finder] = []


def register(finder: Finder) -> None:
    """Ask ``finder`` too from now on; to be called once, from an AppConfig's ``ready``."""
    if finder not in _finders:
        _finders.append(finder)


def of(service: Service) -> list[Use]:
    return [use for finder in _finders for use in finder(service)]
