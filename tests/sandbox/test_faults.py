"""Faults: requests that go wrong on demand, before or after the work is done."""

import time

import httpx
import pytest

ORGANIZATION = "organizations/acme-rockets/"


@pytest.mark.parametrize("status", [401, 403, 404, 409, 429, 500, 503])
def test_a_status_is_answered_instead(acme, control, status):
    acme.connect()
    control.add_fault("organization", f"status:{status}")

    assert acme.get(ORGANIZATION).status_code == status
    assert acme.get(ORGANIZATION).status_code == 200


def test_a_spurious_refusal_reads_as_the_one_seen_at_sentry(acme, control):
    acme.connect()
    control.add_fault("jwt", "status:401")

    response = acme.renew_by_jwt()

    assert response.content == b'{"detail":"Header is in invalid form"}'
    assert acme.get(ORGANIZATION).status_code == 200


def test_a_rate_limit_can_carry_headers(acme, control):
    acme.connect()
    control.add_fault("api", "status:429", headers={"X-Sentry-Rate-Limit-Reset": "1795445334"})

    response = acme.get(ORGANIZATION)

    assert response.headers["X-Sentry-Rate-Limit-Reset"] == "1795445334"
    assert "too frequently" in response.json()["detail"]


def test_an_answer_lost_after_a_refresh_leaves_the_old_pair_dead(acme, control):
    acme.connect()
    control.add_fault("refresh", "drop_after_commit")

    with pytest.raises(httpx.RemoteProtocolError):
        acme.refresh()

    assert acme.refresh().status_code == 401
    assert acme.renew_by_jwt().status_code == 201
    assert [it.granted for it in control.grants()] == [True, True, False, True]


def test_an_error_after_the_commit_consumes_the_refresh_token(acme, control):
    acme.connect()
    control.add_fault("refresh", "status_after_commit:500")

    assert acme.refresh().status_code == 500
    assert acme.refresh().json() == {"detail": "Given refresh token does not exist"}


def test_a_dropped_request_does_nothing(acme, control):
    acme.connect()
    control.add_fault("refresh", "drop")

    with pytest.raises(httpx.RemoteProtocolError):
        acme.refresh()

    assert (control.grants()[-1].status, control.grants()[-1].granted) == (0, False)
    assert acme.refresh().status_code == 201


def test_a_gateway_page_is_not_json(acme, control):
    acme.connect()
    control.add_fault("projects", "html")

    response = acme.get("organizations/acme-rockets/projects/")

    assert response.status_code == 502
    assert response.headers["Content-Type"].startswith("text/html")


def test_an_empty_answer_is_empty(acme, control):
    acme.connect()
    control.add_fault("exchange", "empty")

    response = acme.exchange()

    assert (response.status_code, response.content) == (200, b"")


def test_a_slow_answer_comes_late(acme, control):
    acme.connect()
    control.add_fault("organization", "slow:0.1")
    started = time.monotonic()

    response = acme.get(ORGANIZATION)

    assert response.status_code == 200
    assert time.monotonic() - started >= 0.1


def test_a_hanging_request_outlasts_the_callers_patience(acme, control):
    acme.connect()
    control.add_fault("install_put", "hang:1")

    with pytest.raises(httpx.ReadTimeout):
        acme.http.put(acme.address, json={"status": "installed"}, headers=acme.bearer, timeout=0.05)


def test_a_fault_can_be_kept_to_one_installation(acme, globex, control):
    acme.connect()
    globex.connect()
    control.add_fault("api", "status:500", times=None, installation=globex.uuid)

    assert acme.get(ORGANIZATION).status_code == 200
    assert globex.get("organizations/globex/").status_code == 500


def test_faults_at_the_token_endpoint_spare_the_api(acme, control):
    acme.connect()
    control.add_fault("token", "status:500", times=2)

    assert acme.get(ORGANIZATION).status_code == 200
    assert acme.refresh().status_code == 500
    assert acme.renew_by_jwt().status_code == 500
    assert acme.refresh().status_code == 201


def test_faults_can_be_cleared(acme, control):
    acme.connect()
    control.add_fault("any", "status:500", times=None)

    control.clear_faults()

    assert acme.get(ORGANIZATION).status_code == 200


@pytest.mark.parametrize("do", ["explode", "status:abc", "status:99", ""])
def test_an_impossible_fault_is_refused(control, do):
    with pytest.raises(RuntimeError, match="error"):
        control.add_fault("api", do)
