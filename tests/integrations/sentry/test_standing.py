"""What people are told of how a connection stands."""

from datetime import timedelta

import pytest

from blametrail.integrations.sentry import standing
from blametrail.integrations.sentry.models import Connection, DisconnectReason, Mode, State


def connection(**fields) -> Connection:
    return Connection(sentry_organization_name="Acme Rockets", **fields)


def test_a_connection_without_trouble_needs_no_words(now):
    assert standing.of(connection(), now=now) == standing.CONNECTED


def test_a_failed_renewal_says_which_attempt_and_what_still_works(now):
    trouble = connection(failures=3, last_error="Sentry did not answer in time.")
    trouble.token_expires_at = now + timedelta(hours=1)

    stands = standing.of(trouble, now=now)

    assert stands.label == "Trouble renewing"
    assert stands.happened == "Attempt 3 to renew the token failed: Sentry did not answer in time."
    assert stands.remedy.startswith("Access still works")
    assert not stands.needs_admin


def test_after_expiry_access_is_not_said_to_work(now):
    expired = connection(failures=9, last_error="Sentry could not be reached.", token_expires_at=now)

    assert standing.of(expired, now=now).remedy.startswith("Access has run out")


@pytest.mark.parametrize(("failures", "words"), [(1, "rejected the token once"), (4, "rejected the token 4 times")])
def test_a_rejected_token_is_not_called_a_renewal(now, failures, words):
    rejected = connection(mode=Mode.INTERNAL, failures=failures, last_error="Sentry answered 401.")

    assert words in standing.of(rejected, now=now).happened


@pytest.mark.parametrize("reason", DisconnectReason)
def test_every_reason_to_be_disconnected_has_a_remedy(now, reason):
    lost = connection(state=State.DISCONNECTED, disconnect_reason=reason, disconnect_detail="By Jane.")

    stands = standing.of(lost, now=now)

    assert stands.label == "Disconnected"
    assert stands.happened == f"{reason.label} By Jane."
    assert stands.remedy
    assert stands.needs_admin == (reason != DisconnectReason.BY_PERSON)


def test_one_that_sentry_misses_is_asked_about_once_more(now):
    assert standing.of(connection(missing_since=now), now=now).label == "Checking"


def test_one_without_a_name_yet_goes_on_by_itself(now):
    stands = standing.of(connection(state=State.CONNECTING), now=now)

    assert (stands.label, stands.is_settled, stands.needs_admin) == ("Connecting…", False, False)


def test_one_that_was_not_meant_asks_for_a_decision(now):
    wanted = Connection(sentry_organization_name="Initech")

    stands = standing.of(connection(state=State.UNCONFIRMED, repairs=wanted), now=now)

    assert "reconnect Initech, and Acme Rockets was picked there" in stands.happened
    assert stands.needs_admin
