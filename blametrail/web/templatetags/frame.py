"""What the page frame needs to know of the request: the theme chosen, and where in the product we are."""

from typing import Any

from django import template
from django.http import HttpRequest
from django.template import Context

from blametrail.web.theme import chosen_theme

register = template.Library()
SECTIONS = {"incidents", "services", "integrations"}


@register.simple_tag(takes_context=True)
def theme(context: Context) -> str:
    """Return "light" or "dark" as the person chose, or nothing if the system decides."""
    request: HttpRequest | None = context.get("request")
    return chosen_theme(request) if request else ""


@register.simple_tag(takes_context=True)
def active_section(context: Context) -> str:
    """Return the navigation item this page belongs to: the view's ``section``, or else what the address says."""
    if said := context.get("section"):
        return str(said)
    request: HttpRequest | None = context.get("request")
    return section_of(request.path) if request else ""


def section_of(path: str) -> str:
    match path.strip("/").split("/"):
        case ["o", _, first, *_]:
            return first if first in SECTIONS else "settings"
        case _:
            return ""


@register.filter
def initial(name: Any) -> str:
    """Return the first letter of a name, for an avatar."""
    return str(name).strip()[:1].upper() or "?"
