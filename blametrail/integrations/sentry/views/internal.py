"""Connecting by an internal integration: a token and a secret, pasted by an admin."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods

from blametrail.integrations.sentry import apps_registry, internal, queries
from blametrail.integrations.sentry.forms import InternalForm, TokenForm
from blametrail.integrations.sentry.models import Mode
from blametrail.organizations import access as door
from blametrail.organizations.access import Access


@door.for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def connect(request: HttpRequest, access: Access) -> HttpResponse:
    hosts = apps_registry.hosts()
    form = InternalForm(hosts, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = internal.connect(access, **form.cleaned_data, now=now())
        except (internal.CannotConnect, internal.ConnectedAlready) as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"Connected to {row}")
            return redirect("sentry_connection", organization=access.organization.slug, connection=row.pk)
    return render(request, "sentry/internal.html", {"form": form, "hosts": hosts})


@door.for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def replace_token(request: HttpRequest, access: Access, connection: uuid.UUID) -> HttpResponse:
    row = queries.connection(access.organization, connection)
    if row.mode != Mode.INTERNAL:
        return redirect("sentry_connection", organization=access.organization.slug, connection=row.pk)
    form = TokenForm(row, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            internal.replace_token(access, row, **form.cleaned_data, now=now())
        except internal.CannotConnect as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"The token was replaced; {row} is connected.")
            return redirect("sentry_connection", organization=access.organization.slug, connection=row.pk)
    return render(request, "sentry/token.html", {"form": form, "connection": row})
