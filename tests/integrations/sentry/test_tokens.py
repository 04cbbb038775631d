"""The life of a connection's tokens, against a Sentry over real HTTP."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import OperationalError, connections
from django.db import connection as database

from blametrail.integrations.sentry import client, disconnecting, proving, renewals, tokens
from blametrail.integrations.sentry.grants import TokenPair
from blametrail.integrations.sentry.models import Connection, DisconnectReason, LedgerKind, Mode, State
from tests.integrations.sentry.clocks import Clock

pytestmark = pytest.mark.django_db(transaction=True)


LIFE = timedelta(hours=8)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def connection(connect) -> Connection:
    return connect()


def grants_of(sandbox) -> list[str]:
    return [grant.kind for grant in sandbox.control.grants() if grant.kind != "exchange"]


def granted_by(sandbox) -> list[str]:
    return [grant.kind for grant in sandbox.control.grants() if grant.granted and grant.kind != "exchange"]


def refresh_only(sandbox) -> None:
    sandbox.control.set_app(jwt_grant=False)


# --- when it goes well ------------------------------------------------------------------------------------------


def test_a_valid_token_is_handed_out_without_asking_sentry(connection, sandbox):
    assert tokens.access_token(connection) == connection.access_token
    assert grants_of(sandbox) == []


def test_nothing_is_renewed_before_it_is_due(connection, clock, sandbox):
    clock.forward(hours=5, minutes=40)

    assert renewals.renew_due(clock=clock) == 0
    assert grants_of(sandbox) == []


def test_a_due_token_is_renewed_before_it_expires(connection, clock, sandbox):
    before = connection.access_token
    clock.forward(hours=6, minutes=1)

    assert renewals.renew_due(clock=clock) == 1

    connection.refresh_from_db()
    assert connection.access_token != before
    assert connection.token_version == 2
    assert granted_by(sandbox) == ["jwt"]
    client.Session(sandbox.url, connection.access_token).organization("acme-rockets")


def test_a_sentry_without_the_jwt_grant_is_renewed_by_refresh_token_and_remembered(connection, clock, sandbox):
    refresh_only(sandbox)
    tokens.renew(connection, clock=clock)
    tokens.renew(connection, clock=clock)

    connection.refresh_from_db()
    assert connection.jwt_grant_works is False
    assert grants_of(sandbox) == ["jwt", "refresh", "refresh"]


def test_an_older_sentry_says_no_to_the_jwt_in_its_own_words(connection, clock, sandbox):
    sandbox.control.set_generation("24.2")

    assert tokens.renew(connection, clock=clock)
    connection.refresh_from_db()
    assert connection.jwt_grant_works is False


def test_a_renewal_is_told_in_the_ledger(connection, clock):
    tokens.renew(connection, clock=clock)

    entry = connection.ledger.filter(kind=LedgerKind.RENEWED).get()
    assert entry.grant == "jwt"
    assert entry.duration > timedelta()


# --- when it does not -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["status:500", "status:429", "html", "empty"])
def test_trouble_at_sentry_is_retried_and_never_disconnects(connection, clock, sandbox, fault):
    sandbox.control.add_fault("jwt", fault, times=1)

    assert not tokens.renew(connection, clock=clock)

    connection.refresh_from_db()
    assert connection.state == State.CONNECTED
    assert connection.failures == 1
    assert connection.last_error
    assert clock() < connection.renew_at <= clock() + timedelta(seconds=30)
    assert connection.renewal_claim is None


def test_after_the_trouble_the_next_try_heals_it(connection, clock, sandbox):
    sandbox.control.add_fault("jwt", "status:500", times=1)
    tokens.renew(connection, clock=clock)
    clock.forward(minutes=1)

    assert renewals.renew_due(clock=clock) == 1
    connection.refresh_from_db()
    assert (connection.failures, connection.last_error) == (0, "")


def test_a_lost_answer_is_healed_by_the_jwt(connection, clock, sandbox):
    sandbox.control.add_fault("jwt", "drop_after_commit")
    tokens.renew(connection, clock=clock)
    clock.forward(minutes=1)

    assert renewals.renew_due(clock=clock) == 1


def test_a_spurious_refusal_of_the_jwt_is_healed_at_once_by_the_refresh_token(connection, clock, sandbox):
    sandbox.control.add_fault("jwt", "status:401")

    assert tokens.renew(connection, clock=clock)
    assert grants_of(sandbox) == ["jwt", "refresh"]


def test_six_refusals_over_half_an_hour_disconnect_with_the_reason(connection, clock, sandbox):
    refresh_only(sandbox)
    sandbox.control.add_fault("refresh", "status:401", times=None)
    for _try in range(6):
        tokens.renew(connection, clock=clock)
        clock.forward(minutes=7)

    connection.refresh_from_db()
    assert connection.state == State.DISCONNECTED
    assert connection.disconnect_reason == DisconnectReason.REFUSED
    assert connection.notice_due_at is not None


def test_six_refusals_in_a_quarter_of_an_hour_do_not(connection, clock, sandbox):
    refresh_only(sandbox)
    sandbox.control.add_fault("refresh", "status:401", times=None)
    for _try in range(6):
        tokens.renew(connection, clock=clock)
        clock.forward(minutes=3)

    connection.refresh_from_db()
    assert connection.state == State.CONNECTED


def test_an_outage_disconnects_only_a_day_after_expiry(connection, clock, sandbox):
    sandbox.control.add_fault("jwt", "status:503", times=None)
    clock.forward(hours=31)
    tokens.renew(connection, clock=clock)
    connection.refresh_from_db()
    assert connection.state == State.CONNECTED

    clock.forward(hours=2)
    tokens.renew(connection, clock=clock)

    connection.refresh_from_db()
    assert connection.disconnect_reason == DisconnectReason.EXPIRED


def test_an_uninstall_that_sentry_never_told_is_noticed_on_the_second_look(connection, clock, sandbox):
    sandbox.control.set_webhooks(enabled=False)
    sandbox.control.uninstall(str(connection.installation_uuid))
    tokens.renew(connection, clock=clock)
    connection.refresh_from_db()
    assert connection.state == State.CONNECTED

    clock.forward(minutes=1)
    tokens.renew(connection, clock=clock)

    connection.refresh_from_db()
    assert connection.disconnect_reason == DisconnectReason.REMOVED


def test_a_wrong_client_secret_is_not_held_against_the_connection(connection, clock, sandbox):
    sandbox.control.set_app(client_secret="rotated-" + "x" * 32)
    for _try in range(8):
        tokens.renew(connection, clock=clock)
        clock.forward(minutes=10)

    connection.refresh_from_db()
    assert connection.state == State.CONNECTED
    assert "JWT" in connection.last_error


def test_a_disconnected_connection_is_not_renewed(connection, clock, sandbox):
    disconnecting.removed_in_sentry(connection, actor_name="", now=clock())

    assert not tokens.renew(connection, clock=clock)
    with pytest.raises(tokens.NotConnected):
        tokens.access_token(connection, clock=clock)


# --- one at a time ----------------------------------------------------------------------------------------------


def test_a_claimed_renewal_is_left_to_its_holder(connection, clock, sandbox):
    tokens.claim(connection, now=clock())

    assert not tokens.renew(connection, clock=clock)
    assert grants_of(sandbox) == []


def test_a_dead_workers_claim_is_taken_over(connection, clock, sandbox):
    tokens.claim(connection, now=clock())
    clock.forward(seconds=91)

    assert tokens.renew(connection, clock=clock)


def pair(clock, *, name: str, issued_ago: timedelta) -> TokenPair:
    issued_at = clock() - issued_ago
    return TokenPair(f"access-{name}", f"refresh-{name}", issued_at, issued_at + LIFE, LIFE, ())


def test_a_late_answer_never_overwrites_a_newer_pair(connection, clock):
    clock.forward(hours=6)
    newer = pair(clock, name="newer", issued_ago=timedelta(seconds=1))
    older = pair(clock, name="older", issued_ago=timedelta(seconds=20))
    tokens.store(connection, newer, installation=connection.installation_uuid, now=clock())

    kept = tokens.store(connection, older, installation=connection.installation_uuid, now=clock())

    assert not kept
    assert connection.access_token == "access-newer"


def test_a_pair_that_comes_after_the_disconnect_is_not_kept(connection, clock):
    claim = tokens.claim(connection, now=clock())
    disconnecting.removed_in_sentry(connection, actor_name="", now=clock())
    late = pair(clock, name="late", issued_ago=timedelta())

    kept = tokens.store(connection, late, installation=connection.installation_uuid, claim=claim, now=clock())

    assert not kept
    assert connection.access_token_sealed is None


def test_a_pair_is_stored_although_the_database_is_away_for_a_moment(connection, clock, sandbox):
    refresh_only(sandbox)
    outages = iter([True, False])

    def away_once(execute, sql, *rest):
        if sql.startswith("UPDATE") and '"access_token_sealed" =' in sql and next(outages):
            raise OperationalError("the database went away")
        return execute(sql, *rest)

    with database.execute_wrapper(away_once):
        assert tokens.renew(connection, clock=clock)

    connection.refresh_from_db()
    assert connection.token_version == 2
    assert granted_by(sandbox) == ["refresh"]


def test_changed_permissions_are_told_in_the_ledger(connection, clock, sandbox):
    sandbox.control.set_app(scopes=["event:read", "org:read"])

    tokens.renew(connection, clock=clock)

    assert "event:read, org:read" in connection.ledger.get(kind=LedgerKind.SENTRY_CHANGED).text


def test_a_worker_whose_claim_was_taken_over_sends_nothing_more(connection, clock, sandbox):
    late = tokens.claim(connection, now=clock())
    clock.forward(seconds=91)
    tokens.claim(Connection.objects.get(pk=connection.pk), now=clock())

    assert not tokens.carry_out(connection, late, clock=clock)
    assert grants_of(sandbox) == []


def test_a_pair_of_an_earlier_installation_is_not_kept(connection, clock):
    stale = pair(clock, name="stale", issued_ago=timedelta())

    kept = tokens.store(connection, stale, installation=connection.pk, now=clock())

    assert not kept


def test_a_pair_is_kept_whatever_sentrys_clock_says_while_the_claim_stands(connection, clock):
    claim = tokens.claim(connection, now=clock())
    back_in_time = pair(clock, name="past", issued_ago=timedelta(days=2))

    kept = tokens.store(connection, back_in_time, installation=connection.installation_uuid, claim=claim, now=clock())

    assert kept


def test_callers_with_an_expired_token_cause_one_grant(connection, clock, sandbox):
    clock.forward(hours=9)
    begin = threading.Barrier(16)

    def ask() -> str:
        begin.wait()
        try:
            return tokens.access_token(Connection.objects.get(pk=connection.pk), clock=clock)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as pool:
        answers = {future.result() for future in [pool.submit(ask) for _ in range(16)]}

    assert len(answers) == 1
    assert granted_by(sandbox) == ["jwt"]


def test_a_caller_does_not_hammer_around_a_backoff(connection, clock, sandbox):
    clock.forward(hours=9)
    sandbox.control.add_fault("jwt", "status:500", times=1)
    tokens.renew(connection, clock=clock)

    with pytest.raises(tokens.RenewalInProgress):
        tokens.access_token(connection, clock=clock)
    assert grants_of(sandbox) == ["jwt"]


# --- using ------------------------------------------------------------------------------------------------------


def test_a_token_rejected_in_use_is_renewed_once_and_the_call_repeated(connection, sandbox):
    sandbox.control.expire_token(str(connection.installation_uuid))

    organization = tokens.call(connection, lambda session: session.organization("acme-rockets"))

    assert organization.slug == "acme-rockets"
    assert grants_of(sandbox) == ["jwt"]


def test_a_token_rejected_for_good_is_not_renewed_in_a_loop(connection, sandbox):
    sandbox.control.add_fault("organization", "status:401", times=None)

    with pytest.raises(client.Unauthorized):
        tokens.call(connection, lambda session: session.organization("acme-rockets"))
    assert grants_of(sandbox) == ["jwt"]


def test_a_token_replaced_while_it_was_used_is_not_renewed_again(connection, sandbox):
    stale = Connection.objects.get(pk=connection.pk)

    def replaced_meanwhile(session: client.Session) -> client.Organization:
        if not granted_by(sandbox):
            tokens.renew(connection)
        return session.organization("acme-rockets")

    assert tokens.call(stale, replaced_meanwhile).slug == "acme-rockets"
    assert grants_of(sandbox) == ["jwt"]


def test_a_fresh_token_that_sentry_does_not_know_yet_is_tried_once_more(connection, sandbox):
    sandbox.control.add_fault("organization", "status:401", times=2)

    organization = tokens.call(connection, lambda session: session.organization("acme-rockets"))

    assert organization.slug == "acme-rockets"
    assert grants_of(sandbox) == ["jwt"]


# --- the refresh token that may be spent ------------------------------------------------------------------------


def test_a_lost_answer_leaves_on_record_that_the_refresh_token_may_be_spent(connection, clock, sandbox):
    refresh_only(sandbox)
    sandbox.control.add_fault("refresh", "drop_after_commit")

    tokens.renew(connection, clock=clock)

    connection.refresh_from_db()
    assert connection.refresh_token_sent_at is not None
    assert "spent" in connection.ledger.filter(kind=LedgerKind.RENEWAL_FAILED).get().text


@pytest.mark.parametrize("fault", ["status:401", "status:429", "status:404"])
def test_a_clear_no_takes_that_record_back(connection, clock, sandbox, fault):
    refresh_only(sandbox)
    sandbox.control.add_fault("refresh", fault)

    tokens.renew(connection, clock=clock)

    connection.refresh_from_db()
    assert connection.failures == 1
    assert connection.refresh_token_sent_at is None


def test_a_later_no_does_not_take_back_what_an_earlier_request_may_have_done(connection, clock, sandbox):
    refresh_only(sandbox)
    sandbox.control.add_fault("refresh", "drop_after_commit")
    tokens.renew(connection, clock=clock)
    connection.refresh_from_db()
    lost_at = connection.refresh_token_sent_at
    clock.forward(minutes=1)

    tokens.renew(connection, clock=clock)

    connection.refresh_from_db()
    assert connection.refusals == 1
    assert connection.refresh_token_sent_at == lost_at


def test_a_success_clears_the_record(connection, clock, sandbox):
    sandbox.control.add_fault("jwt", "status:500")
    tokens.renew(connection, clock=clock)
    clock.forward(minutes=1)

    assert tokens.renew(connection, clock=clock)
    connection.refresh_from_db()
    assert connection.refresh_token_sent_at is None


@pytest.mark.parametrize("generation", ["current", "24.2"])
def test_a_truly_lost_answer_without_the_jwt_disconnects_with_that_reason(connection, clock, sandbox, generation):
    refresh_only(sandbox)
    sandbox.control.set_generation(generation)
    sandbox.control.add_fault("refresh", "drop_after_commit")
    for _try in range(7):
        tokens.renew(connection, clock=clock)
        clock.forward(minutes=7)

    connection.refresh_from_db()
    assert connection.disconnect_reason == DisconnectReason.ANSWER_LOST
    assert "never arrived" in connection.disconnect_detail
    assert "never arrived" in connection.ledger.filter(kind=LedgerKind.DISCONNECTED).get().text


def test_a_lost_answer_is_healed_when_sentry_learns_the_jwt(connection, clock, sandbox):
    refresh_only(sandbox)
    sandbox.control.add_fault("refresh", "drop_after_commit")
    tokens.renew(connection, clock=clock)
    sandbox.control.set_app(jwt_grant=True)
    for _try in range(2):
        clock.forward(minutes=7)
        tokens.renew(connection, clock=clock)

    connection.refresh_from_db()
    assert (connection.failures, connection.jwt_grant_works) == (0, True)


def test_one_connection_that_cannot_be_read_does_not_keep_the_others_waiting(connect, clock, sandbox):
    broken, other = connect("acme-rockets"), connect("globex")
    sealed_elsewhere = bytes(other.refresh_token_sealed)
    refresh_only(sandbox)
    Connection.objects.filter(pk=broken.pk).update(refresh_token_sealed=sealed_elsewhere)
    clock.forward(hours=6, minutes=1)

    assert renewals.renew_due(clock=clock) == 1
    broken.refresh_from_db()
    assert "does not belong to this row" in broken.last_error
    assert broken.renewal_claim is None


# --- proving ----------------------------------------------------------------------------------------------------


def test_a_test_of_the_connection_says_who_answered(connection, alice):
    proof = proving.prove(connection, by=alice)

    assert proof.is_alive
    assert "Acme Rockets" in proof.words
    assert connection.ledger.filter(kind=LedgerKind.PROVED, actor=alice).count() == 1


def test_a_renamed_organization_is_shown_by_its_new_name(connection, sandbox):
    sandbox.control.rename_organization("acme-rockets", name="Acme Spacecraft")

    proving.prove(connection)

    connection.refresh_from_db()
    assert connection.sentry_organization_name == "Acme Spacecraft"
    assert connection.ledger.filter(kind=LedgerKind.SENTRY_CHANGED).exists()


def test_a_silent_uninstall_is_found_by_two_proofs(connection, clock, sandbox):
    sandbox.control.set_webhooks(enabled=False)
    sandbox.control.uninstall(str(connection.installation_uuid))
    clock.forward(hours=7, minutes=30)
    proving.prove_due(clock=clock)
    clock.forward(minutes=2)

    proving.prove_due(clock=clock)

    connection.refresh_from_db()
    assert connection.disconnect_reason == DisconnectReason.REMOVED


def test_a_proof_that_sentry_does_not_answer_changes_nothing(connection, sandbox):
    sandbox.control.add_fault("organization", "status:500")

    proof = proving.prove(connection)

    connection.refresh_from_db()
    assert not proof.is_alive
    assert connection.state == State.CONNECTED


def test_a_rejected_internal_token_disconnects_after_repetition(connection, clock, sandbox):
    Connection.objects.filter(pk=connection.pk).update(mode=Mode.INTERNAL, installation_uuid=None, prove_at=clock())
    sandbox.control.add_fault("organization", "status:401", times=None)
    for _try in range(6):
        clock.forward(minutes=16)
        proving.prove_due(clock=clock)

    connection.refresh_from_db()
    assert connection.disconnect_reason == DisconnectReason.TOKEN_REJECTED


def test_a_pasted_token_is_never_renewed(connection, clock, sandbox):
    Connection.objects.filter(pk=connection.pk).update(mode=Mode.INTERNAL, token_expires_at=None, renew_at=None)
    connection.refresh_from_db()
    clock.forward(days=400)

    assert renewals.renew_due(clock=clock) == 0
    assert not tokens.renew(connection, clock=clock)
    assert tokens.access_token(connection, clock=clock) == connection.access_token
    assert grants_of(sandbox) == []
