"""``blametrail sentry-app``: our registrations at Sentry hosts."""

import click
from django.conf import settings
from pydantic import SecretStr

from blametrail.commands.preparation import prepare
from blametrail.environment import web_address


@click.group("sentry-app")
def sentry_app() -> None:
    """The Sentry apps that organizations connect through, one for each Sentry host.

    The one described by BLAMETRAIL_SENTRY_* is kept in step by `blametrail migrate` and `blametrail up`; add others
    here.
    """


@sentry_app.command()
@click.option("--base-url", required=True, help="Address of the Sentry host, such as https://sentry.example.")
@click.option("--slug", required=True, help="The app's slug there, as in its install address.")
@click.option("--client-id", required=True, help="From the app's page in Sentry.")
@click.option("--client-secret", prompt=True, hide_input=True, help="Asked for, if not given.")
def add(base_url: str, slug: str, client_id: str, client_secret: str) -> None:
    """Register an app made at a Sentry host, or change the secret of one that is registered.

    Webhooks signed with the secret before are still accepted.
    """
    try:
        base_url = web_address(base_url)
    except ValueError as reason:
        raise click.BadParameter(str(reason), param_hint="--base-url") from None
    prepare()
    # It imports models, which need Django to be set up.
    from blametrail.integrations.sentry import apps_registry

    described = {
        "sentry_base_url": base_url,
        "sentry_app_slug": slug,
        "sentry_client_id": client_id,
        "sentry_client_secret": SecretStr(client_secret),
    }
    app = apps_registry.sync(settings.ENVIRONMENT.model_copy(update=described))
    if app is None:
        raise click.BadParameter("must not be empty.", param_hint="--slug")
    click.echo(f"{app}\nWebhook address: {settings.BASE_URL}/hooks/sentry/{app.key}")


@sentry_app.command("list")
def list_apps() -> None:
    """List the apps with their webhook addresses."""
    prepare()
    # It imports models, which need Django to be set up.
    from blametrail.integrations.sentry import apps_registry

    for app in apps_registry.all_apps():
        click.echo(f"{app}\t{settings.BASE_URL}/hooks/sentry/{app.key}")
