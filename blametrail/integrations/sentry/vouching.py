"""Whether Sentry itself, under its signature, has told us of a grant code."""

import secrets
import uuid

import msgspec

from blametrail.intake import deliveries
from blametrail.intake.models import Delivery
from blametrail.integrations.sentry.models import SentryApp
from blametrail.lib.encryption import CannotOpen

LOOKED_AT = 5  # an installation is created once; a few more for what Sentry repeats


class _Installation(msgspec.Struct):
    uuid: str = ""
    code: str | None = None


class _Data(msgspec.Struct):
    installation: _Installation


class _Body(msgspec.Struct):
    data: _Data


def has_sent(app: SentryApp, installation: uuid.UUID, code: str) -> bool:
    """Test whether a webhook of this app brought this code for this installation.

    The redirect that carries a code is unsigned; the ``installation.created`` webhook carries the same one, signed.
    """
    told = Delivery.objects.filter(
        source="sentry", endpoint=app.key, resource="installation", sender=str(installation)
    ).order_by("-id")[:LOOKED_AT]
    return any(_carries(delivery, installation, code) for delivery in told)


def _carries(delivery: Delivery, installation: uuid.UUID, code: str) -> bool:
    try:
        told = msgspec.json.decode(deliveries.body_of(delivery), type=_Body).data.installation
    except (msgspec.MsgspecError, UnicodeDecodeError, CannotOpen):
        return False
    same_code = secrets.compare_digest((told.code or "").encode(), code.encode())
    return told.uuid == str(installation) and bool(code) and same_code
