"""``blametrail doctor``: is everything in order, and if not, what is to be done?"""

import sys

import click

from blametrail.commands.preparation import prepare


@click.command()
def doctor() -> None:
    """Check settings, keys, database, disk, clock, e-mail, Sentry and the worker, one line each.

    Ends with status 1 if something is a problem, and 2 if the settings themselves are.
    """
    prepare()
    from blametrail.commands import checks  # models, which need Django to be set up

    has_problem = False
    for finding in checks.run():
        click.echo(f"{finding.level:<8} {finding.subject}: {finding.text}")
        has_problem |= finding.level == "problem"
    sys.exit(1 if has_problem else 0)
