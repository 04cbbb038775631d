"""What is usually done: a Django view that verifies the signature and inserts one row for each request.

Made easy for it: no middleware, a connection that stays open, a body neither compressed nor encrypted.
"""

import hashlib
import hmac
import os

from django.core.asgi import get_asgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "bench.plain_settings"
application = get_asgi_application()

from django.http import HttpRequest, HttpResponse  # noqa: E402 -- models need Django to be set up
from django.urls import path  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench.bodies import SECRET  # noqa: E402
from blametrail.intake.models import Delivery  # noqa: E402


def take(request: HttpRequest) -> HttpResponse:
    signed = hmac.new(SECRET.encode(), request.body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signed, request.headers["Sentry-Hook-Signature"]):
        return _answer(401)
    now = timezone.now()
    Delivery.objects.create(
        received_at=now,
        due_at=now,
        source="plain",
        endpoint="bench",
        resource=request.headers["Sentry-Hook-Resource"],
        headers={"request-id": request.headers["Request-ID"]},
        body=request.body,
        body_size=len(request.body),
    )
    return _answer(202)


def _answer(status: int) -> HttpResponse:
    return HttpResponse(b"{}", status=status, headers={"Content-Length": "2"})


urlpatterns = [path("hooks/sentry/bench", take)]
