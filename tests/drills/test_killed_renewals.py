"""A renewal, and an exchange, killed at every step: nothing is stuck, nothing lost that Sentry did not lose."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import Q

from blametrail.integrations.sentry import adopting, connecting, problems, proving, renewals, tokens
from blametrail.integrations.sentry.models import ConnectAttempt, Connection, DisconnectReason, State
from blametrail.organizations.models import hash_token
from tests.integrations.sentry.redirects import NONCE, came_back_with
from tests.jobs.processes import environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.drill]

MOST_STEPS = 300  # far more than a renewal has; a drill that goes on for ever tells nothing
DUE = timedelta(hours=6, minutes=30)
CLAIM_LAPSED = tokens.CLAIM_LASTS + timedelta(seconds=1)


@dataclass(frozen=True)
class Death:
    """How far one attempt came."""

    died: bool
    steps: list[str]
    problem: str

    @property
    def where(self) -> str:
        return f"killed at step {len(self.steps)}, {self.steps[-1]}"

    def came_past(self, step: str) -> bool:
        return any(passed.startswith(step) for passed in self.steps)


class Doomed:
    """The other process, which does as told and dies where told."""

    def __init__(self, process: subprocess.Popen) -> None:
        self._process = process

    def do(self, verb: str, *, kill_at: int = 0, later: timedelta = timedelta(), **needed: Any) -> Death:
        order = {"verb": verb, "kill_at": kill_at, "later": later.total_seconds(), **needed}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        death = Death(**json.loads(self._process.stdout.readline()))
        assert not death.problem, death
        return death


@pytest.fixture
def doomed(db) -> Iterator[Doomed]:
    command = [sys.executable, "-m", "tests.drills.dying"]
    with subprocess.Popen(
        command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        yield Doomed(process)
        process.stdin.close()


def at(offset: timedelta) -> Any:
    return lambda: tokens.wall_clock() + offset


def is_due(connection: Connection, *, now: datetime) -> bool:
    """Test whether a worker that looks at this moment would take the connection in hand."""
    free = Q(renewal_claim=None) | Q(renewal_claimed_until__lt=now)
    due = Connection.objects.filter(free, pk=connection.pk, state__in=tokens.ALIVE, renew_at__lte=now)
    return due.exists()


def works(connection: Connection) -> bool:
    connection.refresh_from_db()
    standing = (connection.state, connection.failures, connection.renewal_claim, connection.refresh_token_sent_at)
    return standing == (State.CONNECTED, 0, None, None) and proving.prove(connection).is_alive


def every_death(doomed: Doomed, connect: Any, sandbox: Any) -> Iterator[tuple[Death, Connection]]:
    """Kill a renewal at each of its steps in turn, until one comes to its end; each on a fresh connection."""
    for kill_at in range(1, MOST_STEPS):
        connection = connect()
        death = doomed.do("renew", kill_at=kill_at, later=DUE, connection=str(connection.pk))
        if not death.died:
            assert kill_at > 10, death.steps  # or the steps were not seen
            return
        yield death, connection
        Connection.objects.all().delete()
        sandbox.control.uninstall(str(connection.installation_uuid))
    pytest.fail("the renewal never came to its end")


def test_a_renewal_killed_at_any_step_is_healed_by_the_next_worker(doomed, connect, sandbox):
    for death, connection in every_death(doomed, connect, sandbox):
        connection.refresh_from_db()
        assert connection.token_version == 2 or is_due(connection, now=at(DUE + CLAIM_LAPSED)()), death.where

        renewals.renew_due(clock=at(DUE + CLAIM_LAPSED))

        assert works(connection), death.where


@pytest.mark.parametrize("generation", ["current", "24.2"])
def test_without_the_jwt_only_a_truly_lost_answer_ends_a_connection_and_says_so(doomed, connect, sandbox, generation):
    sandbox.control.set_generation(generation)
    sandbox.control.set_app(jwt_grant=False, passes_state=True)
    lost = [death.steps for death, connection in every_death(doomed, connect, sandbox) if is_lost(connection, death)]

    assert lost  # or the drill did not reach the steps it is about
    assert all(any(step.startswith("after POST") for step in steps) for steps in lost)


def is_lost(connection: Connection, death: Death) -> bool:
    """Carry on as healthy workers would; tell whether the connection ended, which it may only with the reason."""
    connection.refresh_from_db()
    assert connection.token_version == 2 or is_due(connection, now=at(DUE + CLAIM_LAPSED)()), death.where
    renewals.renew_due(clock=at(DUE + CLAIM_LAPSED))
    if works(connection):
        return False
    assert connection.refresh_token_sent_at is not None, death.where
    for again in range(1, 7):
        renewals.renew_due(clock=at(DUE + CLAIM_LAPSED + again * timedelta(minutes=16)))
    connection.refresh_from_db()
    assert connection.disconnect_reason == DisconnectReason.ANSWER_LOST, death.where
    return True


# --- the exchange -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Setting:
    """Alice on her way through Sentry, again and again."""

    set_out: Any
    sandbox: Any
    alice: Any

    def come_back(self) -> connecting.CameBack:
        return came_back_with(self.sandbox.control.install("acme-rockets", state=self.set_out()).redirect)

    def finish(self, came_back: connecting.CameBack) -> Connection:
        return connecting.finish(came_back, user=self.alice, session_nonce=NONCE)

    def every_death(self, doomed: Doomed) -> Iterator[tuple[Death, connecting.CameBack]]:
        for kill_at in range(1, MOST_STEPS):
            back = self.come_back()
            needed = {"state": back.state, "code": back.code, "installation": str(back.installation)}
            death = doomed.do("finish", kill_at=kill_at, user=self.alice.email, **needed)
            if not death.died:
                assert kill_at > 20, death.steps  # or the steps were not seen
                return
            yield death, back
            Connection.objects.all().delete()
            self.sandbox.control.uninstall(str(back.installation))
        pytest.fail("the exchange never came to its end")


def test_an_exchange_killed_at_any_step_is_settled_by_the_job_or_tells_what_to_do(doomed, set_out, sandbox, alice):
    setting = Setting(set_out, sandbox, alice)
    ends = {ends_well(setting, came_back, death) for death, came_back in setting.every_death(doomed)}

    assert ends == {"settled", "connected by reloading", "connected by starting again", "told to reinstall"}


def ends_well(setting: Setting, came_back: connecting.CameBack, death: Death) -> str:
    kept = Connection.objects.filter(installation_uuid=came_back.installation).first()
    if kept is not None:
        later = at(adopting.SETTLE_AGAIN_AFTER + timedelta(minutes=2))
        adopting.settle_due(clock=later)
        proving.prove_due(clock=later)
        assert works(kept), death.where
        assert kept.installation_verified_at, death.where
        return "settled"
    if not ConnectAttempt.objects.filter(state_hash=hash_token(came_back.state), used_at__isnull=False).exists():
        assert works(setting.finish(came_back)), death.where
        return "connected by reloading"
    with pytest.raises(problems.UsedState):
        setting.finish(came_back)
    try:
        assert works(setting.finish(setting.come_back())), death.where
    except problems.NoCode as problem:
        return "told to reinstall" if "uninstall" in problem.remedy and death.came_past("after POST") else death.where
    return "connected by starting again"
