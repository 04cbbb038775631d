"""What is of no more use is deleted, and nothing else."""

from datetime import timedelta

import pytest

from blametrail.integrations.sentry import connecting, ledger
from blametrail.integrations.sentry.models import ConnectAttempt, LedgerKind, UnclaimedInstallation
from tests.integrations.sentry.hooks import connected, sentry_app
from tests.integrations.sentry.redirects import came_back_with

INSTALLATION = "0b7d2c55-8a4e-4a7b-9f0e-5d1f6a2c9e31"


@pytest.mark.parametrize(("days", "left"), [(1, 1), (3, 0)])
def test_attempts_and_held_codes_are_forgotten_after_two_days(acme, alice, now, days, left):
    app = sentry_app()
    came_back = came_back_with(f"http://x/?installationId={INSTALLATION}&code=c")
    connecting.hold_unclaimed(came_back, app, session_nonce="n", now=now)
    ConnectAttempt.objects.create(
        state_hash="s", session_hash="n", user=alice, organization=acme, app=app, created_at=now, expires_at=now
    )

    connecting.forget_old(now=now + timedelta(days=days))

    assert (UnclaimedInstallation.objects.count(), ConnectAttempt.objects.count()) == (left, left)


@pytest.mark.parametrize(
    ("kind", "days", "left"),
    [
        (LedgerKind.RENEWED, 89, 1),
        (LedgerKind.RENEWED, 91, 0),
        (LedgerKind.DISCONNECTED, 91, 1),
        (LedgerKind.DISCONNECTED, 731, 0),
    ],
)
def test_the_ledger_keeps_what_went_wrong_longer_than_what_went_well(acme, now, kind, days, left):
    connection = connected(acme, sentry_app())
    ledger.record(connection, kind, "", at=now)

    ledger.forget_old(now=now + timedelta(days=days))

    assert connection.ledger.count() == left
