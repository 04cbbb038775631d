"""Project mappings: which Sentry project opens incidents on which service."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from blametrail.catalog.models import Service
from blametrail.integrations.sentry import mappings as verbs
from blametrail.integrations.sentry import picking, queries, replaying
from blametrail.integrations.sentry.forms import MappingForm, MappingServiceForm
from blametrail.integrations.sentry.models import Connection, ProjectMapping
from blametrail.organizations import access as door
from blametrail.organizations.access import Access

require_get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@door.for_members
@require_GET
def mappings(request: HttpRequest, access: Access, connection: uuid.UUID) -> HttpResponse:
    row = queries.connection(access.organization, connection)
    mapped = queries.mappings(row)
    facts = {
        "connection": row,
        "mappings": mapped,
        "tray": queries.tray(row, mapped),
        "configurers": [] if access.may_configure else queries.configurers(access.organization),
    }
    return render(request, "sentry/mappings.html", facts)


@door.for_admins
@require_get_or_post
def add(request: HttpRequest, access: Access, connection: uuid.UUID) -> HttpResponse:
    row = queries.connection(access.organization, connection)
    services = _services(access)
    if not services.exists():
        return render(request, "sentry/mapping_needs_service.html", {"connection": row})
    offer = picking.offer(row)
    wanted = request.GET.get("project", "")
    form = MappingForm(services, request.POST or None, initial=offer.prefill(wanted))
    if request.method == "POST" and form.is_valid():
        mapping = _add(access, row, form, offer)
        if mapping is not None:
            messages.success(request, f"{mapping.project_slug} opens incidents on {mapping.service} from now on.")
            return _to_list(access, row)
    return render(request, "sentry/mapping_new.html", {"connection": row, "form": form, "offer": offer})


def _add(access: Access, row: Connection, form: MappingForm, offer: picking.Offer) -> ProjectMapping | None:
    """Add what the form says; None with the fault written on the form."""
    service: Service = form.cleaned_data["service"]
    try:
        return verbs.add(access, row, offer.find(form.cleaned_data["wanted"]), service=service)
    except verbs.NoSuchProject:
        form.add_error("typed", f"No project called {form.cleaned_data['wanted']} in {row}.")
    except verbs.AlreadyMapped as refusal:
        form.add_error("typed", str(refusal))
    return None


@door.for_admins
@require_get_or_post
def edit(request: HttpRequest, access: Access, connection: uuid.UUID, mapping: uuid.UUID) -> HttpResponse:
    subject = _mapping(access, connection, mapping)
    form = MappingServiceForm(_services(access), subject, request.POST or None)
    if request.method == "POST" and form.is_valid():
        verbs.change_service(access, subject, service=form.cleaned_data["service"])
        messages.success(request, f"{subject.project_slug} opens incidents on {subject.service} from now on.")
        return _to_list(access, subject.connection)
    facts = {"form": form, "mapping": subject, "connection": subject.connection}
    return render(request, "sentry/mapping_edit.html", facts)


@door.for_admins
@require_POST
def toggle(request: HttpRequest, access: Access, connection: uuid.UUID, mapping: uuid.UUID) -> HttpResponse:
    """Turn the mapping on or off, as the button said: pressing it twice does not undo it."""
    subject = _mapping(access, connection, mapping)
    is_active = request.POST.get("to") == "active"
    try:
        verbs.set_active(access, subject, is_active=is_active)
    except verbs.ServiceArchived as refusal:
        messages.error(request, str(refusal))
        return redirect("mapping_edit", access.organization.slug, connection, mapping)
    after = "opens incidents again" if is_active else "opens no incidents from now on"
    messages.success(request, f"{subject.project_slug} {after}.")
    return _to_list(access, subject.connection)


@door.for_admins
@require_get_or_post
def delete(request: HttpRequest, access: Access, connection: uuid.UUID, mapping: uuid.UUID) -> HttpResponse:
    subject = _mapping(access, connection, mapping)
    if request.method == "POST":
        verbs.delete(access, subject)
        messages.success(request, f"The mapping of {subject.project_slug} was deleted.")
        return _to_list(access, subject.connection)
    return render(request, "sentry/mapping_delete.html", {"mapping": subject, "connection": subject.connection})


@door.for_admins
@require_POST
def replay(request: HttpRequest, access: Access, connection: uuid.UUID, mapping: uuid.UUID) -> HttpResponse:
    """Look again at what was ignored for want of this mapping."""
    subject = _mapping(access, connection, mapping)
    count = replaying.for_mapping(access, subject, now=now())
    messages.success(request, f"Replaying {count} webhook{'s' if count != 1 else ''} of {subject.project_slug}.")
    return _to_list(access, subject.connection)


def _services(access: Access) -> Any:
    return Service.objects.of(access.organization).active().order_by("name", "environment")


def _mapping(access: Access, connection_id: uuid.UUID, mapping_id: uuid.UUID) -> ProjectMapping:
    rows = ProjectMapping.objects.of(access.organization).select_related("service", "connection")
    found: ProjectMapping = get_object_or_404(rows, pk=mapping_id, connection_id=connection_id)
    return found


def _to_list(access: Access, connection: Connection) -> HttpResponse:
    return redirect("mappings", organization=access.organization.slug, connection=connection.pk)
