"""Whether a request was signed by a Sentry that shares a secret with us."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence

# Webhooks carry the first, requests of Sentry's own pages the second; Sentry's example takes either.
HEADERS = ("sentry-hook-signature", "sentry-app-signature")


def given_in(headers: Mapping[str, str]) -> str:
    """Return the signature among ``headers``, whose names are in lower case; empty if there is none."""
    return next((headers[name] for name in HEADERS if headers.get(name)), "")


def is_valid(body: bytes, *, given: str, secrets: Sequence[str]) -> bool:
    """Test whether ``given`` is the signature of exactly these bytes under one of ``secrets``, in constant time.

    Never of the parsed and rewritten body: Sentry's documentation shows that, and it fails for most bodies.
    """
    signature = given.encode(errors="replace")
    matches = [hmac.compare_digest(_sign(body, secret), signature) for secret in secrets if secret]
    return any(matches)


def _sign(body: bytes, secret: str) -> bytes:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()
