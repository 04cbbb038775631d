"""Pages about incidents, and the way to them."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from blametrail.organizations.access import organizations_of

LAST_ORGANIZATION = "last_organization"


def home(request: HttpRequest) -> HttpResponse:
    """Take a signed-in person to their incidents; tell a visitor what this is."""
    if not request.user.is_authenticated:
        return render(request, "web/landing.html", {"may_sign_up": settings.ENVIRONMENT.sign_up})
    slugs = [organization.slug for organization in organizations_of(request.user)]
    if not slugs:
        return redirect("organization_new")
    last = request.session.get(LAST_ORGANIZATION)
    return redirect("incidents", last if last in slugs else slugs[0])
