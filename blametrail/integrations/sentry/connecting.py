"""From *Connect via OAuth* to a connection: the state we give out, what comes back, and the exchange."""

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.db import IntegrityError, transaction

from blametrail.accounts.models import User
from blametrail.integrations.sentry import (
    adopting,
    apps_registry,
    client,
    grants,
    problems,
    routing,
    tokens,
    vouching,
)
from blametrail.integrations.sentry.grants import Grant, TokenPair
from blametrail.integrations.sentry.models import (
    ConnectAttempt,
    Connection,
    SentryApp,
    State,
    UnclaimedInstallation,
    seal,
    unseal,
)
from blametrail.integrations.sentry.tokens import Clock, wall_clock
from blametrail.lib.serialize import serialize
from blametrail.organizations.access import Access, organizations_of
from blametrail.organizations.models import Membership, Organization, Role, hash_token, new_token

log = structlog.get_logger()

STATE_LASTS = timedelta(minutes=15)
# Sentry's own limit for a grant code (models/apigrant.py); ours begins when the code arrives, a little later.
CODE_LASTS = timedelta(minutes=10)
# Long after either has run out: someone may still come back to a page that says why it no longer works.
FORGOTTEN_AFTER = timedelta(days=2)


# --- setting out ------------------------------------------------------------------------------------------------


def start(
    access: Access, app: SentryApp, *, session_nonce: str, now: datetime, repairs: Connection | None = None
) -> str:
    """Return the address at Sentry to send the person to. The state in it works once, here, for them."""
    state = new_token()
    ConnectAttempt.objects.create(
        state_hash=hash_token(state),
        session_hash=hash_token(session_nonce),
        user=access.user,
        organization=access.organization,
        app=app,
        connection=repairs,
        created_at=now,
        expires_at=now + STATE_LASTS,
    )
    return client.external_install_address(app.base_url, app.slug, state=state)


def repair_here(connection: Connection, *, user: User, clock: Clock = wall_clock) -> bool:
    """Repair a connection without a visit to Sentry, where we kept what that takes; tell whether it worked.

    That is so where Sentry kept refusing or was away, and nobody withdrew the access: see ``disconnecting``.
    """
    if connection.state != State.DISCONNECTED or not connection.refresh_token_sealed:
        return False
    try:
        adopting.revive(connection, code="", user=user, clock=clock)
    except problems.ConnectProblem:
        return False
    return True


# --- coming back ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CameBack:
    """What the redirect carried. Unsigned: anyone can make one, so none of it is believed before the exchange."""

    state: str
    code: str
    installation: uuid.UUID | None
    organization_slug: str
    error: str

    def __repr__(self) -> str:  # the code must never reach a log line
        return f"CameBack(installation={self.installation})"


def read_redirect(query: Mapping[str, str]) -> CameBack:
    """Return what the redirect's query says, whatever is in it."""
    try:
        installation = uuid.UUID(query.get("installationId", ""))
    except ValueError:
        installation = None
    return CameBack(
        state=query.get("state", "")[:200],
        code=query.get("code", "")[:200],
        installation=installation,
        organization_slug=query.get("orgSlug", "")[:100],
        error=query.get("error", "")[:200],
    )


def finish(came_back: CameBack, *, user: User, session_nonce: str, clock: Clock = wall_clock) -> Connection:
    """Complete the attempt that ``state`` stands for. Raises a problems.ConnectProblem that says what to do."""
    attempt = _use_state(came_back.state, user=user, session_nonce=session_nonce, now=clock())
    try:
        if came_back.error:
            raise problems.Cancelled(came_back.error)
        connection = _connect(
            attempt.app,
            came_back,
            organization=attempt.organization,
            user=user,
            repairs=attempt.connection,
            clock=clock,
        )
    except problems.ConnectProblem as problem:
        _note_outcome(attempt, type(problem).__name__)
        raise
    _note_outcome(attempt, "connected")
    return connection


def _use_state(state: str, *, user: User, session_nonce: str, now: datetime) -> ConnectAttempt:
    attempt = (
        ConnectAttempt.objects.select_related("app", "organization", "connection")
        .filter(state_hash=hash_token(state))
        .first()
    )
    if attempt is None:
        raise problems.UnknownState
    same_session = secrets.compare_digest(attempt.session_hash, hash_token(session_nonce))
    if attempt.user_id != user.pk or not same_session:
        raise problems.ForeignState
    if now >= attempt.expires_at:
        raise problems.ExpiredState
    if not may_configure(user, attempt.organization):
        raise problems.NotAllowed
    if not ConnectAttempt.objects.filter(pk=attempt.pk, used_at=None).update(used_at=now):
        raise problems.UsedState
    return attempt


def may_configure(user: User, organization: Organization) -> bool:
    return Membership.objects.of(organization).filter(user=user, role__in=[Role.OWNER, Role.ADMIN]).exists()


def _note_outcome(attempt: ConnectAttempt, outcome: str) -> None:
    ConnectAttempt.objects.filter(pk=attempt.pk).update(outcome=outcome[:40])


# --- begun inside Sentry ----------------------------------------------------------------------------------------


def hold_unclaimed(
    came_back: CameBack, app: SentryApp, *, session_nonce: str, now: datetime
) -> UnclaimedInstallation:
    """Keep an install that came without state until a signed-in admin says where it belongs.

    Raises problems.Malformed or problems.NoCode. Nothing is exchanged or attached: a code that someone else sent
    the person to must not attach a stranger's Sentry to their organization.
    """
    if came_back.installation is None:
        raise problems.Malformed
    if not came_back.code:
        raise problems.NoCode
    held = UnclaimedInstallation(
        app=app,
        installation_uuid=came_back.installation,
        sentry_organization_slug=came_back.organization_slug,
        session_hash=hash_token(session_nonce),
        received_at=now,
        expires_at=now + CODE_LASTS,
    )
    held.code_sealed = seal(held, "code_sealed", came_back.code) or b""
    held.save()
    return held


def held_in_session(held_id: uuid.UUID, *, session_nonce: str, now: datetime) -> UnclaimedInstallation:
    """Return the held install if it came to this browser and can still be claimed. Raises problems.ClaimOver."""
    held = UnclaimedInstallation.objects.select_related("app").filter(pk=held_id).first()
    if (
        held is None
        or not secrets.compare_digest(held.session_hash, hash_token(session_nonce))
        or held.claimed_at is not None
        or now >= held.expires_at
    ):
        raise problems.ClaimOver
    return held


def claim(
    held: UnclaimedInstallation, *, user: User, organization: Organization, clock: Clock = wall_clock
) -> Connection:
    """Attach the held install to the organization the person chose. Raises a problems.ConnectProblem."""
    if not may_configure(user, organization):
        raise problems.NotAllowed
    claimed = UnclaimedInstallation.objects.filter(pk=held.pk, claimed_at=None).update(claimed_at=clock())
    if not claimed:
        raise problems.ClaimOver
    came_back = CameBack(
        state="",
        code=unseal(held, "code_sealed"),
        installation=held.installation_uuid,
        organization_slug=held.sentry_organization_slug,
        error="",
    )
    try:
        return _connect(held.app, came_back, organization=organization, user=user, repairs=None, clock=clock)
    except problems.SentryDown:
        # The code may be good still: let the person press the button again.
        UnclaimedInstallation.objects.filter(pk=held.pk).update(claimed_at=None)
        raise


def claimable_by(user: User) -> list[Organization]:
    return organizations_of(user, configurable=True)


def forget_old(*, now: datetime) -> None:
    """Delete attempts and held codes that are long of no use."""
    ConnectAttempt.objects.filter(expires_at__lt=now - FORGOTTEN_AFTER).delete()
    UnclaimedInstallation.objects.filter(expires_at__lt=now - FORGOTTEN_AFTER).delete()


# --- the exchange -----------------------------------------------------------------------------------------------


def _connect(
    app: SentryApp,
    came_back: CameBack,
    *,
    organization: Organization,
    user: User,
    repairs: Connection | None,
    clock: Clock,
) -> Connection:
    installation = came_back.installation
    if installation is None:
        raise problems.Malformed
    known = Connection.objects.filter(installation_uuid=installation).first()
    if known is not None:
        return _known_again(known, came_back, organization=organization, user=user, clock=clock)
    if not came_back.code:
        raise problems.NoCode
    pair = exchange(app, installation, came_back.code, clock=clock)
    keep = partial(_keep, app, installation, pair, organization=organization, user=user, repairs=repairs, now=clock())
    connection = tokens.insist(keep)
    return adopting.settle(connection, clock=clock)


def _known_again(
    known: Connection, came_back: CameBack, *, organization: Organization, user: User, clock: Clock
) -> Connection:
    """Return an installation we know, repaired where it had been given up; Sentry gives it no second code.

    Its uuid is our own record's, so the unsigned redirect adds nothing that is believed.
    """
    if known.organization_id != organization.pk:
        raise problems.BelongsElsewhere
    if known.state != State.DISCONNECTED:
        return known
    return adopting.revive(known, code=came_back.code, user=user, clock=clock)


def exchange(app: SentryApp, installation: uuid.UUID, code: str, *, clock: Clock = wall_clock) -> TokenPair:
    """Trade the grant code for a pair. Raises a problems.ConnectProblem.

    An answer can be lost after Sentry spent the code. So an unanswered try is made once more, and a code that is
    then "used" is followed by the JWT grant, which needs no code where Sentry knows it. Only for a code that Sentry
    vouched for: else a made-up one, in a moment of trouble, would open an installation of somebody else's.
    """
    ours = apps_registry.credentials(app)
    verdict = _trade(ours, installation, Grant.CODE, code=code, clock=clock)
    if isinstance(verdict, grants.Unavailable):
        verdict = _trade(ours, installation, Grant.CODE, code=code, clock=clock)
        if isinstance(verdict, grants.Refused) and vouching.has_sent(app, installation, code):
            recovered = _trade(ours, installation, Grant.JWT, clock=clock)
            verdict = recovered if isinstance(recovered, grants.Granted) else verdict
    if isinstance(verdict, grants.Granted):
        return verdict.pair
    log.warning("sentry.exchange_failed", installation=str(installation), why=verdict.why)
    raise _problem(verdict)


def _trade(app: client.App, installation: uuid.UUID, grant: Grant, *, code: str = "", clock: Clock) -> grants.Verdict:
    asked_at = clock()
    answer = client.ask_for_tokens(app, installation, grant, secret=code, now=asked_at)
    return grants.judge(grant, answer, asked_at=asked_at)


def _problem(failure: grants.Failure) -> problems.ConnectProblem:
    if isinstance(failure, grants.Unavailable):
        return problems.SentryDown(failure.why)
    if isinstance(failure, grants.Misconfigured):
        return problems.AppRefused(failure.why)
    if isinstance(failure, grants.Gone):
        return problems.InstallationMissing(failure.why)
    return problems.CodeRefused(failure.why)


def _keep(
    app: SentryApp,
    installation: uuid.UUID,
    pair: TokenPair,
    *,
    organization: Organization,
    user: User,
    repairs: Connection | None,
    now: datetime,
) -> Connection:
    """Store the pair before it is used, so that a crash from here on loses nothing: a job settles the row."""
    connection = Connection(
        organization=organization,
        app=app,
        base_url=app.base_url,
        state=State.CONNECTING,
        installation_uuid=installation,
        connected_at=now,
        connected_by=user,
        repairs=repairs,
        prove_at=now + adopting.SETTLE_AGAIN_AFTER,
    )
    try:
        with transaction.atomic():
            # A worker that finds no connection for a webhook of this installation holds the same lock: it is done
            # before we store the row, and its delivery is then among those that wait for it.
            serialize(routing.subject_of_installation(installation))
            connection.save()
            tokens.store(connection, pair, installation=installation, now=now)
    except IntegrityError:
        # The same installation arrived twice at once and the other one was first.
        known = Connection.objects.get(installation_uuid=installation)
        if known.organization_id != organization.pk:
            raise problems.BelongsElsewhere from None
        return known
    return connection
