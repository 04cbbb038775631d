"""Decisions about grants, by table."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from blametrail.integrations.sentry import grants
from blametrail.integrations.sentry.grants import Answer, Grant
from blametrail.integrations.sentry.models import DisconnectReason

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
RECORDINGS = Path(__file__).parents[2] / "recordings" / "oauth"


def said(status: int, **body: str) -> Answer:
    return Answer(status=status, body=json.dumps(body).encode())


def recorded(name: str) -> Answer:
    (path,) = RECORDINGS.glob(f"{name}_*.http")
    answer = path.read_text().split("# <<< response\n")[1]
    head, _, body = answer.partition("\n\n")
    return Answer(status=int(head.split()[1]), body=body.strip().encode())


@pytest.mark.parametrize(
    ("grant", "answer", "verdict"),
    [
        (Grant.REFRESH, said(401, detail="Given refresh token does not exist"), grants.Refused),
        (Grant.REFRESH, said(403, error="Unauthorized"), grants.Refused),
        (Grant.CODE, said(401, detail="Could not find grant for given code"), grants.Refused),
        (Grant.CODE, said(401, detail="Grant has already expired"), grants.Refused),
        (Grant.CODE, said(400, detail="anything"), grants.Refused),
        (Grant.JWT, said(401, detail="Header is in invalid form"), grants.Refused),
        (Grant.JWT, said(401, detail="Installation does not have a token"), grants.Refused),
        (Grant.JWT, said(403, error="Invalid grant_type"), grants.Unsupported),
        (
            Grant.JWT,
            said(403, detail="Manual token refresh is not enabled for this organization"),
            grants.Unsupported,
        ),
        (Grant.JWT, said(400, grant_type="not a valid choice"), grants.Unsupported),
        (Grant.JWT, said(401, detail="Invalid Client ID / Secret pair"), grants.Unsupported),
        (Grant.JWT, said(401, detail="Installation not found"), grants.Gone),
        (Grant.REFRESH, said(404, detail="Not found."), grants.Gone),
        (Grant.REFRESH, said(401, detail="Invalid Client ID / Secret pair"), grants.Misconfigured),
        (Grant.JWT, said(401, detail="Could not validate JWT, got error: expired"), grants.Misconfigured),
        (Grant.JWT, said(401, detail="JWT is not valid for this application"), grants.Misconfigured),
        (Grant.REFRESH, said(500, detail="Internal Error"), grants.Unavailable),
        (Grant.REFRESH, said(502), grants.Unavailable),
        (Grant.REFRESH, said(302), grants.Unavailable),
        (Grant.JWT, said(409, detail="Token refresh already in progress"), grants.Unavailable),
        (Grant.JWT, said(429), grants.Unavailable),
        (Grant.REFRESH, Answer(status=200, body=b"<html>maintenance</html>"), grants.Unavailable),
        (Grant.REFRESH, Answer(status=201, body=b""), grants.Unavailable),
        (Grant.REFRESH, Answer(status=401, body=b"<html>"), grants.Refused),
        (Grant.REFRESH, Answer(status=None, trouble="no answer"), grants.Unavailable),
    ],
)
def test_what_an_answer_means(grant, answer, verdict):
    assert isinstance(grants.judge(grant, answer, asked_at=NOW), verdict)


@pytest.mark.parametrize(
    ("recording", "grant", "verdict"),
    [
        ("014", Grant.CODE, grants.Granted),
        ("037", Grant.REFRESH, grants.Granted),
        ("043", Grant.REFRESH, grants.Granted),
        ("004", Grant.CODE, grants.Misconfigured),
        ("005", Grant.CODE, grants.Refused),
        ("015", Grant.CODE, grants.Refused),
        ("035", Grant.REFRESH, grants.Refused),
        ("040", Grant.REFRESH, grants.Refused),
        ("010", Grant.CODE, grants.Gone),
        ("007", Grant.CODE, grants.Unavailable),
        ("008", Grant.JWT, grants.Unsupported),
    ],
)
def test_what_a_real_servers_answer_means(recording, grant, verdict):
    assert isinstance(grants.judge(grant, recorded(recording), asked_at=NOW), verdict)


def test_a_real_pair_is_read_with_its_times_and_scopes():
    verdict = grants.judge(Grant.CODE, recorded("014"), asked_at=NOW)

    assert isinstance(verdict, grants.Granted)
    assert verdict.pair.scopes == ("event:read", "org:read", "project:read")
    assert verdict.pair.life == timedelta(hours=8) - timedelta(microseconds=93)
    assert verdict.pair.expires_at == NOW + verdict.pair.life
    assert verdict.pair.issued_at == datetime(2026, 11, 23, 14, 48, 44, 611767, tzinfo=UTC)


@pytest.mark.parametrize(
    "written", ["2026-11-24T17:00:00Z", "2026-11-24T17:00:00.500Z", "2026-11-24T17:00:00.5+00:00"]
)
def test_times_are_read_with_any_fraction(written):
    body = json.dumps({"token": "t", "refreshToken": "r", "expiresAt": written, "new key": 1}).encode()

    verdict = grants.judge(Grant.JWT, Answer(status=201, body=body), asked_at=NOW)

    assert isinstance(verdict, grants.Granted)
    assert verdict.pair.expires_at.replace(microsecond=0) == datetime(2026, 11, 24, 17, tzinfo=UTC)


def test_a_pair_never_shows_its_tokens():
    pair = grants.TokenPair("access-secret", "refresh-secret", NOW, NOW, timedelta(hours=8), ())

    assert "secret" not in repr(pair)


@pytest.mark.parametrize(("jitter", "before_expiry"), [(0.0, "2:00:00"), (1.0, "2:12:00")])
def test_a_pair_is_renewed_with_a_quarter_of_its_life_left(jitter, before_expiry):
    pair = grants.TokenPair("a", "r", NOW, NOW + timedelta(hours=8), timedelta(hours=8), ())

    due = grants.renewal_due(pair, jitter=jitter)

    assert str(pair.expires_at - due) == before_expiry


@pytest.mark.parametrize(
    ("jwt_works", "has_refresh_token", "refused", "order"),
    [
        (None, True, [], [Grant.JWT, Grant.REFRESH]),
        (True, True, [], [Grant.JWT, Grant.REFRESH]),
        (True, False, [], [Grant.JWT]),
        (False, True, [], [Grant.REFRESH]),
        (False, True, ["refresh"], [Grant.REFRESH, Grant.JWT]),
        (False, False, [], [Grant.JWT]),
    ],
)
def test_the_jwt_comes_first_unless_this_sentry_lacks_it(jwt_works, has_refresh_token, refused, order):
    chosen = grants.order(jwt_works=jwt_works, has_refresh_token=has_refresh_token, has_been_refused=refused)

    assert chosen == order


def history(**facts) -> grants.History:
    return grants.History(
        **{
            "failures": 1,
            "refusals": 0,
            "first_refused_at": None,
            "grants_refused": frozenset(),
            "missing_since": None,
            "expires_at": NOW + timedelta(hours=2),
            "grants_available": frozenset({"jwt", "refresh"}),
            **facts,
        }
    )


REFUSED_FOR_GOOD = {
    "refusals": 6,
    "first_refused_at": NOW - timedelta(minutes=30),
    "grants_refused": frozenset({"jwt", "refresh"}),
}


@pytest.mark.parametrize(
    ("failure", "facts", "reason"),
    [
        (grants.Refused("no"), REFUSED_FOR_GOOD, DisconnectReason.REFUSED),
        (grants.Gone("404"), {"missing_since": NOW - timedelta(minutes=1)}, DisconnectReason.REMOVED),
        (grants.Unavailable("down"), {"expires_at": NOW - timedelta(hours=24)}, DisconnectReason.EXPIRED),
    ],
)
def test_a_connection_is_given_up_on_evidence(failure, facts, reason):
    decision = grants.after_failure(failure, history(**facts), now=NOW, jitter=0.5)

    assert isinstance(decision, grants.GiveUp)
    assert decision.reason == reason


@pytest.mark.parametrize(
    ("failure", "facts"),
    [
        (grants.Refused("no"), {**REFUSED_FOR_GOOD, "refusals": 5}),
        (grants.Refused("no"), {**REFUSED_FOR_GOOD, "first_refused_at": NOW - timedelta(minutes=29)}),
        (grants.Refused("no"), {**REFUSED_FOR_GOOD, "grants_refused": frozenset({"jwt"})}),
        (grants.Gone("404"), {"missing_since": NOW}),
        (grants.Unavailable("down"), REFUSED_FOR_GOOD),
        (grants.Unavailable("down"), {"expires_at": NOW - timedelta(hours=23, minutes=59), "failures": 200}),
        (grants.Misconfigured("secret"), REFUSED_FOR_GOOD),
    ],
)
def test_less_than_evidence_means_try_again(failure, facts):
    decision = grants.after_failure(failure, history(**facts), now=NOW, jitter=0.5)

    assert isinstance(decision, grants.TryAgain)
    assert decision.at > NOW


def test_sentrys_own_wish_to_wait_is_honoured():
    failure = grants.Unavailable("slow down", retry_after=timedelta(minutes=7))

    decision = grants.after_failure(failure, history(), now=NOW, jitter=0.0)

    assert decision == grants.TryAgain(NOW + timedelta(minutes=7))


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 30), (2, 60), (3, 120), (4, 240), (5, 480), (6, 900), (60, 900), (10_000, 900)]
)
def test_the_wait_doubles_up_to_a_quarter_of_an_hour(failures, seconds):
    assert grants.backoff(failures, jitter=1.0) == timedelta(seconds=seconds)
    assert grants.backoff(failures, jitter=0.0) == timedelta(seconds=seconds / 10)
