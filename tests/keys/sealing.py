"""Everything that can be sealed, sealed under the tests' key."""

from types import SimpleNamespace

from allauth.core.context import request_context
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.utils import timezone

from blametrail.accounts.models import User
from blametrail.intake import deliveries
from blametrail.integrations.sentry.models import Connection, SentryApp, UnclaimedInstallation, seal
from blametrail.lib.encryption import Key
from blametrail.organizations.models import Organization
from tests.intake.test_writer import arrival
from tests.integrations.sentry.hooks import INSTALLATION, connected, sentry_app

OLD = settings.ENVIRONMENT.encryption_keys[0]
NEW = Key("t2", b"t2" * 16)
PLANTED = "planted-secret"


def seal_one_of_each(organization: Organization, user: User) -> SimpleNamespace:
    """Return one row of everything that is sealed, each with a secret that is easy to find."""
    app = sentry_app(secret=PLANTED)
    app.previous_client_secret_sealed = seal(app, "previous_client_secret_sealed", PLANTED)
    app.save()
    with request_context(SimpleNamespace(user=user)):
        totp, codes = TOTP.activate(user, PLANTED).instance, RecoveryCodes.activate(user).instance
    [delivery] = deliveries.store([arrival(body=PLANTED.encode())], now=timezone.now())
    return SimpleNamespace(
        app=app,
        held=_held(app),
        connection=_connection(organization, app),
        totp=totp,
        codes=codes,
        delivery=delivery,
    )


def _held(app: SentryApp) -> UnclaimedInstallation:
    now = timezone.now()
    held = UnclaimedInstallation(app=app, installation_uuid=INSTALLATION, received_at=now, expires_at=now)
    held.code_sealed = seal(held, "code_sealed", PLANTED)
    held.save()
    return held


def _connection(organization: Organization, app: SentryApp) -> Connection:
    connection = connected(organization, app)
    for field in ("access_token_sealed", "refresh_token_sealed", "client_secret_sealed"):
        setattr(connection, field, seal(connection, field, PLANTED))
    connection.save()
    return connection
