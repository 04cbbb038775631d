"""A connection's life against a real Sentry stand-in, in whatever order fate chooses: what must hold after each step.

Runs 25 lives of 20 steps, always the same ones. ``LIVES=500 python -m pytest tests/integrations/sentry/test_life.py``
draws as many new ones, twice as long.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from django.db import models
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from blametrail.accounts.models import User
from blametrail.integrations.sentry import (
    client,
    connecting,
    disconnecting,
    grants,
    problems,
    proving,
    renewals,
    tokens,
)
from blametrail.integrations.sentry.grants import Grant, Granted
from blametrail.integrations.sentry.models import (
    ConnectAttempt,
    Connection,
    DisconnectReason,
    Host,
    LedgerEntry,
    State,
)
from blametrail.organizations.models import AuditEntry
from sentry_sandbox.server import Sandbox
from tests.integrations.sentry.clocks import Clock
from tests.integrations.sentry.redirects import NONCE, came_back_with

pytestmark = pytest.mark.django_db(transaction=True)

LIVES = os.environ.get("LIVES")
BOUNDS = settings(
    max_examples=int(LIVES or 25),
    stateful_step_count=40 if LIVES else 20,
    derandomize=not LIVES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TEXT = (models.TextField, models.CharField, models.JSONField)
TOLD_IN = (Connection, LedgerEntry, Host, ConnectAttempt, AuditEntry)
TROUBLES = st.sampled_from(
    [
        "drop",
        "drop_after_commit",
        "status:500",
        "status_after_commit:500",
        "status:401",
        "status:429",
        "html",
        "empty",
    ]
)

TROUBLE_LASTS = {"trouble_once": 1, "trouble_for_a_while": 4, "trouble_until_it_ends": None}
HAPPENINGS = (
    *(["hours_go_by_with_a_worker_at_work"] * 4),
    *TROUBLE_LASTS,
    "a_day_goes_by_without_a_worker",
    "an_admin_presses_renew_now",
    "a_proof_is_made",
    "sentry_recovers",
    "the_jwt_grant_is_turned_off",
    "the_jwt_grant_is_turned_on",
    "a_worker_asks_and_is_not_heard_of_for_a_while",
    "its_answer_comes_late",
    "another_renews_meanwhile_and_its_answer_comes_late",
    "it_died",
    "it_is_uninstalled_and_we_are_told",
    "it_is_uninstalled_in_silence",
    "an_admin_reconnects",
)


@dataclass
class Stage:
    """Who and what every life needs."""

    sandbox: Sandbox
    alice: User
    set_out: Callable[..., str]


@dataclass
class InFlight:
    """A renewal whose answer is still on its way."""

    claim: tokens.Claim
    answer: client.Answer
    asked_at: datetime


class Life(RuleBasedStateMachine):
    stage: Stage

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.control = self.stage.sandbox.control
        self.in_flight: list[InFlight] = []
        self.secrets: set[str] = {self.stage.sandbox.config.client_secret}
        self.was: Connection | None = None

    @initialize(jwt=st.booleans(), generation=st.sampled_from(["current", "24.2"]))
    def begin(self, jwt: bool, generation: str) -> None:
        for model in (Connection, Host, ConnectAttempt):
            model.objects.all().delete()
        self.control.reset()
        self.control.set_app(jwt_grant=jwt, passes_state=True)
        self.control.set_generation(generation)
        self.connect()

    def connect(self) -> None:
        installed = self.control.install("acme-rockets", state=self.stage.set_out(at=self.clock()))
        self.secrets.add(installed.code or self.stage.sandbox.config.client_secret)
        back = came_back_with(installed.redirect)
        connecting.finish(back, user=self.stage.alice, session_nonce=NONCE, clock=self.clock)
        self.in_flight.clear()

    @property
    def row(self) -> Connection:
        return Connection.objects.select_related("app").get()

    @property
    def installation(self) -> str | None:
        return next((each["uuid"] for each in self.control.state()["installations"]), None)

    @rule(what=st.sampled_from(HAPPENINGS), on=st.sampled_from(["token", "token", "api"]), trouble=TROUBLES)
    def something_happens(self, what: str, on: str, trouble: str) -> None:
        # One rule and not one for each: Hypothesis would leave most rules out of any one life.
        if what in TROUBLE_LASTS:
            self.control.add_fault(on, trouble, times=TROUBLE_LASTS[what])
        else:
            getattr(self, what)()

    # --- what happens

    def hours_go_by_with_a_worker_at_work(self) -> None:
        for minutes in (1, 1, 8, 8, 8, 8, 8, 180, 200):
            self.clock.forward(minutes=minutes)
            renewals.renew_due(clock=self.clock)

    def a_day_goes_by_without_a_worker(self) -> None:
        self.clock.forward(hours=33)

    def an_admin_presses_renew_now(self) -> None:
        tokens.renew(self.row, clock=self.clock)

    def a_proof_is_made(self) -> None:
        proving.prove(self.row, clock=self.clock)

    def sentry_recovers(self) -> None:
        self.control.clear_faults()

    def the_jwt_grant_is_turned_off(self) -> None:
        self.control.set_app(jwt_grant=False)

    def the_jwt_grant_is_turned_on(self) -> None:
        self.control.set_app(jwt_grant=True)

    def a_worker_asks_and_is_not_heard_of_for_a_while(self) -> None:
        row = self.row
        claim = tokens.claim(row, now=self.clock())
        if claim is None or row.app is None:
            return
        assert tokens._announce(row, claim, now=self.clock())  # noqa: SLF001 -- as far as that worker comes
        app = client.App(row.app.base_url, row.app.client_id, row.app.client_secret)
        grant = Grant.REFRESH if row.jwt_grant_works is False else Grant.JWT
        secret = row.refresh_token if grant is Grant.REFRESH else ""
        answer = client.ask_for_tokens(app, claim.installation, grant, secret=secret, now=self.clock())
        self.in_flight.append(InFlight(claim, answer, self.clock()))

    def its_answer_comes_late(self) -> None:
        if not self.in_flight:
            return
        late = self.in_flight.pop(0)
        verdict = grants.judge(Grant.JWT, late.answer, asked_at=late.asked_at)
        if isinstance(verdict, Granted):
            installation = late.claim.installation
            tokens.store(self.row, verdict.pair, installation=installation, claim=late.claim, now=self.clock())

    def another_renews_meanwhile_and_its_answer_comes_late(self) -> None:
        self.a_worker_asks_and_is_not_heard_of_for_a_while()
        self.clock.forward(minutes=2)
        tokens.renew(self.row, clock=self.clock)
        self.its_answer_comes_late()

    def it_died(self) -> None:
        self.in_flight.clear()
        self.clock.forward(minutes=2)

    def it_is_uninstalled_and_we_are_told(self) -> None:
        self.it_is_uninstalled_in_silence()
        if self.installation is None:
            disconnecting.removed_in_sentry(self.row, actor_name="Dana", now=self.clock())

    def it_is_uninstalled_in_silence(self) -> None:
        if self.installation == str(self.row.installation_uuid):
            self.control.uninstall(str(self.row.installation_uuid))

    def an_admin_reconnects(self) -> None:
        if self.row.state != State.DISCONNECTED:
            return
        self.control.clear_faults()
        try:
            self.connect()
        except problems.NoCode:
            self.control.uninstall(str(self.installation))
            self.connect()
        assert self.row.state == State.CONNECTED

    # --- what holds after each step

    @invariant()
    def nobody_gets_a_second_claim_while_one_is_live(self) -> None:
        row = self.row
        if row.renewal_claimed_until and row.renewal_claimed_until >= self.clock():
            assert tokens.claim(row, now=self.clock()) is None

    @invariant()
    def an_older_pair_never_replaces_a_newer_one(self) -> None:
        now, was = self.row, self.was
        same = was is not None and was.installation_uuid == now.installation_uuid
        if same and was.token_issued_at and now.token_issued_at:
            assert now.token_issued_at >= was.token_issued_at

    @invariant()
    def what_is_stored_is_alive_at_sentry_or_known_to_be_in_doubt(self) -> None:
        row = self.row
        live = [each["token"] for each in self.control.state()["installations"] if each["token"]]
        self.secrets |= {pair[name] for pair in live for name in ("access_token", "refresh_token")}
        if row.state == State.CONNECTED and live and row.refresh_token_sent_at is None:
            assert row.refresh_token in {pair["refresh_token"] for pair in live} or self._was_reinstalled(row)

    def _was_reinstalled(self, row: Connection) -> bool:
        return self.installation != str(row.installation_uuid)

    @invariant()
    def it_is_never_given_up_without_evidence(self) -> None:
        row, was = self.row, self.was
        self.was = row
        if row.state != State.DISCONNECTED or was is None or was.state == State.DISCONNECTED:
            return
        evidence = {
            DisconnectReason.REMOVED: self.installation is None,
            DisconnectReason.REFUSED: self._was_refused_for_good(row),
            DisconnectReason.ANSWER_LOST: self._was_refused_for_good(row) and row.refresh_token_sent_at is not None,
            DisconnectReason.EXPIRED: self._expired_a_day_ago(row, was),
        }
        assert evidence[DisconnectReason(row.disconnect_reason)], row.disconnect_detail
        assert row.notice_due_at is not None

    def _was_refused_for_good(self, row: Connection) -> bool:
        spread = timedelta(minutes=30)
        return row.refusals >= 6 and row.disconnected_at - row.first_refused_at >= spread

    def _expired_a_day_ago(self, row: Connection, was: Connection) -> bool:
        return row.disconnected_at - was.token_expires_at >= timedelta(hours=24)

    @invariant()
    def whatever_is_alive_is_owed_a_next_step(self) -> None:
        row = self.row
        assert row.state == State.DISCONNECTED or row.renew_at is not None
        assert row.renewal_claim is None or row.renewal_claimed_until <= self.clock() + tokens.CLAIM_LASTS

    @invariant()
    def no_secret_is_told_in_clear(self) -> None:
        told = " ".join(str(each) for model in TOLD_IN for each in _texts(model))
        assert not [secret for secret in self.secrets if secret in told]


def _texts(model: type[models.Model]) -> list[tuple[str, ...]]:
    names = [field.name for field in model._meta.get_fields() if isinstance(field, TEXT)]  # noqa: SLF001 -- Django's own way
    return list(model._base_manager.values_list(*names))  # noqa: SLF001 -- every row, whatever the manager hides


def test_whatever_happens_in_a_connections_life(sandbox, alice, set_out):
    life = type("LifeOnThisStage", (Life,), {"stage": Stage(sandbox, alice, set_out)})

    run_state_machine_as_test(life, settings=BOUNDS)
