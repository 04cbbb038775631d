"""A part of a page that stays true: rendered with the page, asked for again every few seconds, and swapped by htmx
only when it has changed, so that focus, selection and open menus are left in peace."""

import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

SEEN = "seen"
NOTHING_NEW = 204  # htmx swaps nothing on it


@dataclass(frozen=True)
class Live:
    """For ``components/live.html``, as ``live``."""

    id: str
    html: SafeString
    address: str

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.html.encode()).hexdigest()[:16]

    @property
    def url(self) -> str:
        joint = "&" if "?" in self.address else "?"
        return f"{self.address}{joint}{urlencode({SEEN: self.fingerprint})}"


def part(request: HttpRequest, template: str, context: dict[str, Any], *, id: str, address: str) -> Live:  # noqa: A002
    """Return the rendered part; ``address`` is where it can be asked for again."""
    return Live(id=id, html=render_to_string(template, context, request), address=address)


def answer(request: HttpRequest, live: Live) -> HttpResponse:
    """Return the part again, or that there is nothing new since the page last saw it."""
    if request.GET.get(SEEN) == live.fingerprint:
        return HttpResponse(status=NOTHING_NEW)
    return HttpResponse(render_to_string("components/live.html", {"live": live}))
