"""The drills have the same Sentry, and the same ways to connect to it, as the tests of the integration."""

from tests.integrations.sentry.conftest import (  # noqa: F401 -- pytest finds fixtures by their names here
    _running_sandbox,
    alice_in_acme,
    app,
    connect,
    sandbox,
    set_out,
)
