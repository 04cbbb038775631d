"""Found an organization, and change what it is called and where it lives."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypedDict, Unpack

from django.db import IntegrityError, transaction

from blametrail.accounts.models import User
from blametrail.organizations import audit, slugs
from blametrail.organizations.access import Access
from blametrail.organizations.models import Membership, Organization, Role


class SlugTaken(Exception):
    """Another organization has this address already. Choose another one."""


class Particulars(TypedDict):
    name: str
    slug: str
    timezone: str


def found(founder: User, **particulars: Unpack[Particulars]) -> Access:
    """Make an organization with ``founder`` as its owner. Raises SlugTaken."""
    with _one_slug_each(), transaction.atomic():
        organization = Organization.objects.create(**particulars)
        Membership.objects.create(organization=organization, user=founder, role=Role.OWNER)
        access = Access(user=founder, organization=organization, role=Role.OWNER)
        audit.record(access, "organization.created", organization.name)
    return access


def change(access: Access, **particulars: Unpack[Particulars]) -> Organization:
    """Give the organization other particulars, and write down which ones changed. Raises SlugTaken."""
    with _one_slug_each(), transaction.atomic():
        organization = Organization.objects.select_for_update().get(pk=access.organization.pk)
        changes = [
            f"{field}: {getattr(organization, field)} → {value}"
            for field, value in particulars.items()
            if getattr(organization, field) != value
        ]
        if changes:
            Organization.objects.filter(pk=organization.pk).update(**particulars)
            audit.record(access, "organization.changed", particulars["name"], detail="\n".join(changes))
    organization.refresh_from_db()
    return organization


def suggest_slug(name: str) -> str:
    """Return a free slug for an organization of this name; free now, that is, and not kept for anybody."""
    stem = slugs.suggest(name, taken=())
    taken = set(Organization.objects.filter(slug__startswith=stem[:40]).values_list("slug", flat=True))
    return slugs.suggest(name, taken=taken)


@contextmanager
def _one_slug_each() -> Iterator[None]:
    try:
        yield
    except IntegrityError as conflict:
        raise SlugTaken(SlugTaken.__doc__) from conflict
