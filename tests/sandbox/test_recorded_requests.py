"""Holds the sandbox to what a real Sentry 24.2.0 answered to the same requests."""

from collections.abc import Callable

import httpx
import pytest

from tests.sandbox.integration import SESSION, Integration
from tests.sandbox.recordings import FOLDER, differences, names, read_exchange

Play = Callable[[Integration], httpx.Response]

OAUTH: dict[str, Play] = {
    "001_install-acme": lambda acme: acme.install(),
    "004_exchange-wrong-secret": lambda acme: _installed(acme).exchange(client_secret="0" * 64),
    "005_exchange-wrong-code": lambda acme: _installed(acme).exchange(code="f" * 64),
    "007_exchange-no-code": lambda acme: _installed(acme).trade({"grant_type": "authorization_code"}),
    "008_exchange-bad-grant-type": lambda acme: _installed(acme).exchange(grant_type="client_credentials"),
    "010_exchange-unknown-installation": lambda acme: _unknown(acme).exchange(),
    "011_exchange-form-encoded": lambda acme: _by_form(_installed(acme)),
    "014_exchange-acme": lambda acme: _installed(acme).exchange(),
    "015_exchange-acme-code-reuse": lambda acme: _exchanged(acme).exchange(),
    "017_installation-get-with-app-token": lambda acme: _show(_exchanged(acme)),
    "018_installation-mark-installed-bad-status": lambda acme: _exchanged(acme).verify("pending"),
    "019_installation-mark-installed": lambda acme: _exchanged(acme).verify(),
    "034_refresh-wrong-secret": lambda acme: acme.connect().refresh(client_secret="0" * 64),
    "035_refresh-unknown-token": lambda acme: acme.connect().refresh(refresh_token="e" * 64),
    "037_refresh-acme": lambda acme: acme.connect().refresh(),
    "038_projects-acme-old-token-after-refresh": lambda acme: _with_old_token(acme.connect()),
    "040_refresh-acme-REUSE-old-refresh-token": lambda acme: _with_old_refresh_token(acme.connect()),
    "042_projects-acme-expired-token": lambda acme: _expired(acme.connect()).get("organizations/acme/projects/"),
    "043_refresh-acme-after-access-token-expired": lambda acme: _expired(acme.connect()).refresh(),
}

API: dict[str, Play] = {
    "002_issue-get": lambda acme: _as_person(acme, "GET", _issue(acme)),
    "006_issue-resolve": lambda acme: _as_person(acme, "PUT", _issue(acme), {"status": "resolved"}),
    "021_projects-acme": lambda acme: acme.connect().get("organizations/acme/projects/"),
    "022_projects-acme-per-page-1": lambda acme: acme.connect().get("organizations/acme/projects/?per_page=1"),
    "025_organization-acme": lambda acme: acme.connect().get("organizations/acme/"),
    "028_project-acme-web": lambda acme: acme.connect().get("projects/acme/acme-web/"),
    "054_projects-garbage-token": lambda acme: acme.connect().get("organizations/acme/projects/", token="0" * 64),
    "056_projects-unknown-org": lambda acme: acme.connect().get("organizations/nosuchorg/projects/"),
}

# Where the recording and the sandbox may differ, and why.
EXCEPTIONS = {
    "$.lastSeen is str, not NoneType": "the recorded Sentry had not flushed its counters yet",
    "$.firstRelease.lastCommit is dict, not NoneType": "the sandbox's releases have commits to suspect",
    "$.lastRelease.lastCommit is dict, not NoneType": "the sandbox's releases have commits to suspect",
}


@pytest.fixture
def acme(acme, control) -> Integration:
    """Acme as it was when the recordings were made."""
    control.set_generation("24.2")
    control.set_app(scopes=["event:read", "org:read", "project:read"])
    control.add_organization("acme", "Acme", projects=["acme-api", "acme-web"])
    acme.organization = "acme"
    return acme


@pytest.mark.parametrize("name", names("oauth"))
def test_a_token_request_is_answered_as_the_real_server_did(acme, name):
    real = read_exchange(FOLDER / "oauth" / f"{name}.http")

    ours = OAUTH[name](acme)

    assert ours.status_code == real.status
    assert differences(real.body, ours.json()) == []


@pytest.mark.parametrize("name", names("api"))
def test_an_api_request_is_answered_as_the_real_server_did(acme, name):
    real = read_exchange(FOLDER / "api" / f"{name}.http")

    ours = API[name](acme)

    assert ours.status_code == real.status
    assert set(differences(real.body, ours.json())) <= EXCEPTIONS.keys()


@pytest.mark.parametrize(
    "name", [it for it in names("oauth") if read_exchange(FOLDER / "oauth" / f"{it}.http").status >= 400]
)
def test_a_refusal_says_the_same_words(acme, name):
    real = read_exchange(FOLDER / "oauth" / f"{name}.http")

    ours = OAUTH[name](acme)

    assert _without_id(ours.json()) == _without_id(real.body)
    assert ours.headers.get("WWW-Authenticate") == real.headers["WWW-Authenticate"]


@pytest.mark.parametrize("name", ["021_projects-acme", "022_projects-acme-per-page-1"])
def test_the_link_header_reads_as_the_real_one(acme, sandbox, name):
    real = read_exchange(FOLDER / "api" / f"{name}.http")

    ours = API[name](acme)

    assert ours.headers["Link"] == real.headers["Link"].replace("http://127.0.0.1:19000", sandbox.url)


def _installed(acme: Integration) -> Integration:
    acme.install()
    return acme


def _exchanged(acme: Integration) -> Integration:
    _installed(acme).exchange()
    return acme


def _unknown(acme: Integration) -> Integration:
    acme.uuid = "00000000-0000-0000-0000-000000000000"
    return acme


def _expired(acme: Integration) -> Integration:
    acme.sandbox.control.expire_token(acme.uuid)
    return acme


def _by_form(acme: Integration) -> httpx.Response:
    config = acme.sandbox.config
    fields = {"client_id": config.client_id, "client_secret": config.client_secret, "code": acme.code}
    return acme.http.post(acme.grants, data=fields | {"grant_type": "authorization_code"})


def _show(acme: Integration) -> httpx.Response:
    return acme.http.get(acme.address, headers=acme.bearer)


def _with_old_token(acme: Integration) -> httpx.Response:
    old = acme.token
    acme.refresh()
    return acme.get("organizations/acme/projects/", token=old)


def _with_old_refresh_token(acme: Integration) -> httpx.Response:
    old = acme.refresh_token
    acme.refresh()
    return acme.refresh(refresh_token=old)


def _issue(acme: Integration) -> str:
    return acme.sandbox.control.make_error("acme", "acme-web", "KeyError: missing cart").issue


def _as_person(acme: Integration, method: str, issue: str, fields: object = None) -> httpx.Response:
    return acme.http.request(method, f"/api/0/organizations/acme/issues/{issue}/", json=fields, headers=SESSION)


def _without_id(body: dict) -> dict:
    return {key: value for key, value in body.items() if key != "errorId"}
