"""The pages on which a team lists, describes, archives and restores what it runs."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from blametrail.catalog import archiving, registering, uses
from blametrail.catalog.forms import ServiceForm
from blametrail.catalog.models import Service
from blametrail.organizations import access as door
from blametrail.organizations.access import Access

require_get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@door.for_members
@require_GET
def services(request: HttpRequest, access: Access) -> HttpResponse:
    everything = Service.objects.of(access.organization).order_by("name", "environment")
    shows_archived = request.GET.get("archived") == "1"
    shown = everything.exclude(archived_at=None) if shows_archived else everything.active()
    unresolved = uses.unresolved_incidents(access.organization)
    facts = {
        "services": [(service, unresolved.get(service.pk, 0)) for service in shown],
        "shows_archived": shows_archived,
        "has_archived": everything.exclude(archived_at=None).exists(),
    }
    return render(request, "catalog/services.html", facts)


@door.for_admins
@require_get_or_post
def service_new(request: HttpRequest, access: Access) -> HttpResponse:
    form = ServiceForm(access, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            service = registering.add(access, **form.cleaned_data)
        except registering.NameTaken as taken:
            form.add_error("name", str(taken))
        else:
            messages.success(request, f"{service} is in the catalog.")
            return redirect("services", organization=access.organization.slug)
    return render(request, "catalog/service_new.html", {"form": form})


@door.for_admins
@require_get_or_post
def service_edit(request: HttpRequest, access: Access, service: uuid.UUID) -> HttpResponse:
    subject = _service(access, service)
    form = ServiceForm(access, request.POST or None, service=subject)
    if request.method == "POST" and form.is_valid():
        try:
            registering.change(access, subject, **form.cleaned_data)
        except registering.NameTaken as taken:
            form.add_error("name", str(taken))
        else:
            messages.success(request, "Saved.")
            return redirect("services", organization=access.organization.slug)
    return render(request, "catalog/service_edit.html", {"form": form, "service": subject})


@door.for_admins
@require_get_or_post
def service_archive(request: HttpRequest, access: Access, service: uuid.UUID) -> HttpResponse:
    """Say what refers to the service before it is archived, and refuse while something still feeds it."""
    subject = _service(access, service)
    if request.method == "POST":
        try:
            archiving.archive(access, subject, now=now())
        except archiving.StillInUse as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, f"{subject} is archived. Its incidents stay where they are.")
            return redirect("services", organization=access.organization.slug)
    found = uses.of(subject)
    facts = {"service": subject, "uses": found, "is_refused": any(use.prevents_archiving for use in found)}
    return render(request, "catalog/service_archive.html", facts)


@door.for_admins
@require_POST
def service_restore(request: HttpRequest, access: Access, service: uuid.UUID) -> HttpResponse:
    subject = _service(access, service)
    try:
        archiving.restore(access, subject)
    except registering.NameTaken as taken:
        messages.error(request, f"{subject} cannot be restored. {taken} Rename that one first.")
    else:
        messages.success(request, f"{subject} is back.")
    return redirect("services", organization=access.organization.slug)


def _service(access: Access, service_id: uuid.UUID) -> Service:
    service: Service = get_object_or_404(Service.objects.of(access.organization), pk=service_id)
    return service
