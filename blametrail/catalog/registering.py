"""Add services to the catalog and change what it says of them."""

from typing import TypedDict, Unpack

from django.db import IntegrityError, transaction

from blametrail.catalog.models import Service
from blametrail.organizations import audit
from blametrail.organizations.access import Access


class NameTaken(Exception):
    """A service with this name and environment exists already."""


class Particulars(TypedDict):
    name: str
    environment: str
    type: str
    url: str
    repository: str


def add(access: Access, **particulars: Unpack[Particulars]) -> Service:
    """Add a service. Raises NameTaken."""
    try:
        with transaction.atomic():
            service = Service.objects.create(organization=access.organization, **particulars)
            audit.record(access, "service.created", str(service))
    except IntegrityError:
        raise NameTaken(NameTaken.__doc__) from None
    return service


def change(access: Access, service: Service, **particulars: Unpack[Particulars]) -> None:
    """Give the service other particulars, and write down which ones changed. Raises NameTaken."""
    services = Service.objects.of(access.organization)
    try:
        with transaction.atomic():
            before = services.select_for_update().get(pk=service.pk)
            changes = [
                f"{field}: {getattr(before, field) or 'empty'} → {value or 'empty'}"
                for field, value in particulars.items()
                if getattr(before, field) != value
            ]
            if changes:
                services.filter(pk=service.pk).update(**particulars)
                audit.record(access, "service.changed", str(before), detail="\n".join(changes))
    except IntegrityError:
        raise NameTaken(NameTaken.__doc__) from None
