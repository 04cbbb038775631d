"""``blametrail worker``: process deliveries, renew tokens, notify."""

import click
from django.conf import settings

from blametrail.commands.preparation import prepare, refuse_wrong_keys


@click.command()
def worker() -> None:
    """Run the background jobs.

    Any number of these may run, on any number of machines. One that is killed loses nothing: what it had in hand is
    taken over by another, or by itself after a restart.
    """
    prepare()
    refuse_wrong_keys()
    # They import models, which need Django to be set up. Importing reactions registers the jobs.
    import blametrail.reactions  # noqa: F401 -- for its effect
    from blametrail.jobs import worker as running

    running.run(threads=settings.ENVIRONMENT.worker_threads)
