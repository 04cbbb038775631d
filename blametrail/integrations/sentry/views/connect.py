"""Out to Sentry and back: connect, reconnect, the callback, and claiming an install that was begun in Sentry."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from blametrail.accounts.models import User
from blametrail.integrations.sentry import apps_registry, browser, connecting, problems, queries
from blametrail.integrations.sentry.forms import ClaimForm
from blametrail.integrations.sentry.models import Connection, Mode, SentryApp, State, UnclaimedInstallation
from blametrail.integrations.sentry.views.ended_badly import TO_START, Retry, problem_page, retry_of
from blametrail.organizations import access as door
from blametrail.organizations.access import Access
from blametrail.organizations.models import Organization
from blametrail.web.leaving import leave_for


@door.for_admins
@require_POST
def connect(request: HttpRequest, access: Access) -> HttpResponse:
    app = _app(request.POST.get("app", ""))
    if app is None:
        page = Retry("To the Sentry page", reverse("sentry", args=[access.organization.slug]))
        return problem_page(request, problems.NoApp(), retry=page)
    address = connecting.start(access, app, session_nonce=browser.nonce(request), now=now())
    return leave_for(request, address, name=app.host)


def _app(key: str) -> SentryApp | None:
    """Return the app with this key; the first one where none is named, as when there is but one."""
    apps = apps_registry.all_apps()
    return next((app for app in apps if key in {"", app.key}), None)


@door.for_admins
@require_POST
def reconnect(request: HttpRequest, access: Access, connection: uuid.UUID) -> HttpResponse:
    row = queries.connection(access.organization, connection)
    if row.mode == Mode.INTERNAL or row.app is None:
        return redirect("sentry_token", organization=access.organization.slug, connection=row.pk)
    if connecting.repair_here(row, user=access.user):
        messages.success(request, f"Connected to {row}")
        return redirect("sentry", organization=access.organization.slug)
    nonce = browser.nonce(request)
    address = connecting.start(access, row.app, session_nonce=nonce, now=now(), repairs=row)
    return leave_for(request, address, name=row.app.host)


@require_GET
def callback(request: HttpRequest, key: str = "") -> HttpResponse:
    """Where Sentry sends people back to, signed in or not. Nothing in the address is believed."""
    came_back = connecting.read_redirect(request.GET.dict())
    if not came_back.state:
        return _hold(request, came_back, key)
    if not request.user.is_authenticated:
        attempt = queries.attempt(came_back.state)
        page = reverse("sentry", args=[attempt.organization.slug]) if attempt else "/"
        return render(request, "sentry/sign_in_first.html", {"next": page}, status=403)
    return _finish(request, came_back, request.user)


def _finish(request: HttpRequest, came_back: connecting.CameBack, user: User) -> HttpResponse:
    attempt = queries.attempt(came_back.state, user=user)
    try:
        connection = connecting.finish(came_back, user=user, session_nonce=browser.nonce(request))
    except problems.ConnectProblem as problem:
        if isinstance(problem, problems.UsedState) and attempt and attempt.outcome == "connected":
            return _connected_already(request, came_back, attempt.organization)
        organization = attempt.organization if attempt else None
        return problem_page(request, problem, retry=retry_of(attempt, user), organization=organization)
    return _arrived(request, connection)


def _connected_already(
    request: HttpRequest, came_back: connecting.CameBack, organization: Organization
) -> HttpResponse:
    rows = Connection.objects.of(organization).filter(installation_uuid=came_back.installation)
    messages.info(request, f"{rows.first() or 'Sentry'} is connected already.")
    return redirect("sentry", organization=organization.slug)


def _arrived(request: HttpRequest, connection: Connection) -> HttpResponse:
    if connection.state == State.CONNECTED:
        messages.success(request, f"Connected to {connection}")
    elif connection.state == State.CONNECTING:
        messages.info(request, "Sentry gave access. This page shows which organization it is as soon as it is known.")
    elif connection.state == State.UNCONFIRMED:
        messages.warning(request, f"{connection} is not the organization you set out to reconnect. Please decide.")
    return redirect("sentry", organization=connection.organization.slug)


# --- begun inside Sentry ----------------------------------------------------------------------------------------


def _hold(request: HttpRequest, came_back: connecting.CameBack, key: str) -> HttpResponse:
    app = _app(key)
    try:
        if came_back.error:
            raise problems.Cancelled
        if app is None:
            raise problems.NoApp
        held = connecting.hold_unclaimed(came_back, app, session_nonce=browser.nonce(request), now=now())
    except problems.ConnectProblem as problem:
        return problem_page(request, problem)
    browser.remember_held(request, held)
    return redirect("sentry_claim", held=held.pk)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def claim(request: HttpRequest, held: uuid.UUID) -> HttpResponse:
    """Let the person say which of their organizations the install belongs to; nothing is attached before that."""
    user: User = request.user  # type: ignore[assignment]  # login_required
    try:
        waiting = connecting.held_in_session(held, session_nonce=browser.nonce(request), now=now())
    except problems.ConnectProblem as problem:
        browser.forget_held(request)
        return problem_page(request, problem)
    form = ClaimForm(connecting.claimable_by(user), request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _claim(request, waiting, user, form.cleaned_data["organization"])
    minutes = max(1, round((waiting.expires_at - now()).total_seconds() / 60))
    return render(request, "sentry/claim.html", {"held": waiting, "form": form, "minutes": minutes})


def _claim(request: HttpRequest, held: UnclaimedInstallation, user: User, organization: Organization) -> HttpResponse:
    try:
        connection = connecting.claim(held, user=user, organization=organization)
    except problems.SentryDown as problem:
        again = {"organization": organization.slug}
        retry = Retry("Try again", reverse("sentry_claim", args=[held.pk]), is_post=True, fields=again)
        return problem_page(request, problem, retry=retry, organization=organization)
    except problems.ConnectProblem as problem:
        browser.forget_held(request)
        begin = Retry("Connect from here", reverse("sentry_connect", args=[organization.slug]), is_post=True)
        is_allowed = connecting.may_configure(user, organization)
        retry = begin if is_allowed else TO_START
        return problem_page(request, problem, retry=retry, organization=organization if is_allowed else None)
    browser.forget_held(request)
    return _arrived(request, connection)
