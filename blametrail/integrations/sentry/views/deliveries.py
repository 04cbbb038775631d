"""The delivery log: every webhook that came, what became of it, and trying it again."""

import uuid
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from blametrail.incidents.models import Incident
from blametrail.intake import deliveries as intake
from blametrail.intake.models import Status
from blametrail.integrations.sentry import queries, redaction, replaying
from blametrail.integrations.sentry.forms import DeliveryFilter
from blametrail.integrations.sentry.models import Connection
from blametrail.integrations.sentry.views import paging
from blametrail.lib.encryption import CannotOpen
from blametrail.organizations import access as door
from blametrail.organizations.access import Access


@door.for_members
@require_GET
def deliveries(request: HttpRequest, access: Access) -> HttpResponse:
    connections = list(Connection.objects.of(access.organization).order_by("sentry_organization_name"))
    asked = DeliveryFilter(connections, request.GET)
    chosen = {name: value for name, value in asked.cleaned_data.items() if value} if asked.is_valid() else {}
    everything = queries.deliveries(access.organization)
    page = queries.page(everything.filter(_matching(chosen)), **paging.place(request))
    by_id = {connection.pk: connection for connection in connections}
    facts = {
        "rows": [(delivery, by_id.get(delivery.connection_id)) for delivery in page.rows],
        "filter": asked,
        "is_filtered": bool(chosen),
        "failed": queries.count_up_to(everything.filter(status=Status.FAILED)) if access.may_configure else 0,
        "has_connections": bool(connections),
        **paging.links(request, page),
    }
    return render(request, "sentry/deliveries.html", facts)


def _matching(chosen: dict[str, Any]) -> Q:
    columns = {"status": "status", "resource": "resource", "connection": "connection_id"}
    matching = Q(**{columns[name]: value for name, value in chosen.items() if name in columns})
    if text := chosen.get("text"):
        matching &= Q(subject__icontains=text) | Q(project__icontains=text) | Q(outcome__icontains=text)
    return matching


@door.for_members
@require_GET
def delivery(request: HttpRequest, access: Access, delivery: uuid.UUID) -> HttpResponse:
    row = queries.delivery(access.organization, delivery)
    facts = {
        "delivery": row,
        "connection": Connection.objects.of(access.organization).filter(pk=row.connection_id).first(),
        "incident": Incident.objects.of(access.organization).filter(pk=row.incident_id).first(),
        "body": _body(row),
    }
    return render(request, "sentry/delivery.html", facts)


def _body(row: Any) -> dict[str, str]:
    try:
        body = intake.body_of(row)
    except CannotOpen as reason:
        return {"trouble": f"The body cannot be read. {reason}"}
    return {"pretty": redaction.pretty(body), "exact": redaction.shown(body)}


@door.for_admins
@require_POST
def replay(request: HttpRequest, access: Access, delivery: uuid.UUID) -> HttpResponse:
    row = queries.delivery(access.organization, delivery)
    if replaying.one(access, row, now=now()):
        messages.success(request, "This webhook is processed again; look again in a moment.")
    else:
        messages.info(request, "This webhook is being processed at this moment.")
    return redirect("delivery", organization=access.organization.slug, delivery=row.pk)


@door.for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def replay_failed(request: HttpRequest, access: Access) -> HttpResponse:
    if request.method == "POST":
        count = replaying.all_failed(access, now=now())
        messages.success(request, f"Replaying {count} webhook{'s' if count != 1 else ''}.")
        return redirect("deliveries", organization=access.organization.slug)
    failed = queries.deliveries(access.organization).filter(status=Status.FAILED)
    return render(request, "sentry/replay_failed.html", {"count": queries.count_up_to(failed)})
