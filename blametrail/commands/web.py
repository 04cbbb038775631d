"""``blametrail web``: pages, API and the webhook door."""

import click
import uvicorn
from django.conf import settings

from blametrail.commands.preparation import prepare, refuse_wrong_keys

STOP_LIMIT = 15  # seconds in which requests in hand are answered


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
def web(host: str, port: int) -> None:
    """Serve the pages and take in webhooks.

    Runs BLAMETRAIL_WEB_PROCESSES processes. Put a reverse proxy with TLS in front of it; see docs/operating.md.
    """
    prepare()
    refuse_wrong_keys()
    uvicorn.run(
        "blametrail.asgi:application",
        host=host,
        port=port,
        workers=settings.ENVIRONMENT.web_processes,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,  # ours, set by Django
        access_log=False,  # addresses carry grant codes; a proxy's log tells the rest better
        # uvicorn would believe the first address in X-Forwarded-For, which the sender writes. The settings count
        # the trusted proxies from the other end (ALLAUTH_TRUSTED_PROXY_COUNT, SECURE_PROXY_SSL_HEADER).
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_LIMIT,
    )
