"""The one door to tenant data: who may see and change what in an organization."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase

from blametrail.accounts.models import User
from blametrail.organizations.models import Membership, Organization, Role

P = ParamSpec("P")
View = Callable[..., HttpResponseBase]


@dataclass(frozen=True)
class Access:
    """A person inside one of their organizations."""

    user: User
    organization: Organization
    role: Role

    @property
    def may_configure(self) -> bool:
        return self.role.may_configure


def access_of(user: User, *, slug: str) -> Access:
    """Return the person's access to the organization. Raises Http404 to a stranger, whether or not it exists."""
    membership = Membership.objects.select_related("organization").filter(user=user, organization__slug=slug).first()
    if membership is None:
        raise Http404
    return Access(user=user, organization=membership.organization, role=Role(membership.role))


def organizations_of(user: User, *, configurable: bool = False) -> list[Organization]:
    """Return the person's organizations by name; only those they may configure, if asked."""
    memberships = Membership.objects.select_related("organization").filter(user=user)
    if configurable:
        memberships = memberships.filter(role__in=[Role.OWNER, Role.ADMIN])
    return [membership.organization for membership in memberships.order_by("organization__name")]


def for_members(view: Callable[Concatenate[HttpRequest, Access, P], HttpResponseBase]) -> View:
    """Let members of the organization named in the address in; 404 to anyone else, sign-in to visitors."""

    @login_required
    @wraps(view)
    def inner(request: HttpRequest, organization: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
        access = access_of(request.user, slug=organization)  # type: ignore[arg-type]  # login_required
        request.access = access  # type: ignore[attr-defined]  # for the navigation, see navigation.py
        return view(request, access, *args, **kwargs)

    inner.is_behind_the_door = True  # type: ignore[attr-defined]  # a test walks urls.py and asks for it
    return inner


def for_admins(view: Callable[Concatenate[HttpRequest, Access, P], HttpResponseBase]) -> View:
    """As ``for_members``, and refuse members who may not configure, with a page that says who may."""

    @wraps(view)
    def inner(request: HttpRequest, access: Access, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not access.may_configure:
            raise PermissionDenied("Only an owner or an admin of this organization can do that.")
        return view(request, access, *args, **kwargs)

    return for_members(inner)
