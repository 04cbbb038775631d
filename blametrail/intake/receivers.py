"""What the door asks of an integration: is this request authentic, and what is it about?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Accepted:
    """The signature is right. ``resource`` is the sender's word for what the request is about.

    ``sender`` tells whose it is among all who share the endpoint, so that one's flood does not delay another's.
    """

    resource: str
    sender: str = ""


@dataclass(frozen=True)
class Refused:
    """Nothing is stored. ``status`` is 401 for a missing or wrong signature, 404 for an unknown endpoint."""

    status: int
    reason: str


class Receiver(Protocol):
    """One integration's side of the door."""

    source: str

    async def verify(self, endpoint: str, headers: Mapping[str, str], body: bytes) -> Accepted | Refused:
        """Tell whether to accept. Header names are in lower case. What it raises is answered with 503."""
        ...
