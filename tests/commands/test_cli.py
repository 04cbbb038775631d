import os
import signal
from pathlib import Path

import httpx
import pytest
from allauth.account.models import EmailAddress
from click.testing import CliRunner

from blametrail.accounts.models import User
from blametrail.cli import main
from blametrail.integrations.sentry.models import SentryApp
from blametrail.lib import encryption
from blametrail.lib.ports import free_port
from tests.jobs.processes import line_with, lines_with, running


def run(*arguments, **options):
    return CliRunner().invoke(main, arguments, **options)


@pytest.mark.parametrize("verb", sorted(main.commands.keys() - {"sandbox", "manage"}))
def test_each_verb_explains_itself(verb):
    explained = run(verb, "--help")

    assert explained.exit_code == 0
    assert len(explained.output.splitlines()) > 5


def test_help_works_where_nothing_is_set():
    with running("blametrail.cli", "up", "--help", BLAMETRAIL_SECRET_KEY="") as process:
        assert process.wait() == 0


def test_a_generated_key_can_be_used():
    made = run("keys", "generate", "--name", "k2").output.strip()

    key = encryption.parse_key(made)
    vault = encryption.Vault([key])
    assert (key.name, vault.open(vault.seal(b"x", belongs_to="a"), belongs_to="a")) == ("k2", b"x")


@pytest.mark.parametrize("name", ["", "two words", "x" * 17, "k:1"])
def test_a_key_needs_a_plain_name(name):
    assert run("keys", "generate", "--name", name).exit_code == 2


def test_an_operator_may_sign_in_at_once(db):
    password = "correct horse battery"

    added = run("operator", "add", "Olga@example.com", input=f"{password}\n{password}\n")

    operator = User.objects.get(email="olga@example.com")
    assert added.exit_code == 0, added.output
    assert (operator.is_staff, operator.is_superuser, operator.check_password(password)) == (True, True, True)
    assert EmailAddress.objects.filter(user=operator, email=operator.email, verified=True, primary=True).exists()


def test_a_person_with_an_account_becomes_an_operator_and_keeps_the_password(alice):
    run("operator", "add", "ALICE@example.com")

    before = alice.password
    alice.refresh_from_db()
    assert (alice.is_staff, alice.password) == (True, before)


@pytest.mark.parametrize(
    ("email", "password", "said"),
    [("olga@example.com", "password12", "too common"), ("olga", "correct horse battery", "valid email")],
)
def test_a_weak_password_or_a_wrong_address_is_refused(db, email, password, said):
    refused = run("operator", "add", email, "--password-file", "-", input=password)

    assert refused.exit_code == 1
    assert said in refused.output
    assert not User.objects.exists()


def test_a_sentry_app_is_registered_and_listed_with_its_webhook_address(db):
    added = run(
        *("sentry-app", "add", "--base-url", "https://sentry.example/", "--slug", "bt", "--client-id", "1"),
        input="the secret\n",
    )

    app = SentryApp.objects.get()
    assert added.exit_code == 0, added.output
    assert (app.base_url, app.client_secret) == ("https://sentry.example", "the secret")
    assert "http://testserver/hooks/sentry/bt" in run("sentry-app", "list").output


def test_a_sentry_app_needs_a_web_address():
    refused = run("sentry-app", "add", "--base-url", "sentry", "--slug", "bt", "--client-id", "1", input="s\n")

    assert refused.exit_code == 2
    assert "must be a web address" in refused.output


def test_django_s_own_commands_are_reached():
    with running("blametrail.cli", "manage", "check") as process:
        line_with(process, "no issues")


@pytest.mark.drill
@pytest.mark.django_db(transaction=True)
def test_up_serves_restarts_what_dies_and_stops_in_order():
    port = free_port()
    with running("blametrail.cli", "up", "--port", str(port)) as up:
        lines_with(up, "Uvicorn running", "worker.started")
        assert httpx.post(f"http://127.0.0.1:{port}/hooks/nobody/here").status_code == 404

        os.kill(pid_of_worker(up.pid), signal.SIGKILL)
        line_with(up, "up.died")
        line_with(up, "worker.started")

        up.terminate()
        line_with(up, "worker.stopped")
        assert up.wait() == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/")


def pid_of_worker(parent):
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return next(int(pid) for pid in children if b"\0worker\0" in Path(f"/proc/{pid}/cmdline").read_bytes())


@pytest.mark.drill
@pytest.mark.django_db(transaction=True)
def test_nothing_is_orphaned_when_up_itself_is_killed():
    with running("blametrail.cli", "up", "--port", str(free_port())) as up:
        lines_with(up, "Uvicorn running", "worker.started")
        up.kill()

        lines_with(up, "worker.stopped", "Finished server process")
