"""A Sentry to connect to, and ways to connect to it without a browser."""

from collections.abc import Callable, Iterator

import pytest

from blametrail.integrations.sentry import connecting
from blametrail.integrations.sentry.models import Connection, SentryApp, seal
from blametrail.organizations.access import Access
from blametrail.organizations.models import Role
from sentry_sandbox.config import Config
from sentry_sandbox.server import Sandbox
from tests.integrations.sentry.redirects import NONCE, came_back_with, state_of


@pytest.fixture(scope="session")
def _running_sandbox() -> Iterator[Sandbox]:
    with Sandbox(Config(redirect_url="http://testserver/integrations/sentry/callback/")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(_running_sandbox) -> Sandbox:
    _running_sandbox.control.reset()
    return _running_sandbox


@pytest.fixture
def app(db, sandbox) -> SentryApp:
    app = SentryApp(key="blametrail", base_url=sandbox.url, slug="blametrail", client_id=sandbox.config.client_id)
    app.client_secret_sealed = seal(app, "client_secret_sealed", sandbox.config.client_secret)
    app.save()
    return app


@pytest.fixture
def alice_in_acme(alice, acme) -> Access:
    return Access(user=alice, organization=acme, role=Role.OWNER)


@pytest.fixture
def set_out(app, alice_in_acme) -> Callable[..., str]:
    """Click Connect (or Reconnect) as Alice and return the state given out."""

    def set_out(*, repairs: Connection | None = None, at=None) -> str:
        now = at or connecting.wall_clock()
        return state_of(connecting.start(alice_in_acme, app, session_nonce=NONCE, now=now, repairs=repairs))

    return set_out


@pytest.fixture
def connect(sandbox, alice, set_out) -> Callable[..., Connection]:
    """Connect a Sentry organization as Alice would, over real HTTP, and return the connection."""

    def connect(organization: str = "acme-rockets", *, repairs: Connection | None = None) -> Connection:
        installed = sandbox.control.install(organization, state=set_out(repairs=repairs))
        return connecting.finish(came_back_with(installed.redirect), user=alice, session_nonce=NONCE)

    return connect
