"""Connect via OAuth, against a Sentry over real HTTP."""

import json
import uuid
from datetime import timedelta

import pytest

from blametrail.intake import deliveries
from blametrail.intake.deliveries import Arrival
from blametrail.integrations.sentry import adopting, connecting, disconnecting, problems, proving
from blametrail.integrations.sentry.adopting import AskPerson, BecomeConnection, Known, Repair
from blametrail.integrations.sentry.models import ConnectAttempt, Connection, DisconnectReason, LedgerKind, State
from blametrail.organizations.models import AuditEntry, Membership, Organization
from tests.integrations.sentry.redirects import NONCE, came_back_with

pytestmark = pytest.mark.django_db(transaction=True)


def later(delta: timedelta):
    return lambda: connecting.wall_clock() + delta


def kinds(connection: Connection) -> list[str]:
    return list(connection.ledger.order_by("at", "id").values_list("kind", flat=True))


def test_connecting_reads_the_organization_with_the_new_token(connect, alice):
    connection = connect("acme-rockets")

    assert connection.state == State.CONNECTED
    assert connection.sentry_organization_name == "Acme Rockets"
    assert connection.sentry_organization_id
    assert connection.connected_by == alice
    assert connection.access_token
    assert connection.refresh_token


def test_connecting_verifies_the_installation_so_that_webhooks_flow(connect, sandbox):
    connection = connect()

    assert connection.installation_verified_at is not None
    (installation,) = sandbox.control.state()["installations"]
    assert installation["status"] == "installed"


def test_connecting_is_told_in_the_ledger_and_the_audit_log(connect, acme):
    connection = connect()

    assert kinds(connection) == [LedgerKind.CONNECTED, LedgerKind.VERIFIED, LedgerKind.PROVED]
    assert AuditEntry.objects.of(acme).filter(verb="connection.connected").count() == 1


def test_several_sentry_organizations_connect_to_one_organization(connect, acme):
    connect("acme-rockets")
    connect("globex")

    names = Connection.objects.of(acme).values_list("sentry_organization_slug", flat=True)
    assert sorted(names) == ["acme-rockets", "globex"]


def test_the_redirects_own_word_for_the_organization_is_not_believed(sandbox, set_out, alice):
    installed = sandbox.control.install("acme-rockets", state=set_out())
    lying = installed.redirect.replace("orgSlug=acme-rockets", "orgSlug=globex")

    connection = connecting.finish(came_back_with(lying), user=alice, session_nonce=NONCE)

    assert connection.sentry_organization_slug == "acme-rockets"


def test_a_state_works_once(sandbox, set_out, alice):
    came_back = came_back_with(sandbox.control.install("acme-rockets", state=set_out()).redirect)
    connecting.finish(came_back, user=alice, session_nonce=NONCE)

    with pytest.raises(problems.UsedState):
        connecting.finish(came_back, user=alice, session_nonce=NONCE)

    assert [grant.kind for grant in sandbox.control.grants()] == ["exchange"]


def test_a_state_that_was_never_given_out_is_refused(sandbox, app, alice):
    came_back = came_back_with(sandbox.control.install("acme-rockets", state="made-up").redirect)

    with pytest.raises(problems.UnknownState):
        connecting.finish(came_back, user=alice, session_nonce=NONCE)

    assert sandbox.control.grants() == []


def test_a_state_is_of_no_use_to_another_person(sandbox, set_out, mallory):
    came_back = came_back_with(sandbox.control.install("acme-rockets", state=set_out()).redirect)

    with pytest.raises(problems.ForeignState):
        connecting.finish(came_back, user=mallory, session_nonce=NONCE)


def test_a_state_is_of_no_use_in_another_browser(sandbox, set_out, alice):
    came_back = came_back_with(sandbox.control.install("acme-rockets", state=set_out()).redirect)

    with pytest.raises(problems.ForeignState):
        connecting.finish(came_back, user=alice, session_nonce="another browser")


def test_a_state_lasts_fifteen_minutes(sandbox, set_out, alice):
    came_back = came_back_with(sandbox.control.install("acme-rockets", state=set_out()).redirect)

    with pytest.raises(problems.ExpiredState):
        connecting.finish(came_back, user=alice, session_nonce=NONCE, clock=later(timedelta(minutes=15)))


def test_who_is_no_longer_an_admin_cannot_finish(sandbox, set_out, alice, acme):
    came_back = came_back_with(sandbox.control.install("acme-rockets", state=set_out()).redirect)
    Membership.objects.of(acme).filter(user=alice).update(role="member")

    with pytest.raises(problems.NotAllowed):
        connecting.finish(came_back, user=alice, session_nonce=NONCE)


def test_a_redirect_without_a_code_says_how_to_get_one(sandbox, set_out, alice):
    redirect = f"http://x/?installationId={uuid.uuid4()}&orgSlug=acme-rockets&state={set_out()}"

    with pytest.raises(problems.NoCode):
        connecting.finish(came_back_with(redirect), user=alice, session_nonce=NONCE)


def test_a_redirect_that_names_no_installation_is_incomplete(set_out, alice):
    redirect = f"http://x/?installationId=nonsense&code=c&state={set_out()}"

    with pytest.raises(problems.Malformed):
        connecting.finish(came_back_with(redirect), user=alice, session_nonce=NONCE)


@pytest.mark.parametrize("generation", ["current", "24.2"])
def test_an_expired_code_is_refused_in_words(sandbox, set_out, alice, generation):
    sandbox.control.set_app(passes_state=True)
    sandbox.control.set_generation(generation)
    installed = sandbox.control.install("acme-rockets", state=set_out())
    sandbox.control.expire_grant(installed.uuid)

    with pytest.raises(problems.CodeRefused):
        connecting.finish(came_back_with(installed.redirect), user=alice, session_nonce=NONCE)

    assert not Connection.objects.exists()


def test_an_installation_that_does_not_exist_is_named_missing(sandbox, set_out, alice):
    redirect = f"http://x/?installationId={uuid.uuid4()}&code=c&state={set_out()}"

    with pytest.raises(problems.InstallationMissing):
        connecting.finish(came_back_with(redirect), user=alice, session_nonce=NONCE)


@pytest.mark.parametrize("fault", ["status:500", "html", "empty", "status:502"])
def test_a_sentry_in_trouble_is_not_blamed_on_the_person(sandbox, set_out, alice, fault):
    installed = sandbox.control.install("acme-rockets", state=set_out())
    sandbox.control.add_fault("exchange", fault, times=2)

    with pytest.raises(problems.SentryDown):
        connecting.finish(came_back_with(installed.redirect), user=alice, session_nonce=NONCE)


def told_by_webhook(installed) -> None:
    """Store what Sentry's signed webhook says of the install, as the door does."""
    told = {"uuid": installed.uuid, "code": installed.code, "organization": {"slug": "acme-rockets"}}
    body = {"action": "created", "installation": {"uuid": installed.uuid}, "data": {"installation": told}}
    arrived = Arrival(
        source="sentry",
        endpoint="blametrail",
        resource="installation",
        headers={},
        body=json.dumps(body).encode(),
        sender=installed.uuid,
    )
    deliveries.store([arrived], now=connecting.wall_clock())


def test_a_made_up_code_opens_nothing_in_a_moment_of_trouble(connect, sandbox, set_out, alice, alice_in_acme):
    """The installation stands in Sentry with a token, and is connected to nobody here any more."""
    connection = connect()
    installation = connection.installation_uuid
    disconnecting.by_person(alice_in_acme, connection, now=connecting.wall_clock())
    disconnecting.put_away(alice_in_acme, connection, now=connecting.wall_clock())
    redirect = f"http://x/?installationId={installation}&code=made-up&state={set_out()}"
    sandbox.control.add_fault("exchange", "status:500")

    with pytest.raises(problems.CodeRefused):
        connecting.finish(came_back_with(redirect), user=alice, session_nonce=NONCE)

    assert [grant.kind for grant in sandbox.control.grants()] == ["exchange"] * 3


def test_an_exchange_whose_answer_is_lost_is_recovered_by_the_jwt_grant(sandbox, set_out, alice):
    installed = sandbox.control.install("acme-rockets", state=set_out())
    told_by_webhook(installed)
    sandbox.control.add_fault("exchange", "drop_after_commit")

    connection = connecting.finish(came_back_with(installed.redirect), user=alice, session_nonce=NONCE)

    assert connection.state == State.CONNECTED
    assert [grant.kind for grant in sandbox.control.grants()] == ["exchange", "exchange", "jwt"]


def test_a_wrong_client_secret_is_named_as_ours(sandbox, set_out, alice):
    installed = sandbox.control.install("acme-rockets", state=set_out())
    sandbox.control.set_app(client_secret="changed at Sentry")

    with pytest.raises(problems.AppRefused):
        connecting.finish(came_back_with(installed.redirect), user=alice, session_nonce=NONCE)


def test_an_installation_belongs_to_one_organization_only(connect, sandbox, app, alice, mallory, malice_inc):
    connection = connect()
    redirect = f"http://x/?installationId={connection.installation_uuid}&code=guessed"
    held = connecting.hold_unclaimed(came_back_with(redirect), app, session_nonce="m", now=connecting.wall_clock())

    with pytest.raises(problems.BelongsElsewhere):
        connecting.claim(held, user=mallory, organization=malice_inc)


def test_when_sentry_is_slow_to_tell_its_name_the_tokens_are_safe_and_settled_later(sandbox, set_out, alice):
    installed = sandbox.control.install("acme-rockets", state=set_out())
    sandbox.control.add_fault("organization", "status:500")
    connection = connecting.finish(came_back_with(installed.redirect), user=alice, session_nonce=NONCE)
    assert connection.state == State.CONNECTING

    adopting.settle_due(clock=later(timedelta(minutes=2)))

    connection.refresh_from_db()
    assert connection.state == State.CONNECTED
    assert connection.sentry_organization_name == "Acme Rockets"


def test_a_verification_that_fails_is_made_up_later(sandbox, set_out, alice):
    installed = sandbox.control.install("acme-rockets", state=set_out())
    sandbox.control.add_fault("install_put", "status:502")
    connection = connecting.finish(came_back_with(installed.redirect), user=alice, session_nonce=NONCE)
    assert connection.installation_verified_at is None

    proving.prove_due(clock=later(timedelta(minutes=20)))

    connection.refresh_from_db()
    assert connection.installation_verified_at is not None


# --- repairing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("repairs", "same_organization", "decision"),
    [
        (None, None, BecomeConnection()),
        (None, Known(uuid.UUID(int=2), "77"), Repair(uuid.UUID(int=2))),
        (Known(uuid.UUID(int=1), "77"), None, Repair(uuid.UUID(int=1))),
        (Known(uuid.UUID(int=1), ""), None, Repair(uuid.UUID(int=1))),
        (Known(uuid.UUID(int=1), "88"), None, AskPerson()),
        (Known(uuid.UUID(int=1), "88"), Known(uuid.UUID(int=2), "77"), AskPerson()),
    ],
)
def test_what_a_fresh_installation_becomes(repairs, same_organization, decision):
    assert adopting.decide("77", repairs=repairs, same_organization=same_organization) == decision


def test_reconnecting_after_a_removal_repairs_the_same_row(connect, sandbox):
    connection = connect()
    sandbox.control.uninstall(str(connection.installation_uuid))
    disconnecting.removed_in_sentry(connection, actor_name="Dana", now=connecting.wall_clock())

    again = connect(repairs=connection)

    assert again.pk == connection.pk
    assert again.state == State.CONNECTED
    assert again.disconnect_reason == ""
    assert Connection.objects.count() == 1
    assert LedgerKind.RECONNECTED in kinds(again)


def test_connecting_anew_what_was_removed_repairs_the_same_row_too(connect, sandbox):
    connection = connect()
    sandbox.control.uninstall(str(connection.installation_uuid))
    disconnecting.removed_in_sentry(connection, actor_name="Dana", now=connecting.wall_clock())

    again = connect()

    assert again.pk == connection.pk


def test_reconnecting_an_installation_that_still_stands_needs_no_code(connect, sandbox, set_out, alice):
    connection = connect()
    disconnecting.give_up(connection, DisconnectReason.REFUSED, "", now=connecting.wall_clock())
    redirect = sandbox.control.install("acme-rockets", state=set_out(repairs=connection)).redirect
    assert "code=" not in redirect

    again = connecting.finish(came_back_with(redirect), user=alice, session_nonce=NONCE)

    assert again.pk == connection.pk
    assert again.state == State.CONNECTED


def test_an_older_sentry_is_repaired_by_the_kept_refresh_token(connect, sandbox, set_out, alice):
    sandbox.control.set_app(passes_state=True)
    sandbox.control.set_generation("24.2")
    connection = connect()
    disconnecting.give_up(connection, DisconnectReason.EXPIRED, "", now=connecting.wall_clock())
    redirect = sandbox.control.install("acme-rockets", state=set_out(repairs=connection)).redirect

    again = connecting.finish(came_back_with(redirect), user=alice, session_nonce=NONCE)

    assert again.state == State.CONNECTED


@pytest.mark.parametrize("generation", ["current", "24.2"])
def test_where_nobody_withdrew_access_reconnecting_needs_no_visit_to_sentry(connect, sandbox, alice, generation):
    sandbox.control.set_app(passes_state=True)
    sandbox.control.set_generation(generation)
    connection = connect()
    disconnecting.give_up(connection, DisconnectReason.REFUSED, "", now=connecting.wall_clock())

    assert connecting.repair_here(connection, user=alice)

    connection.refresh_from_db()
    assert connection.state == State.CONNECTED
    assert connection.proved_at is not None


def test_where_access_was_withdrawn_only_sentry_can_give_it_again(connect, sandbox, alice, alice_in_acme):
    connection = connect()
    disconnecting.by_person(alice_in_acme, connection, now=connecting.wall_clock())
    before = len(sandbox.control.grants())

    assert not connecting.repair_here(connection, user=alice)
    assert len(sandbox.control.grants()) == before


def test_reconnecting_to_another_organization_waits_for_confirmation(connect):
    connection = connect("acme-rockets")

    other = connect("globex", repairs=connection)

    assert other.pk != connection.pk
    assert other.state == State.UNCONFIRMED


def test_a_confirmed_other_organization_becomes_a_connection_of_its_own(connect, alice_in_acme):
    connection = connect("acme-rockets")
    other = connect("globex", repairs=connection)

    kept = adopting.confirm(alice_in_acme, other)

    assert kept.state == State.CONNECTED
    assert kept.sentry_organization_name == "Globex Corporation"


def test_a_declined_other_organization_is_forgotten(connect, alice_in_acme):
    connection = connect("acme-rockets")
    other = connect("globex", repairs=connection)

    adopting.decline(alice_in_acme, other, now=connecting.wall_clock())

    assert list(Connection.objects.all()) == [connection]


def test_connecting_again_brings_back_one_that_was_removed_from_the_list(connect, sandbox, alice_in_acme):
    connection = connect()
    sandbox.control.uninstall(str(connection.installation_uuid))
    disconnecting.removed_in_sentry(connection, actor_name="Dana", now=connecting.wall_clock())
    assert disconnecting.put_away(alice_in_acme, connection, now=connecting.wall_clock())

    again = connect()

    assert (again.pk, again.archived_at) == (connection.pk, None)


# --- disconnecting ----------------------------------------------------------------------------------------------


def test_disconnecting_erases_our_secrets_and_keeps_the_row(connect, alice_in_acme):
    connection = connect()

    disconnecting.by_person(alice_in_acme, connection, now=connecting.wall_clock())

    connection.refresh_from_db()
    assert connection.state == State.DISCONNECTED
    assert connection.disconnect_reason == DisconnectReason.BY_PERSON
    assert not connection.access_token_sealed
    assert not connection.refresh_token_sealed


# --- begun inside Sentry ----------------------------------------------------------------------------------------


@pytest.fixture
def held(sandbox, app):
    came_back = came_back_with(sandbox.control.install("acme-rockets").redirect)
    return connecting.hold_unclaimed(came_back, app, session_nonce=NONCE, now=connecting.wall_clock())


def test_an_install_without_state_attaches_nothing_by_itself(held, sandbox):
    assert not Connection.objects.exists()
    assert sandbox.control.grants() == []


def test_an_admin_claims_it_by_an_explicit_choice(held, alice, acme):
    connection = connecting.claim(held, user=alice, organization=acme)

    assert connection.state == State.CONNECTED
    assert connection.organization == acme


def test_a_member_cannot_claim_it(held, bob, acme):
    with pytest.raises(problems.NotAllowed):
        connecting.claim(held, user=bob, organization=acme)


def test_it_is_claimed_once(held, alice, acme):
    connecting.claim(held, user=alice, organization=acme)

    with pytest.raises(problems.ClaimOver):
        connecting.claim(held, user=alice, organization=acme)


def test_another_browser_cannot_claim_it(held):
    with pytest.raises(problems.ClaimOver):
        connecting.held_in_session(held.pk, session_nonce="another", now=connecting.wall_clock())


def test_its_code_lives_ten_minutes(held):
    with pytest.raises(problems.ClaimOver):
        connecting.held_in_session(held.pk, session_nonce=NONCE, now=connecting.wall_clock() + timedelta(minutes=10))


def test_a_claim_during_an_outage_can_be_repeated(held, sandbox, alice, acme):
    sandbox.control.add_fault("exchange", "status:500", times=2)
    with pytest.raises(problems.SentryDown):
        connecting.claim(held, user=alice, organization=acme)

    again = connecting.held_in_session(held.pk, session_nonce=NONCE, now=connecting.wall_clock())
    connection = connecting.claim(again, user=alice, organization=acme)

    assert connection.state == State.CONNECTED


def test_a_second_organization_of_alices_has_connections_of_its_own(connect, acme, alice):
    connect("acme-rockets")

    second = Organization.objects.create(name="Second", slug="second")

    assert not Connection.objects.of(second).exists()


def test_an_attempt_remembers_how_it_ended(connect):
    connect()

    assert ConnectAttempt.objects.get().outcome == "connected"
