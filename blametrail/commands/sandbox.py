"""``blametrail sandbox``: a stand-in for Sentry, for trying things out."""

import runpy
import sys

import click


@click.command(
    add_help_option=False,  # the sandbox explains itself
    context_settings={"ignore_unknown_options": True},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Run a stand-in for Sentry on loopback.

    It has an install page, tokens, REST and signed webhooks, and faults on demand. See: blametrail sandbox --help
    """
    sys.argv = ["blametrail sandbox", *arguments]
    runpy.run_module("sentry_sandbox", run_name="__main__")
