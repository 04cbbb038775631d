"""What to trade for tokens, when, and what Sentry's answer means. Pure: facts in, decisions out."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

from blametrail.integrations.sentry.models import DisconnectReason


class Grant(StrEnum):
    CODE = "code"
    JWT = "jwt"
    REFRESH = "refresh"

    @property
    def words(self) -> str:
        return {"code": "grant code", "jwt": "client-secret JWT", "refresh": "refresh token"}[self.value]


@dataclass(frozen=True)
class Policy:
    """How patient we are. Each default is argued for beside it."""

    # Renewing with a quarter of the life left (2 h of 8 h) leaves room for hours of trouble at Sentry.
    renew_with_left: float = 0.25
    # Up to a tenth of that earlier, so that connections made together do not come due together.
    renewal_jitter: float = 0.10
    first_wait: timedelta = timedelta(seconds=30)
    longest_wait: timedelta = timedelta(minutes=15)
    # Sentry's 401 on a renewal is known to be spurious (getsentry/sentry 121422): believe only a repeated one.
    refusals_to_believe: int = 6
    refusals_spread_over: timedelta = timedelta(minutes=30)
    # Unavailable is not refused: an outage ends, and the refresh token outlives the access token.
    patience_after_expiry: timedelta = timedelta(hours=24)
    # Two answers that the installation is missing, this far apart, are proof that it was removed.
    missing_twice_within: timedelta = timedelta(seconds=45)


DEFAULT_POLICY = Policy()


@dataclass(frozen=True)
class TokenPair:
    """A pair as Sentry issued it. ``issued_at`` is by Sentry's clock and orders pairs; ``expires_at`` is by ours."""

    access_token: str
    refresh_token: str
    issued_at: datetime
    expires_at: datetime
    life: timedelta
    scopes: tuple[str, ...]

    def __repr__(self) -> str:  # tokens must never reach a log line
        return f"TokenPair(expires_at={self.expires_at.isoformat()})"


@dataclass(frozen=True)
class Answer:
    """What came back from the token endpoint: a status and a body, or nothing (``status`` None) and why."""

    status: int | None
    body: bytes = b""
    retry_after: timedelta | None = None
    trouble: str = ""


@dataclass(frozen=True)
class Granted:
    pair: TokenPair


@dataclass(frozen=True)
class Unavailable:
    """Nobody is to blame yet: try later."""

    why: str
    retry_after: timedelta | None = None


@dataclass(frozen=True)
class Refused:
    """Sentry turned this grant down. Known to be spurious at times."""

    why: str


@dataclass(frozen=True)
class Unsupported:
    """This Sentry does not take this kind of grant; another kind may do."""

    why: str


@dataclass(frozen=True)
class Gone:
    """Sentry knows no such installation."""

    why: str


@dataclass(frozen=True)
class Misconfigured:
    """Our registration at this Sentry is wrong: the operator must act, and no connection is to blame."""

    why: str


Failure = Unavailable | Refused | Unsupported | Gone | Misconfigured
Verdict = Granted | Failure


class _TokenBody(msgspec.Struct):
    token: str
    expiresAt: datetime  # noqa: N815 -- Sentry's spelling
    refreshToken: str | None = None  # noqa: N815 -- Sentry's spelling
    dateCreated: datetime | None = None  # noqa: N815 -- Sentry's spelling
    scopes: list[str] = []


class _ErrorBody(msgspec.Struct):
    detail: object = None
    error: object = None


# Sentry's own words, src/sentry/sentry_apps/token_exchange and api/authentication.py.
_NOT_OUR_CLIENT = (
    "Invalid Client ID / Secret pair",
    "JWT is not valid for this application",
    "Could not validate JWT",
    "Application is not active",
)
# A server that looks for a client id and secret in the body, where the JWT grant has none, does not know that grant.
_JWT_UNKNOWN = (
    "Invalid grant_type",
    "Manual token refresh is not enabled",
    "Invalid Client ID / Secret pair",
    "Invalid request",
)
_INSTALLATION_MISSING = ("Installation not found", "Could not find given sentry app installation")


def judge(grant: Grant, answer: Answer, *, asked_at: datetime) -> Verdict:
    """Return what an answer of the token endpoint means, in both generations of Sentry's error bodies."""
    if answer.status is None:
        return Unavailable(answer.trouble or "Sentry did not answer.")
    if answer.status in {200, 201}:
        return _granted(answer.body, asked_at=asked_at)
    words = error_words(answer.body)
    said = f"Sentry answered {answer.status}" + (f": {words}" if words else "")
    if answer.status == 404 or any(text in words for text in _INSTALLATION_MISSING):
        return Gone(said)
    if answer.status == 409:  # another renewal is under way on Sentry's side
        return Unavailable(said, retry_after=timedelta(seconds=2))
    if answer.status == 429 or answer.status not in {400, 401, 403}:
        return Unavailable(said, retry_after=answer.retry_after)
    if grant is Grant.JWT and (answer.status == 400 or any(text in words for text in _JWT_UNKNOWN)):
        return Unsupported(said)
    if any(text in words for text in _NOT_OUR_CLIENT):
        return Misconfigured(said)
    return Refused(said)


def _granted(body: bytes, *, asked_at: datetime) -> Verdict:
    try:
        token = msgspec.json.decode(body, type=_TokenBody)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Unavailable("Sentry's answer could not be read; it was not the JSON it promises.")
    issued_at = _aware(token.dateCreated) if token.dateCreated else asked_at
    life = _aware(token.expiresAt) - issued_at
    return Granted(
        TokenPair(
            access_token=token.token,
            refresh_token=token.refreshToken or "",
            issued_at=issued_at,
            # Counted from when we asked, so that it holds however far Sentry's clock is from ours.
            expires_at=asked_at + life,
            life=life,
            scopes=tuple(token.scopes),
        )
    )


def _aware(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def error_words(body: bytes) -> str:
    """Return what an error body says, short; empty when it says nothing readable."""
    try:
        error = msgspec.json.decode(body, type=_ErrorBody)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
    said = error.detail or error.error
    return str(said)[:200] if said else ""


def renewal_due(pair: TokenPair, *, jitter: float, policy: Policy = DEFAULT_POLICY) -> datetime:
    """Return when to renew a pair: with a quarter of its life left, a little earlier by ``jitter`` in [0, 1]."""
    margin = pair.life * policy.renew_with_left
    return pair.expires_at - margin * (1 + policy.renewal_jitter * jitter)


def order(*, jwt_works: bool | None, has_refresh_token: bool, has_been_refused: Collection[str]) -> list[Grant]:
    """Return the grants to try in one renewal, first to last.

    The JWT needs no stored single-use secret, so it comes first unless this Sentry is known to lack it. Once
    anything was refused every grant is tried, since what a server supports can change.
    """
    wanted = []
    if jwt_works is not False:
        wanted.append(Grant.JWT)
    if has_refresh_token:
        wanted.append(Grant.REFRESH)
    if Grant.JWT not in wanted and (has_been_refused or not wanted):
        wanted.append(Grant.JWT)
    return wanted


@dataclass(frozen=True)
class History:
    """What happened to a connection's renewals since the last success, this failure included."""

    failures: int
    refusals: int
    first_refused_at: datetime | None
    grants_refused: frozenset[str]
    missing_since: datetime | None
    expires_at: datetime | None
    grants_available: frozenset[str]


@dataclass(frozen=True)
class TryAgain:
    at: datetime


@dataclass(frozen=True)
class GiveUp:
    reason: DisconnectReason
    why: str


def after_failure(
    failure: Failure, history: History, *, now: datetime, jitter: float, policy: Policy = DEFAULT_POLICY
) -> TryAgain | GiveUp:
    """Decide, after a failed renewal, whether to try again and when, or to give the connection up."""
    if isinstance(failure, Gone) and _is_proven_missing(history, now=now, policy=policy):
        return GiveUp(DisconnectReason.REMOVED, failure.why)
    if isinstance(failure, Refused) and _is_believable(history, now=now, policy=policy):
        return GiveUp(DisconnectReason.REFUSED, failure.why)
    if _is_hopeless(history, now=now, policy=policy):
        return GiveUp(DisconnectReason.EXPIRED, failure.why)
    wait = backoff(history.failures, jitter=jitter, policy=policy)
    if isinstance(failure, Unavailable) and failure.retry_after:
        wait = max(wait, failure.retry_after)
    return TryAgain(now + wait)


def _is_proven_missing(history: History, *, now: datetime, policy: Policy) -> bool:
    return history.missing_since is not None and now - history.missing_since >= policy.missing_twice_within


def _is_believable(history: History, *, now: datetime, policy: Policy) -> bool:
    return (
        history.refusals >= policy.refusals_to_believe
        and history.first_refused_at is not None
        and now - history.first_refused_at >= policy.refusals_spread_over
        and history.grants_available <= history.grants_refused
    )


def _is_hopeless(history: History, *, now: datetime, policy: Policy) -> bool:
    return history.expires_at is not None and now >= history.expires_at + policy.patience_after_expiry


def backoff(failures: int, *, jitter: float, policy: Policy = DEFAULT_POLICY) -> timedelta:
    """Return how long to wait after so many failures in a row: exponential with full jitter, capped.

    Never less than a tenth of the full wait, so that bad luck with ``jitter`` in [0, 1] does not hammer.
    """
    exponent = min(max(failures - 1, 0), 16)  # 2 to the 16th is far beyond any cap
    full = min(policy.first_wait * float(2**exponent), policy.longest_wait)
    return full * max(jitter, 0.1)
