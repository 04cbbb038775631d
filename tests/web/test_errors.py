import pytest
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path
from django.views.decorators.http import require_POST

from blametrail import urls
from blametrail.web.errors import _page_above, server_error


def _fail(error):
    def view(request):
        raise error

    return view


def _show(request):
    return HttpResponse("the thing")


@require_POST
def _act(request):
    return HttpResponse("done")


urlpatterns = [
    path("bad/", _fail(BadRequest("bits are missing"))),
    path("odd/", _fail(SuspiciousOperation("odd"))),
    path("forbidden/", _fail(PermissionDenied("Only the owner may give the organization away."))),
    path("forbidden-silently/", _fail(PermissionDenied())),
    path("broken/", _fail(ZeroDivisionError("planted"))),
    path("thing/", _show),
    path("thing/act/", _act),
    path("", include(urls.urlpatterns)),
]
handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500

pytestmark = pytest.mark.urls(__name__)


@pytest.mark.parametrize("address", ["/bad/", "/odd/"])
def test_a_bad_request_says_what_to_do(db, address):
    page = Client().get(address)

    assert page.status_code == 400
    assert "could not be understood" in page.text
    assert "go back" in page.text.lower()


def test_a_host_that_is_not_ours_gets_a_page_as_well(db):
    page = Client().get("/", headers={"host": "evil.example"})

    assert page.status_code == 400
    assert "could not be understood" in page.text


def test_a_refusal_gives_its_reason(as_bob):
    page = as_bob.get("/forbidden/")

    assert page.status_code == 403
    assert "Only the owner may give the organization away." in page.text


def test_a_refusal_without_a_reason_names_the_likely_one(as_bob):
    assert "Your role in this organization" in as_bob.get("/forbidden-silently/").text


@pytest.mark.parametrize("address", ["/nowhere/", "/o/acme/incidents/99/", "/o/nobody/incidents/"])
def test_what_does_not_exist_and_what_is_not_yours_look_the_same(as_bob, acme, address):
    page = as_bob.get(address)

    assert page.status_code == 404
    assert "Nothing to see at this address" in page.text
    assert "To my incidents" in page.text


def test_a_visitor_at_a_wrong_address_is_led_to_the_start(db):
    assert "To the start" in Client().get("/nowhere/").text


def test_our_own_fault_is_told_with_a_button_to_try_again(db):
    visitor = Client(raise_request_exception=False)

    page = visitor.get("/broken/")

    assert page.status_code == 500
    assert "Something went wrong on our side" in page.text
    assert "Try again" in page.text


def test_the_page_for_our_own_fault_asks_nobody_for_anything():
    # No database fixture: a query would fail the test.
    assert server_error(None).status_code == 500


def test_a_form_from_an_ended_session_is_explained(bob):
    visitor = Client(enforce_csrf_checks=True)

    page = visitor.post("/theme/", {"theme": "dark"}, headers={"referer": "http://testserver/o/acme/incidents/"})

    assert page.status_code == 403
    assert "open for too long" in page.text
    assert 'href="http://testserver/o/acme/incidents/"' in page.text


def test_the_way_back_from_an_ended_session_never_leads_to_a_stranger(db):
    visitor = Client(enforce_csrf_checks=True)

    page = visitor.post("/theme/", {}, headers={"referer": "https://evil.example/"})

    assert "evil.example" not in page.text


def test_opening_a_buttons_address_says_that_nothing_was_done_and_leads_to_the_button(db):
    page = Client().get("/thing/act/")

    assert page.status_code == 405
    assert page.headers["Allow"] == "POST"
    assert "Nothing was changed" in page.text
    assert 'href="/thing/"' in page.text


@pytest.mark.parametrize(
    ("below", "above"), [("/thing/act/", "/thing/"), ("/thing/none/act/", "/thing/"), ("/none/act", "/"), ("/", "/")]
)
def test_the_page_above_is_the_nearest_that_leads_anywhere(below, above):
    assert _page_above(below) == above
