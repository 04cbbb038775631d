"""What a person does in a browser on the Sentry pages, by Django's client."""

import re
from html import unescape
from urllib.parse import urlsplit

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.integrations.sentry.redirects import state_of

CALLBACK = "/integrations/sentry/callback/"


def page(name: str, *arguments: object, organization: str = "acme") -> str:
    return reverse(name, args=[organization, *arguments])


def address_at_sentry(response) -> str:
    """Return where the page that leaves for Sentry goes on to."""
    assert response.status_code == 200
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', response.content.decode())
    assert found, "this page does not leave for Sentry"
    return unescape(found[1])


def set_out(browser: Client, *, organization: str = "acme", **posted: str) -> str:
    """Press Connect via OAuth and return the state that Sentry is given."""
    return state_of(address_at_sentry(browser.post(page("sentry_connect", organization=organization), posted)))


def callback(redirect: str) -> str:
    """Return the path and query of an address that Sentry sends the browser to."""
    parts = urlsplit(redirect)
    return f"{parts.path}?{parts.query}"


def text_of(response) -> str:
    """Return what the page says, in one line, without its markup."""
    text = re.sub(r"<(style|script|head)\b.*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(text))


def queries_of(browser: Client, address: str) -> int:
    """Return how often a page asks the database."""
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(address).status_code == 200
    return len(captured)
