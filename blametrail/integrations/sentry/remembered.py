"""Webhook secrets on this machine's disk, sealed: for a web process that starts while the database is away."""

import os
from pathlib import Path

import msgspec
from django.conf import settings

from blametrail.lib.encryption import UnknownKey, WrongPlace
from blametrail.lib.ids import new_id

FOLDER = "hook-secrets"


def recall(endpoint: str) -> tuple[str, ...]:
    """Return the secrets that were last remembered for ``endpoint``; none if they cannot be read."""
    try:
        sealed = _path(endpoint).read_bytes()
        return msgspec.msgpack.decode(settings.VAULT.open(sealed, belongs_to=_place(endpoint)), type=tuple[str, ...])
    except (OSError, UnknownKey, WrongPlace, msgspec.DecodeError):
        return ()


def remember(endpoint: str, secrets: tuple[str, ...]) -> None:
    """Replace what is remembered for ``endpoint``. Raises OSError."""
    path = _path(endpoint)
    if not secrets:
        path.unlink(missing_ok=True)
    elif secrets != recall(endpoint):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sealed = settings.VAULT.seal(msgspec.msgpack.encode(secrets), belongs_to=_place(endpoint))
        written = path.with_name(f"{new_id()}.new")
        written.write_bytes(sealed)
        os.replace(written, path)  # noqa: PTH105 -- says that an older one goes


def _path(endpoint: str) -> Path:
    return settings.ENVIRONMENT.data_dir / FOLDER / endpoint  # the door lets no dot and no slash into an endpoint


def _place(endpoint: str) -> str:
    return f"hook-secrets:{endpoint}"
