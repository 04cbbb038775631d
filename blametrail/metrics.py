"""``/metrics``: what the database knows for all processes, and what this one has counted, for Prometheus."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db.models import Count, Min
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from blametrail.intake import spooling
from blametrail.intake.models import Delivery, Status
from blametrail.integrations.sentry.metrics import Connections

RECENT = timedelta(minutes=5)  # an index leads to these; counting all there ever were would take seconds


@require_safe
@never_cache
def show(request: HttpRequest) -> HttpResponse:
    """Answer whoever has the token of the settings; without one set there is no such page."""
    token = settings.ENVIRONMENT.metrics_token.get_secret_value()
    if not token:
        raise Http404
    if not constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {token}"):
        return HttpResponse("Unauthorized\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Shared(timezone.now()))
    registry.register(_OfThisProcess())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Shared(Collector):
    def __init__(self, now: datetime) -> None:
        self._now = now

    def collect(self) -> Iterator[Metric]:
        spooled = spooling.of_this_process().size()
        yield _gauge("blametrail_spool_bytes", "What waits on this machine for the database.", spooled)
        try:
            known = [*_backlog(self._now), _recent(self._now), *Connections(lambda: self._now).collect()]
        except DatabaseTrouble:
            known = []
        yield _gauge("blametrail_database_up", "Whether the database could be asked.", int(bool(known)))
        yield from known


def _backlog(now: datetime) -> Iterator[Metric]:
    found = Delivery.objects.filter(status=Status.PENDING).aggregate(count=Count("id"), oldest=Min("received_at"))
    waited = (now - found["oldest"]).total_seconds() if found["oldest"] else 0
    yield _gauge("blametrail_deliveries_pending", "Deliveries that wait to be processed.", found["count"])
    yield _gauge("blametrail_deliveries_oldest_pending_seconds", "How long the oldest of them has waited.", waited)


def _recent(now: datetime) -> Metric:
    recent = Delivery.objects.filter(received_at__gt=now - RECENT).order_by()
    counts = {**dict.fromkeys(Status.values, 0), **dict(recent.values_list("status").annotate(Count("id")))}
    name, text = "blametrail_deliveries_recent", "Deliveries received in the last five minutes."
    return _gauges(name, text, label="status", values=counts)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _gauges(name: str, text: str, *, label: str, values: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family


class _OfThisProcess(Collector):
    def collect(self) -> Iterator[Metric]:
        process = str(os.getpid())
        for metric in REGISTRY.collect():
            samples = [sample._replace(labels={**sample.labels, "process": process}) for sample in metric.samples]
            metric.samples = samples
            yield metric
