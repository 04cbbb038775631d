"""What a failed renewal leaves behind: the row's record of trouble, the ledger, and the next try or the end."""

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction

from blametrail.integrations.sentry import disconnecting, grants, ledger
from blametrail.integrations.sentry.grants import GiveUp, Grant, TryAgain
from blametrail.integrations.sentry.models import Connection, LedgerKind
from blametrail.jobs import queue

log = structlog.get_logger()

# The sweep comes every minute; what is owed sooner than after two of them asks for a wake-up of its own.
WORTH_A_CALL = timedelta(minutes=2)


@dataclass(frozen=True)
class FailedTry:
    """One grant that was tried and brought no pair."""

    grant: Grant
    failure: grants.Failure
    duration: timedelta


def write_down(connection: Connection, claim: uuid.UUID, failed: Sequence[FailedTry], *, now: datetime) -> None:
    """Record a failed renewal and owe the next try, or give the connection up; nothing if the claim has lapsed."""
    telling = _most_telling(failed)
    changes = _trouble_with(connection, telling.failure, failed, now=now)
    history = _history(connection, changes)
    decision = grants.after_failure(telling.failure, history, now=now, jitter=random.random())
    if isinstance(decision, TryAgain):
        changes["renew_at"] = decision.at
    with transaction.atomic():
        held = Connection.objects.filter(
            pk=connection.pk, renewal_claim=claim, installation_uuid=connection.installation_uuid
        )
        if not held.update(renewal_claim=None, renewal_claimed_until=None, **changes):
            return
        connection.refresh_from_db()
        _tell(connection, telling, now=now)
        if isinstance(decision, GiveUp):
            disconnecting.give_up(connection, decision.reason, decision.why, now=now)
        elif decision.at - now < WORTH_A_CALL:
            transaction.on_commit(lambda: queue.wake("renewals", at=decision.at))
    why = telling.failure.why
    log.warning("sentry.renewal_failed", connection=str(connection.pk), why=why, failures=history.failures)


def _most_telling(failed: Sequence[FailedTry]) -> FailedTry:
    # A grant this Sentry merely does not know tells nothing about the connection.
    return next((each for each in failed if not isinstance(each.failure, grants.Unsupported)), failed[-1])


def _trouble_with(
    connection: Connection, failure: grants.Failure, failed: Sequence[FailedTry], *, now: datetime
) -> dict[str, Any]:
    """Return the row's record of trouble with this failure added."""
    refused = [each.grant.value for each in failed if isinstance(each.failure, grants.Refused)]
    is_gone = isinstance(failure, grants.Gone)
    changes: dict[str, Any] = {
        "failures": connection.failures + 1,
        "refusals": connection.refusals + bool(refused),
        "first_refused_at": connection.first_refused_at or (now if refused else None),
        "grants_refused": sorted({*connection.grants_refused, *refused}),
        "missing_since": connection.missing_since or (now if is_gone else None),
        "last_error": failure.why,
    }
    if not any(grants.may_have_spent(each.failure) for each in failed):
        # Sentry said no to every request of this renewal, so none of them spent the refresh token. What an earlier
        # one may have done is still not known.
        changes["refresh_token_sent_at"] = connection.refresh_token_sent_at
    return changes


def _history(connection: Connection, changes: dict[str, Any]) -> grants.History:
    return grants.History(
        **{name: changes[name] for name in ("failures", "refusals", "first_refused_at", "missing_since")},
        grants_refused=frozenset(changes["grants_refused"]),
        expires_at=connection.token_expires_at,
        grants_available=_available(connection),
        answer_lost_at=connection.refresh_token_sent_at,
    )


def _available(connection: Connection) -> frozenset[str]:
    """Return the grants that must all be refused before a refusal is believed; one that is unsupported cannot be."""
    kinds = set()
    if connection.jwt_grant_works:
        kinds.add(Grant.JWT)
    if connection.refresh_token_sealed:
        kinds.add(Grant.REFRESH)
    return frozenset(kinds)


def _tell(connection: Connection, failed: FailedTry, *, now: datetime) -> None:
    words, lost_at = failed.failure.why, connection.refresh_token_sent_at
    if failed.grant is Grant.REFRESH and grants.may_have_spent(failed.failure):
        words += " If Sentry issued new tokens all the same, the refresh token kept here is spent."
    elif failed.grant is Grant.REFRESH and lost_at and isinstance(failed.failure, grants.Refused):
        words += f" {grants.answer_lost_words(lost_at)}"
    ledger.record(connection, LedgerKind.RENEWAL_FAILED, words, at=now, grant=failed.grant, duration=failed.duration)
