"""Many renewals owed at once: the pace, the order, and that one's trouble is not another's."""

import uuid
from datetime import datetime, timedelta

import pytest

from blametrail.integrations.sentry import grants, hosts, proving, renewals, tokens
from blametrail.integrations.sentry.models import Connection, Host, State, seal
from tests.integrations.sentry.clocks import Clock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fleet(connect, sandbox) -> list[Connection]:
    """Twelve connections, each to a Sentry organization of its own."""
    slugs = [f"org-{number:02}" for number in range(12)]
    for slug in slugs:
        sandbox.control.add_organization(slug)
    return [connect(slug) for slug in slugs]


@pytest.fixture
def elsewhere(fleet) -> str:
    """The address of another Sentry, which nobody answers at; the first of the fleet is there."""
    app = fleet[0].app
    app.pk, app.key, app.base_url = uuid.uuid4(), "elsewhere", "http://127.0.0.1:9"
    app.client_secret_sealed = seal(app, "client_secret_sealed", "x" * 32)
    app.save(force_insert=True)
    Connection.objects.filter(pk=fleet[0].pk).update(base_url=app.base_url, app=app)
    return str(app.base_url)


def granted_to(sandbox) -> list[str]:
    return [grant.installation for grant in sandbox.control.grants() if grant.granted and grant.kind != "exchange"]


def test_all_that_is_owed_is_renewed(fleet, clock, sandbox):
    clock.forward(hours=6, minutes=30)

    assert renewals.renew_due(clock=clock) == 12
    assert sorted(granted_to(sandbox)) == sorted(str(each.installation_uuid) for each in fleet)


def test_no_more_than_the_configured_rate_leaves_for_a_host(fleet, clock, sandbox):
    clock.forward(hours=6, minutes=30)

    renewals.renew_due(clock=clock)

    at = sorted(grant.at for grant in sandbox.control.grants() if grant.kind != "exchange")
    took = datetime.fromisoformat(at[-1]) - datetime.fromisoformat(at[0])
    assert took > timedelta(seconds=11 / 20) - timedelta(milliseconds=50)


def test_what_expires_first_is_renewed_first(fleet, clock, sandbox, settings):
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"sentry_renewals_at_once": 1})
    clock.forward(hours=6, minutes=30)
    urgent = fleet[7]
    Connection.objects.filter(pk=urgent.pk).update(token_expires_at=clock() + timedelta(seconds=30))

    renewals.renew_due(clock=clock)

    assert granted_to(sandbox)[0] == str(urgent.installation_uuid)


def test_a_host_that_is_down_is_asked_for_a_few_and_then_left_in_peace(fleet, clock, sandbox, settings):
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"sentry_renewals_at_once": 2})
    sandbox.control.add_fault("token", "status:503", times=None)
    clock.forward(hours=6, minutes=30)

    renewals.renew_due(clock=clock)

    asked = [grant for grant in sandbox.control.grants() if grant.kind == "jwt"]
    assert 5 <= len(asked) <= 7
    assert Host.objects.get().quiet_until > clock()
    assert not Connection.objects.exclude(renewal_claim=None).exists()


def test_while_it_is_down_it_is_probed_by_one_renewal_at_a_time(fleet, clock, sandbox):
    sandbox.control.add_fault("token", "status:503", times=None)
    clock.forward(hours=6, minutes=30)
    renewals.renew_due(clock=clock)
    before = len(sandbox.control.grants())
    clock.forward(minutes=1)

    renewals.renew_due(clock=clock)

    assert len(sandbox.control.grants()) == before + 1


def test_when_it_is_back_everybody_is_renewed_and_nobody_waits_out_a_backoff(fleet, clock, sandbox):
    sandbox.control.add_fault("token", "status:503", times=None)
    clock.forward(hours=6, minutes=30)
    renewals.renew_due(clock=clock)
    sandbox.control.clear_faults()
    clock.forward(minutes=1)

    renewals.renew_due(clock=clock)

    assert Connection.objects.filter(token_version=2, failures=0).count() == 12


def test_a_caller_with_an_expired_token_does_not_hammer_a_host_that_is_down(fleet, clock, sandbox):
    sandbox.control.add_fault("token", "status:503", times=None)
    clock.forward(hours=9)
    renewals.renew_due(clock=clock)
    before = len(sandbox.control.grants())

    for connection in fleet:
        with pytest.raises(tokens.RenewalInProgress):
            tokens.access_token(connection, clock=clock)
    assert len(sandbox.control.grants()) == before


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        ({}, 5),
        ({"Retry-After": "20"}, 20),
        ({"X-Sentry-Rate-Limit-Remaining": "0", "X-Sentry-Rate-Limit-Reset": "99999999999"}, 60),
    ],
)
def test_a_429_holds_up_the_host_as_long_as_it_asks(fleet, clock, sandbox, headers, waits):
    sandbox.control.add_fault("jwt", "status:429", headers=headers)
    tokens.renew(fleet[0], clock=clock)

    quiet = Host.objects.get().quiet_until - clock()
    assert timedelta(seconds=waits - 2) < quiet <= timedelta(seconds=waits)
    assert not tokens.renew(fleet[1], clock=clock, heeds_quiet=True)


def test_one_hosts_outage_does_not_touch_another_host(fleet, clock, sandbox, elsewhere):
    clock.forward(hours=6, minutes=30)
    for connection in fleet[:5]:
        hosts.heard(elsewhere, connection.pk, grants.Unavailable("down"), now=clock())

    assert renewals.renew_due(clock=clock) == 11
    assert hosts.is_quiet(elsewhere, now=clock())


def test_a_host_that_is_down_is_not_bothered_with_proofs(fleet, clock, sandbox):
    clock.forward(hours=7, minutes=30)
    for connection in fleet[:5]:
        hosts.heard(connection.base_url, connection.pk, grants.Unavailable("down"), now=clock())

    assert proving.prove_due(clock=clock) == 0


def test_a_connection_that_hangs_does_not_delay_the_others(fleet, clock, sandbox):
    sandbox.control.add_fault("jwt", "hang:2", installation=str(fleet[0].installation_uuid))
    clock.forward(hours=6, minutes=30)

    renewals.renew_due(clock=clock)

    at = {grant.installation: grant.at for grant in sandbox.control.grants() if grant.kind == "jwt"}
    others = [moment for installation, moment in at.items() if installation != str(fleet[0].installation_uuid)]
    assert len(others) == 11
    assert Connection.objects.filter(token_version=2).count() == 11


def test_whoever_is_given_up_meanwhile_is_left_alone(fleet, clock, sandbox):
    clock.forward(hours=6, minutes=30)
    Connection.objects.filter(pk=fleet[0].pk).update(state=State.DISCONNECTED)

    assert renewals.renew_due(clock=clock) == 11


def test_a_person_may_try_at_once_although_the_host_is_left_in_peace(fleet, clock, sandbox):
    sandbox.control.add_fault("jwt", "status:429")
    tokens.renew(fleet[0], clock=clock)

    assert tokens.renew(fleet[1], clock=clock)
