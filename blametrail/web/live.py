"""Parts of a page that stay true: rendered with the page, asked for again every few seconds.

They are swapped only when something has changed, so that focus, selection and open menus are left in peace.
"""

import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

SEEN = "seen"
NOTHING_NEW = 204  # htmx swaps nothing on it


@dataclass(frozen=True)
class Live:
    """For ``components/live.html``, as ``live``. ``elsewhere`` replaces, by id, what stands outside the part."""

    id: str
    html: str
    elsewhere: str
    address: str

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256((self.html + self.elsewhere).encode()).hexdigest()[:16]

    @property
    def url(self) -> str:
        joint = "&" if "?" in self.address else "?"
        return f"{self.address}{joint}{urlencode({SEEN: self.fingerprint})}"


def part(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    id: str,  # noqa: A002 -- it is the HTML attribute of that name
    address: str,
    elsewhere: str = "",
) -> Live:
    """Return the part as rendered; ``address`` is where it can be asked for again.

    ``elsewhere`` names a template whose top elements carry ``{% if swap %}hx-swap-oob="true"{% endif %}``. The page
    includes it where it belongs; an answer brings it along.
    """
    outside = render_to_string(elsewhere, {**context, "swap": True}, request) if elsewhere else ""
    return Live(id=id, html=render_to_string(template, context, request), elsewhere=outside, address=address)


def is_asked(request: HttpRequest) -> bool:
    """Test whether a page that is open already asks for its live part."""
    return SEEN in request.GET


def answer(request: HttpRequest, live: Live) -> HttpResponse:
    """Return the part again, or that there is nothing new since the page last saw it."""
    if request.GET.get(SEEN) == live.fingerprint:
        return HttpResponse(status=NOTHING_NEW)
    return HttpResponse(render_to_string("components/live.html", {"live": live}) + live.elsewhere)
