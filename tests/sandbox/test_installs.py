"""Installing: the page, the redirect, verification and removal."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.sandbox.integration import SESSION, Integration


def _accept(sandbox, **options: str) -> httpx.Response:
    return httpx.post(sandbox.install_url(**options), data={"organization": "globex"})


def _query(response: httpx.Response) -> dict[str, list[str]]:
    return parse_qs(urlsplit(response.headers["Location"]).query)


def test_the_page_offers_every_organization_and_both_buttons(sandbox):
    page = httpx.get(sandbox.install_url(state="k3Jd")).text

    assert "Finish integration installation" in page
    assert '<option value="globex">Globex Corporation</option>' in page
    assert "Accept &amp; Install" in page
    assert "Cancel" in page
    assert "It is not Sentry" in page


def test_an_organization_can_be_preselected(sandbox):
    page = httpx.get(sandbox.install_url(organization="globex")).text

    assert '<option value="globex" selected>' in page


def test_accepting_sends_the_browser_back_with_sorted_parameters(sandbox):
    response = _accept(sandbox, state="k3Jd")

    assert response.status_code == 302
    query = _query(response)
    assert list(query) == ["code", "from", "installationId", "orgSlug", "state"]
    assert (query["orgSlug"], query["state"], query["from"]) == (["globex"], ["k3Jd"], ["sentry"])


def test_an_older_page_drops_the_state(sandbox, control):
    control.set_generation("24.2")

    assert "state" not in _query(_accept(sandbox, state="k3Jd"))


def test_an_older_page_can_be_told_to_pass_the_state_on(sandbox, control):
    control.set_generation("24.2")
    control.set_app(passes_state=True)

    assert _query(_accept(sandbox, state="k3Jd"))["state"] == ["k3Jd"]


def test_an_install_from_inside_sentry_carries_no_state(sandbox):
    address = f"{sandbox.url}/settings/globex/sentry-apps/blametrail/"

    assert "Accept &amp; Install" in httpx.get(address).text
    assert list(_query(httpx.post(address))) == ["code", "from", "installationId", "orgSlug"]


def test_installing_again_returns_the_same_installation_and_code(sandbox):
    first, second = _query(_accept(sandbox)), _query(_accept(sandbox))

    assert first == second


def test_an_exchanged_code_is_not_given_out_again(globex, sandbox):
    globex.connect()

    query = _query(_accept(sandbox))

    assert query["installationId"] == [globex.uuid]
    assert "code" not in query


def test_no_organization_chosen_is_asked_for(sandbox):
    response = httpx.post(sandbox.install_url(), data={"organization": ""})

    assert response.status_code == 400
    assert "Select an organization first." in response.text


def test_cancelling_leads_back_to_the_integration(sandbox):
    page = httpx.get(f"{sandbox.url}/installation-cancelled/").text

    assert "Installation cancelled" in page
    assert 'href="http://127.0.0.1:1/"' in page


def test_an_unpublished_app_installs_on_its_owner_alone(acme, sandbox, control):
    control.set_app(app_status="unpublished")

    assert acme.install().status_code == 200
    assert _accept(sandbox).status_code == 404
    other = f"{sandbox.url}/api/0/organizations/globex/sentry-app-installations/"
    assert httpx.post(other, json={"slug": "blametrail"}, headers=SESSION).status_code == 404


def test_an_installation_waits_to_be_verified(acme):
    assert acme.install().json()["status"] == "pending"
    acme.exchange()

    assert acme.verify().json()["status"] == "installed"
    assert acme.verify().status_code == 200


def test_verifying_needs_the_token(acme):
    acme.install()

    assert acme.verify().status_code == 401


def test_a_current_installation_names_the_organization_by_number(acme):
    installation = acme.install().json()

    assert isinstance(installation["organization"]["id"], int)
    assert isinstance(installation["app"]["sentryAppId"], int)


def test_the_app_cannot_uninstall_itself(acme):
    acme.connect()

    assert acme.http.delete(acme.address, headers=acme.bearer).status_code == 403


def test_a_person_can_uninstall(acme):
    acme.connect()

    assert acme.http.delete(acme.address, headers=SESSION).status_code == 204
    assert acme.http.get(acme.address, headers=SESSION).status_code == 404


def test_a_new_install_after_removal_is_another_installation(acme, control):
    first = acme.connect().uuid
    control.uninstall(first)

    acme.install()

    assert acme.uuid != first
    assert acme.code


def test_the_installations_of_an_organization_are_listed(acme):
    acme.connect()

    listed = acme.get("organizations/acme-rockets/sentry-app-installations/").json()

    assert [it["uuid"] for it in listed] == [acme.uuid]
    assert "code" not in listed[0]


def test_an_older_server_hides_the_list_from_the_app(acme, control):
    acme.connect()
    control.set_generation("24.2")

    assert acme.get("organizations/acme-rockets/sentry-app-installations/").status_code == 404


def test_an_older_server_shows_any_unused_code_to_any_token(acme, globex, control):
    control.set_generation("24.2")
    acme.connect()
    globex.install()

    seen = globex.http.get(globex.address, headers=acme.bearer).json()

    assert seen["code"] == globex.code


@pytest.mark.parametrize("which", ["issueId", "webUrl", "project", "identifier"])
def test_an_external_issue_needs_every_field(acme, which):
    response = _link(acme.connect(), {which: None})

    assert response.json() == {which: ["This field is required."]}


def test_linking_again_updates_the_one_link(acme, control):
    issue = control.make_error("acme-rockets", "api").issue
    first = _link(acme.connect(), {"issueId": int(issue)}).json()

    second = _link(acme, {"issueId": int(issue), "identifier": "215"}).json()

    assert second["id"] == first["id"]
    assert second["displayName"] == "INC#215"
    assert acme.get(f"organizations/acme-rockets/issues/{issue}/external-issues/").json() == [second]


def _link(acme: Integration, changes: dict[str, object]) -> httpx.Response:
    fields = {
        "issueId": 1,
        "webUrl": "https://blametrail.example/i/214",
        "project": "INC",
        "identifier": "214",
    }
    return acme.http.post(f"{acme.address}external-issues/", json=fields | changes, headers=acme.bearer)
