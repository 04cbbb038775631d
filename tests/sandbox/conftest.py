"""A sandbox over real HTTP, emptied between tests, and an integration that talks to it."""

from collections.abc import Iterator

import pytest

from sentry_sandbox.config import Config
from sentry_sandbox.control_client import ControlClient
from sentry_sandbox.server import Sandbox
from tests.sandbox.integration import Integration, Receiver


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    with Sandbox(Config(redirect_url="http://127.0.0.1:1/setup?from=sentry")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox) -> Sandbox:
    running_sandbox.control.reset()
    return running_sandbox


@pytest.fixture
def control(sandbox) -> ControlClient:
    return sandbox.control


@pytest.fixture
def acme(sandbox) -> Iterator[Integration]:
    integration = Integration(sandbox, "acme-rockets")
    yield integration
    integration.http.close()


@pytest.fixture
def globex(sandbox) -> Iterator[Integration]:
    integration = Integration(sandbox, "globex")
    yield integration
    integration.http.close()


@pytest.fixture
def receiver(control) -> Iterator[Receiver]:
    receiver = Receiver()
    control.set_webhooks(url=receiver.url, retry_interval_seconds=0.01)
    yield receiver
    control.settle(with_retries=True)
    receiver.close()
