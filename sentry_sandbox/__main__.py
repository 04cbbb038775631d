"""The command line of the sandbox."""

import argparse
import sys
from datetime import timedelta

from sentry_sandbox.config import AppStatus, Config, Generation, WebhookSettings
from sentry_sandbox.server import LOOPBACK, run


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sentry_sandbox", description="A stand-in for Sentry. Not Sentry.")
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on (default: loopback only)")
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--public-url", help="how browsers reach it, if not by host and port")
    parser.add_argument("--redirect-url", help="where an install sends the browser")
    parser.add_argument("--webhook-url", help="where webhooks are sent")
    parser.add_argument("--client-id", help="generated if not given")
    parser.add_argument("--client-secret", help="generated if not given")
    parser.add_argument("--app-slug", default="blametrail")
    parser.add_argument("--app-name", default="BlameTrail")
    parser.add_argument("--app-status", choices=list(AppStatus), default=AppStatus.PUBLISHED)
    parser.add_argument("--generation", choices=list(Generation), default=Generation.CURRENT)
    parser.add_argument("--retry-interval", type=float, default=300.0, help="seconds between webhook attempts")
    parser.add_argument("--token-life", type=float, default=8 * 3600.0, help="seconds an access token lives")
    return parser.parse_args(arguments)


def configure(options: argparse.Namespace) -> Config:
    config = Config(
        app_slug=options.app_slug,
        app_name=options.app_name,
        app_status=AppStatus(options.app_status),
        redirect_url=options.redirect_url,
        generation=Generation(options.generation),
        token_life=timedelta(seconds=options.token_life),
        webhooks=WebhookSettings(url=options.webhook_url, retry_interval=timedelta(seconds=options.retry_interval)),
    )
    config.client_id = options.client_id or config.client_id
    config.client_secret = options.client_secret or config.client_secret
    return config


def main() -> None:
    options = parse()
    config = configure(options)
    place = options.public_url or f"http://{options.host}:{options.port}"
    # A generated secret is of use only if it can be read.
    sys.stdout.write(
        f"Sentry sandbox (not Sentry) at {place}\n"
        f"Client ID:     {config.client_id}\n"
        f"Client secret: {config.client_secret}\n"
        f"Install page:  {place}/sentry-apps/{config.app_slug}/external-install/\n"
    )
    sys.stdout.flush()
    run(config, host=options.host, port=options.port, public_url=options.public_url)


if __name__ == "__main__":
    main()
