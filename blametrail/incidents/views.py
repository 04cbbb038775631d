"""Pages about incidents, and the way to them."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from blametrail.catalog.models import Service
from blametrail.incidents import lifecycle, queries
from blametrail.incidents.forms import CommentForm, IncidentForm
from blametrail.incidents.models import Incident, IncidentType, Severity
from blametrail.organizations import access
from blametrail.organizations.access import Access
from blametrail.web import live

LAST_ORGANIZATION = "last_organization"


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Take a signed-in person to their incidents; tell a visitor what this is."""
    if not request.user.is_authenticated:
        return render(request, "web/landing.html", {"may_sign_up": settings.ENVIRONMENT.sign_up})
    slugs = [organization.slug for organization in access.organizations_of(request.user)]
    if not slugs:
        return redirect("organization_new")
    last = request.session.get(LAST_ORGANIZATION)
    return redirect("incidents", last if last in slugs else slugs[0])


@require_safe
@access.for_members
def incidents(request: HttpRequest, access: Access) -> HttpResponse:
    organization = access.organization
    services = list(Service.objects.of(organization).order_by("name", "environment"))
    asked = queries.limit_to(queries.parse(request.GET.dict()), {service.pk for service in services})
    page = queries.page(organization, filters=asked.filters, before=asked.before, after=asked.after)
    address = reverse("incidents", args=[organization.slug])
    context = {
        "access": access,
        "address": address,
        "filters": asked.filters,
        "problems": asked.problems,
        "page": page,
        "newer": None if page.newer is None else address + asked.filters.query(after=page.newer),
        "older": None if page.older is None else address + asked.filters.query(before=page.older),
        "has_any": bool(page.incidents) or queries.has_any(organization),
        "open_count": queries.count_open(organization),
    }
    here = asked.filters.query(before=asked.before, after=asked.after)
    part = live.part(
        request,
        "incidents/_list.html",
        context,
        id="incident-list",
        address=address + here,
        elsewhere="incidents/_open_count.html",
    )
    if live.is_asked(request):
        return live.answer(request, part)
    if request.session.get(LAST_ORGANIZATION) != organization.slug:
        request.session[LAST_ORGANIZATION] = organization.slug
    choices = {"services": services, "severities": Severity.choices, "types": IncidentType.choices}
    tabs = [(tab, tab.title(), address + asked.filters.query(tab=tab)) for tab in queries.Tab]
    return render(request, "incidents/list.html", {**context, **choices, "tabs": tabs, "live": part})


@require_safe
@access.for_members
def incident(request: HttpRequest, access: Access, number: int) -> HttpResponse:
    found = queries.find(access.organization, number=number)
    if live.is_asked(request):
        return live.answer(request, _timeline(request, _facts(access, found)))
    return _show(request, access, found, CommentForm())


def _show(
    request: HttpRequest, access: Access, found: Incident, form: CommentForm, status: int = 200
) -> HttpResponse:
    facts = _facts(access, found)
    context = {**facts, "live": _timeline(request, facts), "form": form}
    return render(request, "incidents/detail.html", context, status=status)


def _facts(access: Access, found: Incident) -> dict[str, Any]:
    lasted = (found.resolved_at or timezone.now()) - found.started_at
    # The address came from outside, and a link must lead to a web page and nothing else.
    is_web = found.external_url.startswith(("https://", "http://"))
    return {
        "access": access,
        "incident": found,
        "lasted": lasted,
        "relapses": list(found.relapses.order_by("number")[:5]),
        "source_url": found.external_url if is_web else "",
    }


def _timeline(request: HttpRequest, facts: dict[str, Any]) -> live.Live:
    whole = request.GET.get("timeline") == "whole"
    found: Incident = facts["incident"]
    address = reverse("incident", args=[facts["access"].organization.slug, found.number])
    context = {**facts, "timeline": queries.timeline(found, whole=whole)}
    return live.part(
        request,
        "incidents/_timeline.html",
        context,
        id="timeline",
        address=f"{address}?timeline=whole" if whole else address,
        elsewhere="incidents/_facts.html",
    )


@require_http_methods(["GET", "POST"])
@access.for_members
def incident_new(request: HttpRequest, access: Access) -> HttpResponse:
    now = timezone.now()
    organization = access.organization
    chosen = {"service": request.GET.get("service")}
    form = IncidentForm(request.POST or None, organization=organization, now=now, initial=chosen)
    if request.method == "POST" and form.is_valid():
        opened = lifecycle.open_by_hand(organization, **form.cleaned_data, by=access.user, now=now)
        messages.success(request, f"Incident #{opened.number} is open.")
        return redirect("incident", organization.slug, opened.number)
    has_services = Service.objects.of(organization).active().exists()
    return render(request, "incidents/new.html", {"access": access, "form": form, "has_services": has_services})


def _change(verb: Callable[..., None], done: str) -> access.View:
    """Return the view of a verb that changes an incident's state."""

    @require_POST
    @access.for_members
    def view(request: HttpRequest, access: Access, number: int) -> HttpResponse:
        found = queries.find(access.organization, number=number)
        try:
            verb(found, by=access.user, now=timezone.now())
        except lifecycle.AlreadyThere as already:
            messages.info(request, str(already))
        else:
            messages.success(request, done)
        return redirect("incident", access.organization.slug, number)

    return view


incident_acknowledge = _change(lifecycle.acknowledge, "Acknowledged. Everyone can see that you are on it.")
incident_resolve = _change(lifecycle.resolve, "Resolved.")
incident_reopen = _change(lifecycle.reopen, "Open again.")


@require_POST
@access.for_members
def incident_comment(request: HttpRequest, access: Access, number: int) -> HttpResponse:
    found = queries.find(access.organization, number=number)
    form = CommentForm(request.POST)
    if not form.is_valid():
        return _show(request, access, found, form, status=422)
    lifecycle.comment(found, by=access.user, text=form.cleaned_data["text"], now=timezone.now())
    return redirect("incident", access.organization.slug, number)
