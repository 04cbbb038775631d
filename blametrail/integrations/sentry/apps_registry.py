"""Our registrations at Sentry hosts, kept in step with the operator's settings."""

from django.conf import settings
from django.db import transaction

from blametrail.environment import Environment
from blametrail.integrations.sentry import client
from blametrail.integrations.sentry.models import SentryApp, seal


def sync(environment: Environment) -> SentryApp | None:
    """Create or update the app that the settings describe, and return it; None when they describe none.

    A changed client secret keeps the one before it, so that webhooks on their way are still accepted.
    """
    if not environment.sentry_app_slug:
        return None
    secret = environment.sentry_client_secret.get_secret_value()
    with transaction.atomic():
        app = (
            SentryApp.objects.select_for_update()
            .filter(base_url=environment.sentry_base_url, slug=environment.sentry_app_slug)
            .first()
        )
        if app is None:
            app = SentryApp(base_url=environment.sentry_base_url, slug=environment.sentry_app_slug)
            app.key = _free_key(environment.sentry_app_slug)
        app.client_id = environment.sentry_client_id
        set_secret(app, secret)
        app.save()
    return app


def set_secret(app: SentryApp, secret: str) -> None:
    """Seal the client secret into the unsaved row; a different one before it is kept as the previous one."""
    if app.client_secret_sealed and app.client_secret != secret:
        app.previous_client_secret_sealed = seal(app, "previous_client_secret_sealed", app.client_secret)
    app.client_secret_sealed = seal(app, "client_secret_sealed", secret) or b""


def _free_key(slug: str) -> str:
    taken = set(SentryApp.objects.values_list("key", flat=True))
    candidates = [slug, *(f"{slug}-{number}" for number in range(2, len(taken) + 3))]
    return next(candidate for candidate in candidates if candidate not in taken)


def all_apps() -> list[SentryApp]:
    return list(SentryApp.objects.order_by("created_at"))


def hosts() -> list[str]:
    """Return the Sentry addresses that may receive a token: those the operator configured, and no others.

    Where there is no app, an internal integration can still be made at the address in the settings.
    """
    of_apps = list(dict.fromkeys(app.base_url for app in all_apps()))
    return of_apps or [settings.ENVIRONMENT.sentry_base_url]


def credentials(app: SentryApp) -> client.App:
    return client.App(base_url=app.base_url, client_id=app.client_id, client_secret=app.client_secret)
