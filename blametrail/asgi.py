"""The web process: the webhook door in front of Django."""

import warnings

from django.conf import settings
from django.core.asgi import get_asgi_application

django_application = get_asgi_application()
# whitenoise hands over open files, which Django reads in a thread; it says so once for each process.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

# Only now, since they import models.
from blametrail.intake import deliveries, spooling  # noqa: E402
from blametrail.intake.door import Door, Limits  # noqa: E402
from blametrail.intake.receivers import Receiver  # noqa: E402
from blametrail.intake.writer import Writer  # noqa: E402
from blametrail.integrations.sentry.receiver import SentryReceiver  # noqa: E402
from blametrail.jobs import queue as jobs  # noqa: E402

RECEIVERS: list[Receiver] = [SentryReceiver()]

application = Door(
    django_application,
    receivers=RECEIVERS,
    writer=Writer(wake=lambda: jobs.wake(deliveries.JOB), spool=spooling.of_this_process()),
    limits=Limits(body=settings.ENVIRONMENT.delivery_max_bytes),
)
