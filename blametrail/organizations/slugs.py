"""What an organization's place in our addresses may look like."""

from collections.abc import Container

from django.utils.text import slugify

MAX_LENGTH = 50

# Words that stand, or may one day stand, for a page of ours, or that would make a stranger trust an address.
RESERVED = frozenset(
    {
        "about",
        "account",
        "accounts",
        "admin",
        "api",
        "app",
        "auth",
        "billing",
        "blametrail",
        "dashboard",
        "docs",
        "health",
        "help",
        "home",
        "incidents",
        "integrations",
        "internal",
        "invitations",
        "login",
        "logout",
        "metrics",
        "new",
        "o",
        "operator",
        "organizations",
        "root",
        "security",
        "sentry",
        "settings",
        "setup",
        "signin",
        "signup",
        "static",
        "status",
        "support",
        "system",
        "webhook",
        "webhooks",
        "www",
    }
)


def suggest(name: str, *, taken: Container[str]) -> str:
    """Return a slug made from ``name`` that is neither reserved nor taken."""
    stem = slugify(name)[: MAX_LENGTH - 4].strip("-") or "team"
    if stem not in RESERVED and stem not in taken:
        return stem
    number = 2
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"
