"""The web process: the webhook door in front of Django."""

from django.conf import settings
from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

# Only now, since they import models.
from blametrail.intake import deliveries  # noqa: E402
from blametrail.intake.door import Door  # noqa: E402
from blametrail.intake.receivers import Receiver  # noqa: E402
from blametrail.intake.writer import Writer  # noqa: E402
from blametrail.jobs import queue as jobs  # noqa: E402

RECEIVERS: list[Receiver] = []

application = Door(
    django_application,
    receivers=RECEIVERS,
    writer=Writer(wake=lambda: jobs.wake(deliveries.JOB)),
    max_bytes=settings.ENVIRONMENT.delivery_max_bytes,
)
