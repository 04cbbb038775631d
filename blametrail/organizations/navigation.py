"""What every page shows of the place a person is in: the organization, the others, and the way between."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from blametrail.organizations.access import organizations_of


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Return ``access`` (or None) and ``my_organizations`` for the page frame."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"access": None, "my_organizations": []}
    return {
        "access": getattr(request, "access", None),
        # Asked for by the frame only: the parts of a page that are refreshed every few seconds have no use for it.
        "my_organizations": SimpleLazyObject(lambda: organizations_of(user)),
    }
