"""What Sentry's redirect back to us looks like to our callback."""

from urllib.parse import parse_qs, urlsplit

from blametrail.integrations.sentry import connecting

NONCE = "the-browser-alice-sits-at"


def came_back_with(redirect: str) -> connecting.CameBack:
    """Return what our callback would read of the address Sentry sends a browser to."""
    query = parse_qs(urlsplit(redirect).query)
    return connecting.read_redirect({name: values[0] for name, values in query.items()})


def state_of(address: str) -> str:
    return parse_qs(urlsplit(address).query)["state"][0]
