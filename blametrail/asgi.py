"""The web process: the webhook door in front of Django."""

from django.core.asgi import get_asgi_application

application = get_asgi_application()
