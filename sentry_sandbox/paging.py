"""Sentry's `Link` header and the cursors in it."""

from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.datastructures import QueryParams

from sentry_sandbox.refusals import detail

Item = TypeVar("Item")

LARGEST_PAGE = 100


def paginate(
    items: Sequence[Item], query: QueryParams, url: str, *, size_name: str = "per_page"
) -> tuple[list[Item], dict[str, str]]:
    """Return one page and the headers that lead to its neighbours."""
    size = _size(query, size_name)
    page = _page(query)
    start = page * size
    links = ", ".join(
        [
            _link(url, f"{size}:{page - 1}:1", "previous", has_results=page > 0),
            _link(url, f"{size}:{page + 1}:0", "next", has_results=start + size < len(items)),
        ]
    )
    return list(items[start : start + size]), {"Link": links}


def _size(query: QueryParams, name: str) -> int:
    given = query.get(name) or query.get("per_page") or str(LARGEST_PAGE)
    if not given.isdigit() or not 1 <= int(given) <= LARGEST_PAGE:
        raise detail(400, f"Invalid per_page value. Must be between 1 and {LARGEST_PAGE}.")
    return int(given)


def _page(query: QueryParams) -> int:
    parts = query.get("cursor", "0:0:0").split(":")
    try:
        _, page, _ = (int(part) for part in parts)
    except ValueError as error:
        raise detail(400, "Invalid cursor parameter.") from error
    return max(page, 0)


def _link(url: str, cursor: str, relation: str, *, has_results: bool) -> str:
    parts = urlsplit(url)
    kept = urlencode([(key, value) for key, value in parse_qsl(parts.query) if key != "cursor"])
    # Sentry writes `?&cursor=` when there is nothing before it.
    target = urlunsplit(parts._replace(query=f"{kept}&cursor={cursor}"))
    results = str(has_results).lower()
    return f'<{target}>; rel="{relation}"; results="{results}"; cursor="{cursor}"'
