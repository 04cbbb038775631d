"""What an operator sees of the keys, with processes of their own where settings are read."""

import base64
import subprocess
import sys

import pytest
from click.testing import CliRunner

from blametrail.cli import main
from blametrail.commands.preparation import refuse_wrong_keys
from blametrail.intake import spooling
from blametrail.intake.deliveries import Arrival
from blametrail.integrations.sentry.models import Connection, SentryApp
from blametrail.lib.encryption import Key, Vault
from blametrail.lib.ports import free_port
from tests.jobs.processes import environment, line_with, running
from tests.keys.sealing import NEW, OLD, seal_one_of_each


@pytest.fixture
def sealed(acme, alice):
    return seal_one_of_each(acme, alice)


@pytest.fixture
def rotating(settings):
    """The operator has put a new key in front."""
    settings.VAULT = Vault([NEW, OLD])


def run(*arguments):
    return CliRunner().invoke(main, ["keys", *arguments])


def under_new_key():
    return SentryApp.objects.get().client_secret_sealed[:2] == b"t2"


def test_a_dry_run_says_what_there_is_to_do_and_changes_nothing(sealed, rotating):
    before = list(Connection.objects.values())

    said = run("rotate", "--dry-run")

    assert said.exit_code == 0
    assert "Second factors: 2 to do" in said.output
    assert "Webhook bodies: 1 to do" in said.output
    assert list(Connection.objects.values()) == before
    assert not under_new_key()


def test_rotating_says_how_much_was_done_and_leaves_nothing_to_verify(sealed, rotating):
    rotated, verified = run("rotate"), run("verify")

    assert (rotated.exit_code, verified.exit_code) == (0, 0), rotated.output + verified.output
    assert "Access tokens: 1 of 1 done" in rotated.output
    assert "Access tokens: 1 under t2" in verified.output
    assert "Everything opens, and is under t2." in verified.output


def test_verifying_counts_what_is_under_which_key_and_fails_while_something_is_under_another(sealed, rotating):
    said = run("verify")

    assert said.exit_code == 1
    assert "Second factors: 2 under t1" in said.output
    assert "Not everything opens and is under t2." in said.output


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ([NEW], "The key named t1 is missing"),
        ([Key("t1", b"x" * 32)], "The key named t1 here is not the key this was encrypted with"),
    ],
)
@pytest.mark.parametrize("verb", ["rotate", "verify"])
def test_what_does_not_open_is_told_with_the_reason(sealed, settings, keys, reason, verb):
    settings.VAULT = Vault([*keys, Key("t3", b"3" * 32)])

    said = run(verb)

    assert said.exit_code == 1
    assert f"  1 cannot be opened. {reason}" in said.output


def started(*arguments, keys):
    written = ",".join(f"{key.name}:{base64.b64encode(key.secret).decode()}" for key in keys)
    command = [sys.executable, "-m", "blametrail.cli", *arguments]
    variables = environment(BLAMETRAIL_ENCRYPTION_KEYS=written)
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.drill
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verb", ["web", "worker", "migrate", "up"])
def test_nothing_starts_with_keys_that_are_not_those_of_the_database(sealed, verb):
    refused = started(verb, keys=[NEW])

    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1] == (
        "BLAMETRAIL_ENCRYPTION_KEYS: the newest secret in the database does not open."
        " The key named t1 is missing here. Add it to BLAMETRAIL_ENCRYPTION_KEYS; the value is intact."
    )
    assert "Traceback" not in refused.stderr


@pytest.mark.drill
def test_a_database_that_is_away_does_not_keep_web_from_starting():
    address = f"postgresql://nobody@127.0.0.1:{free_port()}/none"

    with running("blametrail.cli", "web", "--port", str(free_port()), BLAMETRAIL_DATABASE_URL=address) as process:
        line_with(process, "Uvicorn running")


@pytest.mark.django_db(transaction=True)
def test_a_damaged_value_is_no_wrong_key(sealed):
    SentryApp.objects.update(client_secret_sealed=sealed.app.previous_client_secret_sealed)

    refuse_wrong_keys()


@pytest.mark.drill
@pytest.mark.django_db(transaction=True)
def test_the_doctor_names_a_wrong_key_in_one_line(sealed):
    said = started("doctor", keys=[Key("t1", b"x" * 32)])

    [line] = [line for line in said.stdout.splitlines() if " Keys: " in line]
    assert said.returncode == 1
    assert line.startswith(
        "problem  Keys: Client secrets of Sentry apps: not all can be opened. The key named t1 here"
    )


def test_what_waits_in_the_spool_keeps_the_keys_from_being_proved(sealed, settings, tmp_path, now):
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"data_dir": tmp_path})
    assert run("verify").exit_code == 0
    arrived = Arrival(source="sentry", endpoint="blametrail", resource="issue", headers={}, body=b"{}", sender="")
    spooling.keep(spooling.of_this_process(), [arrived], now=now)

    said = run("verify")

    assert said.exit_code == 1
    assert "bytes of deliveries wait for the database" in said.output
