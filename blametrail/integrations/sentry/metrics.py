"""What is counted of renewals and connections, for Prometheus."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Min
from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from blametrail.integrations.sentry import grants
from blametrail.integrations.sentry.grants import Grant
from blametrail.integrations.sentry.models import Connection, Mode, State

REQUESTS = Counter("blametrail_renewal_requests", "Requests for new tokens by outcome", ["outcome", "grant"])
# A sweep comes every minute, so most are below it; the claim of a worker that died lapses after 90 s.
LATENESS = Histogram(
    "blametrail_renewal_lateness_seconds",
    "From when a renewal was owed until a worker took it in hand",
    buckets=(0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600),
)


def count(grant: Grant, verdict: grants.Verdict) -> None:
    REQUESTS.labels(outcome=type(verdict).__name__.lower(), grant=grant.value).inc()


def note_lateness(late: timedelta) -> None:
    LATENESS.observe(max(late.total_seconds(), 0))


class Connections(Collector):
    """How all connections that are on a list stand when the metrics are read."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def collect(self) -> Iterator[GaugeMetricFamily]:
        states = GaugeMetricFamily("blametrail_connections", "Sentry connections by state", labels=["state"])
        listed = Connection.objects.filter(archived_at=None)
        found = dict(listed.order_by("state").values_list("state").annotate(Count("pk")))
        for state in State:
            states.add_metric([state.value], found.get(state.value, 0))
        yield states
        renewed = listed.exclude(state=State.DISCONNECTED).filter(mode=Mode.OAUTH)
        first = renewed.aggregate(first=Min("token_expires_at"))["first"]
        if first is not None:
            yield GaugeMetricFamily(
                "blametrail_worst_token_expiry_seconds",
                "Until the first token in use expires; negative once it has",
                value=(first - self._clock()).total_seconds(),
            )
