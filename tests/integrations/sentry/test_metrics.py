"""What Prometheus is told of renewals and connections."""

from datetime import timedelta

import pytest
from prometheus_client import REGISTRY, CollectorRegistry

from blametrail.integrations.sentry import renewals, tokens
from blametrail.integrations.sentry.metrics import Connections
from blametrail.integrations.sentry.models import Connection, State
from tests.integrations.sentry.clocks import Clock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_requests_for_tokens_are_counted_by_outcome_and_grant(connect, clock, sandbox):
    connection = connect()
    sandbox.control.add_fault("jwt", "status:401")
    before = {
        "jwt": counted("blametrail_renewal_requests_total", outcome="refused", grant="jwt"),
        "refresh": counted("blametrail_renewal_requests_total", outcome="granted", grant="refresh"),
    }

    tokens.renew(connection, clock=clock)

    assert counted("blametrail_renewal_requests_total", outcome="refused", grant="jwt") == before["jwt"] + 1
    assert counted("blametrail_renewal_requests_total", outcome="granted", grant="refresh") == before["refresh"] + 1


def test_lateness_is_from_when_a_renewal_was_owed(connect, clock):
    connection = connect()
    before = counted("blametrail_renewal_lateness_seconds_sum")
    clock.offset = connection.renew_at - tokens.wall_clock() + timedelta(seconds=40)

    renewals.renew_due(clock=clock)

    assert counted("blametrail_renewal_lateness_seconds_sum") - before == pytest.approx(40, abs=5)


def test_the_states_and_the_worst_expiry_are_read_from_the_database(connect, clock):
    connect("globex")
    lost = connect("acme-rockets")
    Connection.objects.filter(pk=lost.pk).update(state=State.DISCONNECTED)
    registry = CollectorRegistry()
    registry.register(Connections(clock))

    assert registry.get_sample_value("blametrail_connections", {"state": "connected"}) == 1
    assert registry.get_sample_value("blametrail_connections", {"state": "disconnected"}) == 1
    assert registry.get_sample_value("blametrail_connections", {"state": "connecting"}) == 0
    worst = registry.get_sample_value("blametrail_worst_token_expiry_seconds")
    assert worst == pytest.approx(8 * 3600, abs=60)


def test_without_connections_there_is_no_worst_expiry(clock):
    registry = CollectorRegistry()
    registry.register(Connections(clock))

    assert registry.get_sample_value("blametrail_worst_token_expiry_seconds") is None
