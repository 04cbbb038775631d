"""Where in a long list a request is, and the addresses of the pages beside it."""

import uuid
from typing import TypedDict

from django.http import HttpRequest

from blametrail.integrations.sentry.queries import Page

BEFORE, AFTER = "before", "after"


class Place(TypedDict, total=False):
    before: uuid.UUID
    after: uuid.UUID


def place(request: HttpRequest) -> Place:
    """Return the id the page begins from, if the address has one that makes sense."""
    for name in (BEFORE, AFTER):
        try:
            return {name: uuid.UUID(request.GET.get(name, ""))}  # type: ignore[misc]  # a name out of two
        except ValueError:
            continue
    return {}


def links(request: HttpRequest, page: Page) -> dict[str, str]:
    """Return ``older`` and ``newer`` for components/pager.html, with the filters kept."""
    steps = {"older": (BEFORE, page.older), "newer": (AFTER, page.newer)}
    return {name: _address(request, key, mark) for name, (key, mark) in steps.items() if mark}


def _address(request: HttpRequest, key: str, mark: uuid.UUID) -> str:
    query = request.GET.copy()
    for name in (BEFORE, AFTER):
        query.pop(name, None)
    query[key] = str(mark)
    return f"?{query.urlencode()}"
