"""One connection: its ledger, and what an admin can do to it."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from blametrail.integrations.sentry import adopting, disconnecting, proving, queries, standing, tokens
from blametrail.integrations.sentry.forms import LedgerFilter
from blametrail.integrations.sentry.models import Connection, Mode, State
from blametrail.integrations.sentry.views import paging
from blametrail.organizations import access as door
from blametrail.organizations.access import Access


@door.for_members
@require_GET
def connection(request: HttpRequest, access: Access, connection: uuid.UUID) -> HttpResponse:
    row = queries.connection(access.organization, connection)
    chosen = LedgerFilter(request.GET)
    kind = chosen.cleaned_data["kind"] if chosen.is_valid() else ""
    entries = queries.page(queries.ledger(row, kind=kind), **paging.place(request))
    facts = {
        "connection": row,
        "standing": standing.of(row, now=now()),
        "life": _life(row),
        "webhook_address": webhook_address(row),
        "filter": chosen,
        "entries": entries.rows,
        "configurers": [] if access.may_configure else queries.configurers(access.organization),
        **paging.links(request, entries),
    }
    return render(request, "sentry/connection.html", facts)


def webhook_address(row: Connection) -> str:
    return f"{settings.BASE_URL}/hooks/sentry/{row.pk}"


def _life(row: Connection) -> dict[str, Any] | None:
    """Return how much of the token's life is over, in percent, and where the renewal is due; None without a token."""
    if row.token_issued_at is None or row.token_expires_at is None:
        return None
    whole = (row.token_expires_at - row.token_issued_at).total_seconds() or 1
    spent = (now() - row.token_issued_at).total_seconds()
    renewal = (row.renew_at - row.token_issued_at).total_seconds() if row.renew_at else whole
    return {"spent": _percent(spent / whole), "renewal": _percent(renewal / whole), "has_ended": spent >= whole}


def _percent(share: float) -> int:
    return round(100 * min(max(share, 0), 1))


@door.for_admins
@require_POST
def test(request: HttpRequest, access: Access, connection: uuid.UUID) -> HttpResponse:
    """Make a real call to Sentry now; for one still connecting, the call that it waits for."""
    row = queries.connection(access.organization, connection)
    if row.state == State.CONNECTING:
        settled = adopting.settle(row)
        is_alive, words = settled.state != State.CONNECTING, f"{settled} answered."
        words = words if is_alive else "Sentry still does not say which organization it is."
    else:
        proof = proving.prove(row, by=access.user)
        is_alive, words = proof.is_alive, proof.words
    say = messages.success if is_alive else messages.error
    say(request, words)
    return _back(request, access, row)


@door.for_admins
@require_POST
def renew(request: HttpRequest, access: Access, connection: uuid.UUID) -> HttpResponse:
    row = queries.connection(access.organization, connection)
    if tokens.renew(row):
        messages.success(request, "The token was renewed.")
        return _back(request, access, row)
    row.refresh_from_db()
    if row.failures:
        messages.error(request, f"The token was not renewed: {row.last_error}")
    elif row.state == State.DISCONNECTED:
        messages.error(request, "There is no token to renew. Reconnect instead.")
    else:
        messages.info(request, "The token is being renewed at this moment.")
    return _back(request, access, row)


@door.for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def disconnect(request: HttpRequest, access: Access, connection: uuid.UUID) -> HttpResponse:
    row = queries.connection(access.organization, connection)
    if request.method == "POST":
        is_uninstalled = disconnecting.by_person(access, row, now=now())
        _say_disconnected(request, row, is_uninstalled=is_uninstalled)
        return redirect("sentry", organization=access.organization.slug)
    return render(request, "sentry/disconnect.html", {"connection": row})


def _say_disconnected(request: HttpRequest, row: Connection, *, is_uninstalled: bool) -> None:
    if is_uninstalled:
        messages.success(request, f"Disconnected from {row}, and uninstalled in Sentry.")
    elif row.mode == Mode.INTERNAL:
        messages.success(request, f"Disconnected from {row}. Delete the internal integration in Sentry too.")
    else:
        where = "In Sentry, open Settings, Integrations, BlameTrail, and uninstall it there too."
        messages.warning(request, f"Disconnected from {row}. Sentry does not let BlameTrail remove itself. {where}")


@door.for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: HttpRequest, access: Access, connection: uuid.UUID) -> HttpResponse:
    row = queries.connection(access.organization, connection)
    if request.method != "POST":
        return render(request, "sentry/remove.html", {"connection": row})
    if disconnecting.put_away(access, row, now=now()):
        messages.success(request, f"{row} was removed from the list.")
    else:
        messages.error(request, f"{row} is not disconnected. Disconnect it first.")
    return redirect("sentry", organization=access.organization.slug)


@door.for_admins
@require_POST
def confirm(request: HttpRequest, access: Access, connection: uuid.UUID) -> HttpResponse:
    settled = adopting.confirm(access, queries.connection(access.organization, connection))
    messages.success(request, f"Connected to {settled}")
    return redirect("sentry", organization=access.organization.slug)


@door.for_admins
@require_POST
def decline(request: HttpRequest, access: Access, connection: uuid.UUID) -> HttpResponse:
    row = queries.connection(access.organization, connection)
    adopting.decline(access, row, now=now())
    messages.success(request, f"{row} was let go. Nothing of it is kept.")
    return redirect("sentry", organization=access.organization.slug)


def _back(request: HttpRequest, access: Access, row: Connection) -> HttpResponse:
    """Return to the page the button was on."""
    if (
        request.POST.get("from") == "list"
        or not Connection.objects.of(access.organization).filter(pk=row.pk).exists()
    ):
        return redirect("sentry", organization=access.organization.slug)
    return redirect("sentry_connection", organization=access.organization.slug, connection=row.pk)
