"""The page that lists what an organization is, or can be, connected to."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import now
from django.views.decorators.http import require_GET

from blametrail.integrations.sentry import apps_registry
from blametrail.integrations.sentry import queries as sentry
from blametrail.organizations import access as door
from blametrail.organizations.access import Access


@door.for_members
@require_GET
def integrations(request: HttpRequest, access: Access) -> HttpResponse:
    summary = sentry.summary(access.organization, now=now())
    facts = {"sentry": summary, "apps": apps_registry.all_apps()}
    return render(request, "integrations/index.html", facts)
