"""The certificates that outgoing HTTPS is checked against, read once."""

import functools
import ssl

import httpx


@functools.cache
def certificates() -> ssl.SSLContext:
    """Reading them takes a tenth of a second, too long for every client of every test."""
    return httpx.create_ssl_context()
