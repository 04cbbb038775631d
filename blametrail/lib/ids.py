"""Public ids: UUIDs whose order is the order of their creation."""

import uuid

import uuid6


def new_id() -> uuid.UUID:
    """Return a fresh UUIDv7 (RFC 9562): unguessable, and kind to a B-tree because it grows with time."""
    return uuid.UUID(int=uuid6.uuid7().int)
