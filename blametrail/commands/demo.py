"""``blametrail demo``: everything on loopback, playing its story."""

import shutil
import signal
import threading
import time
from pathlib import Path

import click

from blametrail.demo.stage import PortTaken, Stage
from blametrail.demo.story import EMAIL, PASSWORD, STEPS, Story
from blametrail.demo.visitor import Visitor
from sentry_sandbox.config import Config

FOLDER = Path("var/demo")


@click.command()
@click.option("--once", is_flag=True, help="Stop after the story. The exit code is not 0 if any step failed.")
@click.option("--port", default=0, help="Port of the pages; by default any free one.")
def demo(*, once: bool, port: int) -> None:
    """Run BlameTrail against a stand-in for Sentry and play the whole story.

    Needs no account, no server and no settings. It forgets everything of the demo before.
    """
    # As Ctrl-C: without this a SIGTERM would leave web and worker behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    click.echo("BlameTrail demo: starting the pages, a worker and a stand-in for Sentry on loopback ...")
    try:
        failed = _run(Stage(FOLDER.resolve(), Config(), port=port), once=once)
    except PortTaken as reason:
        raise click.ClickException(str(reason)) from None
    except KeyboardInterrupt:
        click.echo("\nStopped.")
        return
    if failed:
        raise SystemExit(1)


def _run(stage: Stage, *, once: bool) -> int:
    with stage, Visitor(stage.url) as admin:
        failed = play(Story(stage, admin))
        click.echo()
        click.echo(_closing(stage, failed=failed))
        if not once:
            click.echo("Everything stays up until Ctrl-C.")
            threading.Event().wait()
    return failed


def play(story: Story) -> int:
    """Play every step and tell it; return how many failed. After a failure the rest has nothing to stand on."""
    begun = time.monotonic()
    for number, (title, step) in enumerate(STEPS, start=1):
        step_begun = time.monotonic()
        try:
            told = step(story)
        except Exception as error:  # noqa: BLE001 -- whatever went wrong is told, and is the demo's result
            click.secho(f"{number:>3}. FAILED  {title}: {type(error).__name__}: {error}", fg="red")
            return len(STEPS) - number + 1
        click.echo(f"{number:>3}. done  {title}: {told}. ({time.monotonic() - step_begun:.1f} s)")
    click.echo(f"All {len(STEPS)} steps done in {time.monotonic() - begun:.0f} s.")
    return 0


def _closing(stage: Stage, *, failed: int) -> str:
    if failed:
        return f"{failed} of {len(STEPS)} steps not done. The logs are in {FOLDER}/."
    return (
        f"Look around:   {stage.url}\n"
        f"Sign in as:    {EMAIL}   password: {PASSWORD}\n"
        f"Sentry's part: {stage.sandbox.url}   (make errors, resolve, uninstall, inject faults)"
    )
