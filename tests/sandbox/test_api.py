"""The REST addresses: paging, issues, events, releases and who may read them."""

import re

import httpx
import pytest

from tests.sandbox.integration import Integration


@pytest.fixture
def acme(acme) -> Integration:
    return acme.connect()


@pytest.fixture
def issue(acme, control) -> str:
    return control.make_error("acme-rockets", "api", times=3).issue


def test_pages_lead_through_every_project_once(acme):
    slugs, cursor, more = [], "100:0:0", "true"

    while more == "true":
        page = acme.get(f"organizations/acme-rockets/projects/?per_page=5&cursor={cursor}")
        slugs += [it["slug"] for it in page.json()]
        more, cursor = re.findall(r'rel="next"; results="(\w+)"; cursor="([^"]+)"', page.headers["Link"])[0]

    assert len(slugs) == len(set(slugs)) == 14
    assert slugs == sorted(slugs)


@pytest.mark.parametrize("query", ["per_page=0", "per_page=101", "per_page=x", "cursor=x"])
def test_a_bad_page_is_refused(acme, query):
    assert acme.get(f"organizations/acme-rockets/projects/?{query}").status_code == 400


def test_an_organization_without_projects_has_an_empty_page(acme, control):
    control.install("empty-orbit")

    response = acme.get("organizations/empty-orbit/projects/")

    assert response.json() == []
    assert 'rel="next"; results="false"' in response.headers["Link"]


def test_two_organizations_own_a_project_of_the_same_slug(acme, globex):
    globex.connect()

    ours, theirs = acme.get("projects/acme-rockets/api/").json(), acme.get("projects/globex/api/").json()

    assert ours["slug"] == theirs["slug"]
    assert ours["id"] != theirs["id"]


def test_projects_can_be_searched(acme):
    found = acme.get("organizations/acme-rockets/projects/?query=worker").json()

    assert [it["slug"] for it in found] == ["billing-worker", "payments-worker"]


def test_a_current_server_takes_numbers_for_slugs(acme, control):
    number = acme.get("organizations/acme-rockets/").json()["id"]

    assert acme.get(f"organizations/{number}/projects/").status_code == 200
    control.set_generation("24.2")
    assert acme.get(f"organizations/{number}/projects/").status_code == 404


def test_a_renamed_project_keeps_its_number(acme, control):
    before = acme.get("projects/acme-rockets/api/").json()["id"]

    control.rename_project("acme-rockets", "api", slug="core-api", name="Core API")

    assert acme.get("projects/acme-rockets/api/").status_code == 404
    assert acme.get("projects/acme-rockets/core-api/").json()["id"] == before


def test_a_token_sees_no_list_of_organizations(acme):
    assert acme.get("organizations/").json() == []


def test_a_missing_trailing_slash_is_not_forgiven(acme):
    assert acme.get("organizations/acme-rockets").status_code == 404


def test_no_credentials_are_refused(acme):
    response = acme.http.get("/api/0/organizations/acme-rockets/")

    assert response.status_code == 401
    assert response.json() == {"detail": "Authentication credentials were not provided."}


def test_an_unknown_method_is_refused(acme):
    assert acme.http.patch("/api/0/organizations/acme-rockets/").status_code == 405


def test_a_missing_scope_is_refused(acme, issue, control):
    control.set_app(scopes=["org:read"])
    acme.refresh()

    assert acme.get(f"organizations/acme-rockets/issues/{issue}/").status_code == 403
    assert acme.get("organizations/acme-rockets/").status_code == 200


def test_issues_are_unresolved_ones_unless_asked_otherwise(acme, issue, control):
    control.resolve(issue)

    assert acme.get("organizations/acme-rockets/issues/").json() == []
    assert len(acme.get("organizations/acme-rockets/issues/?query=").json()) == 1
    assert len(acme.get("organizations/acme-rockets/issues/?query=is:resolved").json()) == 1


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("query=currency", 1),
        ("query=nothing", 0),
        ("environment=production", 1),
        ("environment=dev", 0),
        ("project=1", 0),
    ],
)
def test_issues_can_be_searched(acme, issue, query, number):
    assert len(acme.get(f"organizations/acme-rockets/issues/?{query}").json()) == number


def test_an_issue_counts_in_text_and_people_in_numbers(acme, issue):
    found = acme.get(f"organizations/acme-rockets/issues/{issue}/").json()

    assert found["count"] == "3"
    assert found["userCount"] == 1
    assert found["shortId"] == "API-1"


def test_an_issue_of_another_organization_is_not_found(acme, issue, control):
    control.install("globex")

    assert acme.get(f"organizations/globex/issues/{issue}/").status_code == 404


def _update(acme: Integration, issue: str, **fields: object) -> httpx.Response:
    address = f"/api/0/organizations/acme-rockets/issues/{issue}/"
    return acme.http.put(address, json=fields, headers=acme.bearer)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"status": "resolved"}, "resolved"),
        ({"status": "resolvedInNextRelease"}, "resolved"),
        ({"status": "ignored", "substatus": "archived_until_escalating"}, "ignored"),
        ({"status": "unresolved"}, "unresolved"),
    ],
)
def test_an_issue_can_be_updated(acme, issue, fields, status):
    assert _update(acme, issue, **fields).json()["status"] == status


def test_resolving_in_a_release_gives_the_resolver_away(acme, issue):
    details = _update(acme, issue, status="resolved", statusDetails={"inRelease": "latest"}).json()["statusDetails"]

    assert details["inRelease"] == "api@1.0.0"
    assert details["actor"]["email"] == "dana@acme.example"


def test_an_issue_can_be_assigned_and_unassigned(acme, issue):
    assert _update(acme, issue, assignedTo="user:1042").json()["assignedTo"]["name"] == "Dana Reyes"
    assert _update(acme, issue, assignedTo="").json()["assignedTo"] is None


@pytest.mark.parametrize("fields", [{"status": "gone"}, {"assignedTo": "user:0"}])
def test_a_senseless_update_is_refused(acme, issue, fields):
    assert _update(acme, issue, **fields).status_code == 400


def test_events_know_their_neighbours(acme, issue):
    base = f"organizations/acme-rockets/issues/{issue}/events"
    latest, oldest = acme.get(f"{base}/latest/").json(), acme.get(f"{base}/oldest/").json()

    assert latest["nextEventID"] is None
    assert oldest["previousEventID"] is None
    assert acme.get(f"{base}/{latest['previousEventID']}/").json()["previousEventID"] == oldest["id"]


def test_an_event_over_rest_has_camel_case_frames(acme, issue):
    event = acme.get(f"organizations/acme-rockets/issues/{issue}/events/latest/").json()

    frame = event["entries"][0]["data"]["values"][0]["stacktrace"]["frames"][-1]
    assert frame["inApp"] is True
    assert [frame["lineNo"], "    rate = rates[cart['currency']]"] in frame["context"]
    assert {"key": "environment", "value": "production"} in event["tags"]


def test_committers_name_the_author_of_the_last_change(acme, issue, control):
    event = acme.get(f"organizations/acme-rockets/issues/{issue}/events/latest/").json()["id"]

    committers = acme.get(f"projects/acme-rockets/api/events/{event}/committers/").json()["committers"]

    assert committers[0]["author"]["name"] == "Mia Lindqvist"


def test_a_release_shows_its_commits_and_files(acme):
    base = "organizations/acme-rockets/releases/api@1.0.0"

    assert acme.get(f"{base}/").json()["commitCount"] == 3
    assert len(acme.get(f"{base}/commits/").json()) == 3
    assert acme.get(f"{base}/commitfiles/").json()[0]["filename"] == "checkout/pricing.py"


def test_a_comment_can_be_written(acme, issue):
    address = f"/api/0/organizations/acme-rockets/issues/{issue}/comments/"

    assert acme.http.post(address, json={"text": "Rolling back."}, headers=acme.bearer).status_code == 201
    assert acme.get(address.removeprefix("/api/0/")).json()[0]["data"] == {"text": "Rolling back."}
