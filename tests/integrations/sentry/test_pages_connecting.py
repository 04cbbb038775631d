"""The way to Sentry and back in a browser, and every way in which it can end."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from blametrail.accounts.models import User
from blametrail.integrations.sentry.models import ConnectAttempt, Connection, SentryApp, State
from blametrail.organizations.models import Membership, Role
from sentry_sandbox.server import Sandbox
from tests.integrations.sentry.browsing import CALLBACK, address_at_sentry, callback, page, set_out, text_of
from tests.integrations.sentry.redirects import state_of

pytestmark = pytest.mark.django_db

NO_INSTALLATION = "1f2e3d4c-0000-4000-8000-000000000000"


@pytest.fixture
def accept(sandbox):
    """Accept & Install at Sentry, and return the address here that the browser is sent to."""

    def accept(state: str | None, organization: str = "acme-rockets") -> str:
        return callback(sandbox.control.install(organization, state=state).redirect)

    return accept


def test_connect_leaves_for_the_install_page_of_sentry_with_a_state(app, as_alice, acme, sandbox):
    address = address_at_sentry(as_alice.post(page("sentry_connect")))

    assert address.startswith(f"{sandbox.url}/sentry-apps/blametrail/external-install/?state=")
    assert len(state_of(address)) > 30


def test_coming_back_connects_and_says_what_is_next(app, as_alice, acme, accept):
    response = as_alice.get(accept(set_out(as_alice)), follow=True)

    assert response.redirect_chain == [(page("sentry"), 302)]
    assert "Connected to Acme Rockets" in text_of(response)
    assert "Next: map projects." in text_of(response)


def test_the_app_of_a_host_is_chosen_by_its_key(app, as_alice, acme):
    SentryApp.objects.create(key="own", base_url="https://sentry.own.example", slug="bt", client_secret_sealed=b"x")

    address = address_at_sentry(as_alice.post(page("sentry_connect"), {"app": "own"}))

    assert address.startswith("https://sentry.own.example/sentry-apps/bt/external-install/")


def test_several_hosts_are_offered_on_the_page(app, as_alice, acme):
    SentryApp.objects.create(key="own", base_url="https://sentry.own.example", slug="bt", client_secret_sealed=b"x")

    said = as_alice.get(page("sentry")).content.decode()

    assert '<option value="own">sentry.own.example</option>' in said


def test_without_an_app_connect_says_who_can_set_one_up(as_alice, acme):
    response = as_alice.post(page("sentry_connect"))

    assert response.status_code == 409
    assert "BlameTrail is not registered with Sentry yet" in text_of(response)


def test_connect_is_not_a_link_that_others_could_plant(app, as_alice, acme):
    assert as_alice.get(page("sentry_connect")).status_code == 405


@pytest.mark.parametrize("name", ["sentry_connect", "sentry_internal"])
def test_members_cannot_connect(app, as_bob, acme, name):
    assert as_bob.post(page(name)).status_code == 403


# --- ways to end badly ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    alice: User
    accept: Callable[..., str]
    sandbox: Sandbox


@pytest.fixture
def scene(app, alice, acme, accept, sandbox) -> Scene:
    return Scene(alice, accept, sandbox)


def unknown_state(scene, state):
    return f"{CALLBACK}?state=made-up&code=x&installationId={NO_INSTALLATION}"


def expired_state(scene, state):
    ConnectAttempt.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    return scene.accept(state)


def cancelled(scene, state):
    return f"{CALLBACK}?state={state}&error=access_denied"


def no_installation(scene, state):
    return f"{CALLBACK}?state={state}&code=x"


def no_code(scene, state):
    return f"{CALLBACK}?state={state}&installationId={NO_INSTALLATION}"


def wrong_code(scene, state):
    return scene.accept(state).replace("code=", "code=0")


def expired_code(scene, state):
    installed = scene.sandbox.control.install("acme-rockets", state=state)
    scene.sandbox.control.expire_grant(installed.uuid)
    return callback(installed.redirect)


def removed_meanwhile(scene, state):
    installed = scene.sandbox.control.install("acme-rockets", state=state)
    scene.sandbox.control.uninstall(installed.uuid)
    return callback(installed.redirect)


def broken_sentry(scene, state):
    scene.sandbox.control.add_fault("exchange", "status:500", times=None)
    return scene.accept(state)


def gateway_page(scene, state):
    scene.sandbox.control.add_fault("exchange", "html", times=None)
    return scene.accept(state)


def silent_sentry(scene, state):
    scene.sandbox.control.add_fault("exchange", "drop", times=None)
    return scene.accept(state)


def wrong_secret(scene, state):
    SentryApp.objects.update(client_id="somebody-else")
    return scene.accept(state)


def demoted_meanwhile(scene, state):
    Membership.objects.filter(user=scene.alice).update(role=Role.MEMBER)
    return scene.accept(state)


ENDINGS = [
    (unknown_state, 400, "This answer does not belong to a request of ours"),
    (expired_state, 400, "That took too long"),
    (cancelled, 400, "Nothing was connected"),
    (no_installation, 400, "Sentry's answer is incomplete"),
    (no_code, 400, "Sentry sent no grant code"),
    (wrong_code, 400, "The grant code is no longer valid"),
    (expired_code, 400, "The grant code is no longer valid"),
    (removed_meanwhile, 404, "Sentry knows no such installation"),
    (broken_sentry, 502, "Sentry did not answer"),
    (gateway_page, 502, "Sentry did not answer"),
    (silent_sentry, 502, "Sentry did not answer"),
    (wrong_secret, 502, "Sentry does not accept BlameTrail's registration"),
    (demoted_meanwhile, 403, "Only owners and admins can connect Sentry"),
]


@pytest.mark.parametrize(("ending", "status", "title"), ENDINGS, ids=lambda it: getattr(it, "__name__", None))
def test_each_bad_ending_has_a_page_of_its_own(ending, status, title, scene, as_alice):
    state = set_out(as_alice)

    response = as_alice.get(ending(scene, state))

    assert response.status_code == status
    assert f"<h1>{title}</h1>" in response.content.decode().replace("&#x27;", "'")
    assert not Connection.objects.exists()


def test_a_bad_ending_offers_to_try_again_at_the_same_host(app, as_alice, acme):
    response = as_alice.get(f"{CALLBACK}?state={set_out(as_alice)}&error=access_denied")

    said = response.content.decode()
    assert f'action="{page("sentry_connect")}"' in said
    assert 'name="app" value="blametrail"' in said
    assert f'href="{page("sentry")}"' in said


def test_a_failed_reconnection_offers_to_reconnect_again(app, as_alice, acme, connect):
    connection = connect()
    state = state_of(address_at_sentry(as_alice.post(page("sentry_reconnect", connection.pk))))

    response = as_alice.get(f"{CALLBACK}?state={state}&error=access_denied")

    assert f'action="{page("sentry_reconnect", connection.pk)}"' in response.content.decode()


def test_what_sentry_said_is_told_and_the_code_is_not(app, as_alice, acme, sandbox):
    installed = sandbox.control.install("acme-rockets", state=set_out(as_alice))
    sandbox.control.expire_grant(installed.uuid)

    response = as_alice.get(callback(installed.redirect))

    assert "Details: Sentry answered 401" in text_of(response)
    assert installed.code not in response.content.decode()


def test_trying_again_after_an_outage_connects(scene, as_alice, accept, sandbox):
    as_alice.get(broken_sentry(scene, set_out(as_alice)))
    sandbox.control.uninstall(sandbox.control.state()["installations"][0]["uuid"])
    sandbox.control.clear_faults()

    response = as_alice.get(accept(set_out(as_alice)), follow=True)

    assert "Connected to Acme Rockets" in text_of(response)


def test_reloading_the_page_that_connected_leads_to_the_connection(app, as_alice, acme, accept):
    address = accept(set_out(as_alice))
    as_alice.get(address)

    response = as_alice.get(address, follow=True)

    assert response.redirect_chain == [(page("sentry"), 302)]
    assert "Acme Rockets is connected already." in text_of(response)


def test_a_state_that_failed_once_cannot_be_used_again(app, as_alice, acme, accept):
    state = set_out(as_alice)
    as_alice.get(f"{CALLBACK}?state={state}&error=access_denied")

    response = as_alice.get(accept(state))

    assert response.status_code == 400
    assert "This answer was used already" in text_of(response)


def test_another_person_cannot_finish_the_attempt_and_learns_nothing_of_it(app, as_alice, as_mallory, acme, accept):
    response = as_mallory.get(accept(set_out(as_alice)))

    assert response.status_code == 403
    assert "This attempt was begun by someone else" in text_of(response)
    assert "acme/" not in response.content.decode()


def test_another_browser_of_the_same_person_cannot_finish_the_attempt(app, alice, as_alice, acme, accept):
    elsewhere = Client()
    elsewhere.force_login(alice)

    assert elsewhere.get(accept(set_out(as_alice))).status_code == 403


def test_who_was_signed_out_meanwhile_is_asked_to_sign_in_and_start_again(app, as_alice, acme, accept, client):
    response = client.get(accept(set_out(as_alice)))

    assert response.status_code == 403
    assert "Sign in, and start again" in text_of(response)
    assert not Connection.objects.exists()


def test_an_installation_of_another_organization_is_refused(app, as_alice, as_mallory, acme, accept):
    as_mallory.get(accept(set_out(as_mallory, organization="malice-inc")))

    response = as_alice.get(accept(set_out(as_alice)))

    assert response.status_code == 409
    assert "belongs to another organization" in text_of(response)
    assert "Malice" not in text_of(response)


def test_two_sentry_organizations_stand_side_by_side(app, as_alice, acme, accept):
    as_alice.get(accept(set_out(as_alice)))
    as_alice.get(accept(set_out(as_alice), "globex"))

    said = text_of(as_alice.get(page("sentry")))

    assert "Acme Rockets" in said
    assert "Globex Corporation" in said


# --- to another organization than meant -------------------------------------------------------------------------


@pytest.fixture
def globex_instead(app, as_alice, acme, connect, accept) -> Connection:
    """Alice set out to reconnect Acme Rockets and picked Globex."""
    state = state_of(address_at_sentry(as_alice.post(page("sentry_reconnect", connect().pk))))
    as_alice.get(accept(state, "globex"))
    return Connection.objects.get(state=State.UNCONFIRMED)


def test_another_organization_than_meant_waits_for_a_decision(globex_instead, as_alice):
    said = text_of(as_alice.get(page("sentry")))

    assert "Waiting for confirmation" in said
    assert "begun to reconnect Acme Rockets, and Globex Corporation was picked there" in said


def test_keeping_it_makes_it_a_connection_of_its_own(globex_instead, as_alice, acme):
    response = as_alice.post(page("sentry_confirm", globex_instead.pk), follow=True)

    assert "Connected to Globex Corporation" in text_of(response)
    assert Connection.objects.of(acme).filter(state=State.CONNECTED).count() == 2


def test_letting_go_of_it_leaves_the_first_one_alone(globex_instead, as_alice, acme):
    as_alice.post(page("sentry_decline", globex_instead.pk))

    (left,) = Connection.objects.of(acme)
    assert left.sentry_organization_slug == "acme-rockets"
    assert left.state == State.CONNECTED


# --- begun inside Sentry ----------------------------------------------------------------------------------------


def test_an_install_begun_in_sentry_asks_where_it_belongs(app, as_alice, acme, accept):
    said = text_of(as_alice.get(accept(None), follow=True))

    assert "Which organization is this for?" in said
    assert "acme-rockets (as the address says" in said
    assert "You have 10 minutes left" in said
    assert not Connection.objects.exists()


def test_a_visitor_signs_in_on_the_way_to_the_claim(app, client, alice, acme, accept):
    asked = client.get(accept(None), follow=True)
    claim = asked.redirect_chain[0][0]
    client.force_login(alice)

    response = client.post(claim, {"organization": "acme"}, follow=True)

    assert asked.redirect_chain[1][0].startswith("/accounts/login/?next=/integrations/sentry/claim/")
    assert "Connected to Acme Rockets" in text_of(response)


def test_another_browser_cannot_claim_it(app, as_alice, as_ada, acme, accept):
    claim = as_alice.get(accept(None)).url

    response = as_ada.post(claim, {"organization": "acme"})

    assert "This installation can no longer be claimed" in text_of(response)
    assert not Connection.objects.exists()


def test_only_an_organization_that_one_may_configure_can_be_chosen(app, as_alice, acme, malice_inc, accept):
    claim = as_alice.get(accept(None)).url

    response = as_alice.post(claim, {"organization": "malice-inc"})

    assert "malice-inc is not one of the available choices" in text_of(response)
    assert not Connection.objects.exists()


def test_nothing_is_chosen_for_who_has_several_organizations(app, as_alice, alice, acme, malice_inc, accept):
    Membership.objects.create(organization=malice_inc, user=alice, role=Role.ADMIN)

    response = as_alice.get(accept(None), follow=True)

    assert 'type="radio"' in response.content.decode()
    assert "checked" not in response.content.decode()


def test_a_member_without_an_organization_to_attach_it_to_is_told_so(app, as_bob, acme, accept):
    response = as_bob.get(accept(None), follow=True)

    assert "You are not an owner or an admin of any organization here" in text_of(response)
    assert 'href="/organizations/new/"' in response.content.decode()


def test_who_makes_an_organization_first_finds_the_way_back(app, as_bob, acme, accept):
    claim = as_bob.get(accept(None)).url

    assert f'href="{claim}"' in as_bob.get("/organizations/new/").content.decode()


def test_after_an_outage_the_claim_can_be_pressed_again(app, as_alice, acme, accept, sandbox):
    claim = as_alice.get(accept(None)).url
    sandbox.control.add_fault("exchange", "status:500", times=2)
    failed = as_alice.post(claim, {"organization": "acme"})

    response = as_alice.post(claim, {"organization": "acme"}, follow=True)

    assert failed.status_code == 502
    assert f'action="{claim}"' in failed.content.decode()
    assert "Connected to Acme Rockets" in text_of(response)


@pytest.mark.parametrize("query", ["error=access_denied", "code=x", f"installationId={NO_INSTALLATION}"])
def test_a_bare_callback_ends_on_a_page(app, client, query):
    response = client.get(f"{CALLBACK}?{query}")

    assert response.status_code == 400
    assert "access_denied" not in text_of(response)


def test_each_app_has_a_callback_of_its_own(app, as_alice, acme, accept):
    address = accept(None).replace(CALLBACK, f"{CALLBACK}blametrail/")

    assert as_alice.get(address).url.startswith("/integrations/sentry/claim/")


def test_a_callback_of_an_unknown_app_ends_on_a_page(app, client, accept):
    assert client.get(accept(None).replace(CALLBACK, f"{CALLBACK}no-such/")).status_code == 409
