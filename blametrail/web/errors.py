"""Pages for what went wrong, each saying what happened and what to do."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import is_valid_path

REASON_UNKNOWN = "Your role in this organization does not allow it."


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return _page(
        request,
        400,
        title="That request could not be understood",
        happened="Something in the address or in what was sent is not as BlameTrail expects it.",
        advice="Go back and try again from the page before. If you followed a link, it may have been cut short.",
    )


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(
        request,
        403,
        title="You may not do that",
        happened=str(exception or "") or REASON_UNKNOWN,
        advice="Nothing was changed. Ask an owner or an admin of the organization to do it, or to change your role.",
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return _page(
        request,
        404,
        title="Nothing to see at this address",
        happened="It does not exist, has moved, or belongs to an organization you are not a member of.",
        advice="Check the address. If a colleague sent it to you, ask to be invited to their organization.",
    )


def server_error(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 -- it must not be asked for anything
    """Answer without touching the request, the session or the database: any of them may be what failed."""
    return HttpResponseServerError(render_to_string("errors/500.html"))


def not_by_link(request: HttpRequest, *, allowed: str) -> HttpResponse:
    response = _page(
        request,
        405,
        title="Nothing was changed",
        happened="This address does something when a button is pressed, and it was opened like a page instead. That "
        "happens when your session had ended before you pressed it.",
        advice="Go back to the page with the button and press it again.",
        url=_page_above(request.path),
        label="Back to the page",
    )
    response.headers["Allow"] = allowed
    return response


def _page_above(path: str) -> str:
    """Return the nearest address above that leads anywhere."""
    while path != "/":
        path = path.rstrip("/").rpartition("/")[0] + "/"
        if is_valid_path(path):
            return path
    return "/"


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 -- Django's signature
    return _page(
        request,
        403,
        title="This page was open for too long",
        happened="To keep others from acting in your name, each form is only good for the session it was opened in, "
        "and that has ended. Perhaps you signed in or out in another tab, or your browser blocks cookies.",
        advice="Nothing was changed. Go back, reload the page and send the form again.",
        url=_came_from(request),
        label="Back to the page",
    )


def _came_from(request: HttpRequest) -> str:
    referer = request.headers.get("Referer", "")
    return referer if referer.startswith(request.build_absolute_uri("/")) else "/"


def _page(request: HttpRequest, status: int, **words: Any) -> HttpResponse:
    user = getattr(request, "user", None)
    is_inside = user is not None and user.is_authenticated
    frame = "base.html" if is_inside else "base_plain.html"
    words.setdefault("url", "/")
    words.setdefault("label", "To my incidents" if is_inside else "To the start")
    return render(request, "errors/page.html", {"frame": frame, **words}, status=status)
