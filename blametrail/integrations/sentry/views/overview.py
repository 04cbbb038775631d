"""The Sentry page: what is connected, how it stands, and how to connect more."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_GET

from blametrail.integrations.sentry import apps_registry, queries
from blametrail.organizations import access as door
from blametrail.organizations.access import Access
from blametrail.web import live


@door.for_members
@require_GET
def sentry(request: HttpRequest, access: Access) -> HttpResponse:
    facts: dict[str, Any] = {
        "listed": queries.connections(access.organization, now=now()),
        "configurers": [] if access.may_configure else queries.configurers(access.organization),
    }
    address = reverse("sentry", args=[access.organization.slug])
    part = live.part(request, "sentry/connections.html", facts, id="connections", address=address)
    if live.SEEN in request.GET:
        return live.answer(request, part)
    return render(request, "sentry/sentry.html", {**facts, "live": part, "apps": apps_registry.all_apps()})
