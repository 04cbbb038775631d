"""The token endpoint: three grants, single use, and the words of both generations."""

import time
from collections.abc import Callable

import httpx
import pytest

from tests.sandbox.integration import JWT_GRANT, Integration

Play = Callable[[Integration], httpx.Response]


def test_a_refresh_kills_the_old_pair_at_once(acme):
    old_token = acme.connect().token

    acme.refresh()

    assert acme.get("organizations/acme-rockets/", token=old_token).json() == {"detail": "Invalid token"}
    assert acme.get("organizations/acme-rockets/").status_code == 200


def test_reusing_a_refresh_token_does_not_revoke_the_newer_pair(acme):
    old = acme.connect().refresh_token
    acme.refresh()

    assert acme.refresh(refresh_token=old).status_code == 401
    assert acme.get("organizations/acme-rockets/").status_code == 200


def test_a_refresh_token_outlives_its_access_token(acme, control):
    acme.connect()
    control.expire_token(acme.uuid)

    assert acme.get("organizations/acme-rockets/").json() == {"detail": "Token expired"}
    assert acme.refresh().status_code == 201


def test_a_token_reads_every_organization_that_has_the_app(acme, globex):
    acme.connect()
    globex.connect()

    assert globex.get("organizations/globex/projects/", token=acme.token).status_code == 200


def test_a_token_is_refused_where_the_app_is_not_installed(acme):
    acme.connect()

    response = acme.get("organizations/globex/projects/")

    assert response.status_code == 403
    assert response.json() == {"detail": "You do not have permission to perform this action."}


def test_a_refresh_token_of_another_installation_is_taken_and_moved(acme, globex):
    acme.connect()
    globex.connect()

    response = acme.refresh(refresh_token=globex.refresh_token)

    assert response.status_code == 201
    assert globex.renew_by_jwt().json() == {"detail": "Installation does not have a token"}


def test_two_refreshes_at_once_can_both_succeed_where_the_server_races(acme, control):
    control.set_app(refresh_race_window_seconds=60)
    old = acme.connect().refresh_token
    acme.refresh()
    loser = acme.token

    assert acme.refresh(refresh_token=old).status_code == 201
    assert acme.get("organizations/acme-rockets/").status_code == 200
    assert acme.get("organizations/acme-rockets/", token=loser).status_code == 200


def test_the_state_of_a_request_is_echoed(acme):
    acme.install()

    assert acme.exchange(state="k3Jd").json()["state"] == "k3Jd"


def test_a_pending_installation_has_a_working_token(acme):
    acme.install()
    acme.exchange()

    assert acme.get("organizations/acme-rockets/").status_code == 200


def test_the_token_life_can_be_set(acme, control):
    control.set_token_life(0)

    acme.connect()

    assert acme.get("organizations/acme-rockets/").json() == {"detail": "Token expired"}


def test_the_current_endpoint_also_reads_forms(acme, sandbox):
    acme.install()
    fields = {"grant_type": "authorization_code", "code": acme.code}
    secrets = {"client_id": sandbox.config.client_id, "client_secret": sandbox.config.client_secret}

    assert acme.http.post(acme.grants, data=fields | secrets).status_code == 201


def test_a_jwt_renews_without_any_stored_token(acme):
    old = acme.connect().token

    response = acme.renew_by_jwt()

    assert response.status_code == 201
    assert acme.get("organizations/acme-rockets/").status_code == 200
    assert acme.get("organizations/acme-rockets/", token=old).status_code == 401


def test_a_jwt_renews_an_expired_token(acme, control):
    acme.connect()
    control.expire_token(acme.uuid)

    assert acme.renew_by_jwt().status_code == 201


@pytest.mark.parametrize(
    ("play", "words"),
    [
        (lambda it: it.renew_by_jwt(authorization=None), "Header is in invalid form"),
        (lambda it: it.renew_by_jwt(authorization="Token abc"), "Bearer not present in token"),
        (lambda it: it.renew_by_jwt(iss="someone-else"), "JWT is not valid for this application"),
        (
            lambda it: it.renew_by_jwt(exp=1),
            "Could not validate JWT, got error: Signature has expired",
        ),
        (
            lambda it: it.renew_by_jwt(secret="0" * 64),
            "Could not validate JWT, got error: Signature verification failed",
        ),
        (
            lambda it: it.renew_by_jwt(authorization="Bearer invalid"),
            "Could not validate JWT, got error: Not enough segments",
        ),
    ],
)
def test_a_bad_jwt_is_refused_with_the_reason(acme, play, words):
    response = play(acme.connect())

    assert response.status_code == 401
    assert response.json() == {"detail": words}


def test_a_jwt_from_a_clock_ahead_of_sentrys_is_taken_unless_told_otherwise(acme, control):
    acme.connect()
    ahead = int(time.time()) + 3600

    assert acme.renew_by_jwt(iat=ahead, exp=ahead + 60).status_code == 201
    control.set_app(jwt_checks_issue_time=True)
    assert acme.renew_by_jwt(iat=ahead, exp=ahead + 60).status_code == 401


def test_the_jwt_grant_needs_a_token_to_replace(acme):
    acme.install()

    assert acme.renew_by_jwt().json() == {"detail": "Installation does not have a token"}


def test_the_jwt_grant_can_be_switched_off(acme, control):
    acme.connect()
    control.set_app(jwt_grant=False)

    response = acme.renew_by_jwt()

    assert response.status_code == 403
    assert response.json() == {"detail": "Manual token refresh is not enabled for this organization"}


def test_an_older_server_takes_a_jwt_request_for_one_without_credentials(acme, control):
    acme.connect()
    control.set_generation("24.2")

    response = acme.renew_by_jwt()

    assert (response.status_code, response.json()) == (401, {"detail": "Invalid Client ID / Secret pair"})


def test_an_older_server_knows_no_jwt_grant(acme, control):
    acme.connect()
    control.set_generation("24.2")

    response = acme.trade({"grant_type": JWT_GRANT})

    assert (response.status_code, response.json()) == (403, {"error": "Invalid grant_type"})


def _installed(it: Integration) -> Integration:
    it.install()
    return it


def _with_expired_code(it: Integration) -> Integration:
    _installed(it).sandbox.control.expire_grant(it.uuid)
    return it


def _uninstalled(it: Integration) -> Integration:
    it.connect().sandbox.control.uninstall(it.uuid)
    return it


def _with_code_of_another(it: Integration) -> httpx.Response:
    code = it.sandbox.control.install("initech").code
    return _installed(it).exchange(code=code)


EMPTY: Play = lambda it: _installed(it).http.post(it.grants)  # noqa: E731 - a row of the table below
MISSING_CODE: Play = lambda it: _installed(it).trade({"grant_type": "authorization_code"})  # noqa: E731 - as above
MISSING_REFRESH: Play = lambda it: it.connect().trade({"grant_type": "refresh_token"})  # noqa: E731 - as above

CURRENT: list[tuple[Play, int, object]] = [
    (EMPTY, 401, {"detail": "Invalid request"}),
    (lambda it: _installed(it).exchange(client_id="x"), 401, {"detail": "Invalid Client ID / Secret pair"}),
    (
        lambda it: _installed(it).exchange(code="f" * 64),
        401,
        {"detail": "Could not find grant for given code"},
    ),
    (_with_code_of_another, 401, {"detail": "Forbidden grant"}),
    (lambda it: _with_expired_code(it).exchange(), 401, {"detail": "Grant has already expired"}),
    (MISSING_CODE, 400, {"code": ["This field is required."]}),
    (lambda it: _installed(it).exchange(code=None), 400, {"code": ["This field may not be null."]}),
    (MISSING_REFRESH, 400, {"refresh_token": ["This field is required."]}),
    (
        lambda it: it.connect().refresh(refresh_token="e"),
        401,
        {"detail": "Given refresh token does not exist"},
    ),
    (lambda it: it.connect().refresh(grant_type="password"), 403, {"detail": "Invalid grant_type"}),
    (
        lambda it: _uninstalled(it).refresh(),
        404,
        {"detail": "Could not find given sentry app installation"},
    ),
    (lambda it: _uninstalled(it).renew_by_jwt(), 401, {"detail": "Installation not found"}),
]

OLDER: list[tuple[Play, int, object]] = [
    (EMPTY, 401, {"detail": "Invalid request"}),
    (lambda it: _installed(it).exchange(client_id="x"), 401, {"detail": "Invalid Client ID / Secret pair"}),
    (lambda it: _installed(it).exchange(code="f" * 64), 403, {"error": "Unauthorized"}),
    (_with_code_of_another, 403, {"error": "Unauthorized"}),
    (lambda it: _with_expired_code(it).exchange(), 403, {"error": "Grant has already expired."}),
    (lambda it: it.connect().refresh(refresh_token="e"), 403, {"error": "Unauthorized"}),
    (lambda it: it.connect().refresh(grant_type="password"), 403, {"error": "Invalid grant_type"}),
    (lambda it: _uninstalled(it).refresh(), 404, {"detail": "Not found."}),
]


@pytest.mark.parametrize(("play", "status", "body"), CURRENT)
def test_a_current_server_refuses_in_its_words(acme, play, status, body):
    response = play(acme)

    assert (response.status_code, response.json()) == (status, body)


@pytest.mark.parametrize(("play", "status", "body"), OLDER)
def test_an_older_server_refuses_in_its_words(acme, control, play, status, body):
    control.set_generation("24.2")

    response = play(acme)

    assert (response.status_code, response.json()) == (status, body)


@pytest.mark.parametrize("play", [MISSING_CODE, MISSING_REFRESH])
def test_an_older_server_stumbles_over_a_missing_field(acme, control, play):
    control.set_generation("24.2")

    response = play(acme)

    assert response.status_code == 500
    assert response.json().keys() == {"detail", "errorId"}


def test_every_request_is_in_the_grant_log(acme, control):
    acme.connect()
    acme.refresh(refresh_token="e")

    assert [(it.kind, it.status, it.granted) for it in control.grants()] == [
        ("exchange", 201, True),
        ("refresh", 401, False),
    ]


def test_an_uninstalled_token_dies_on_a_current_server(acme, globex):
    globex.connect()

    response = _uninstalled(acme).get("organizations/globex/")

    assert response.json() == {"detail": "Invalid token"}


def test_an_uninstalled_token_goes_on_reading_others_on_an_older_server(acme, globex, control):
    control.set_generation("24.2")
    globex.connect()

    _uninstalled(acme)

    assert acme.get("organizations/globex/").status_code == 200
    assert acme.get("organizations/acme-rockets/").status_code == 403
