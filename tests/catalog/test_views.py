import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now as clock

from blametrail.catalog import uses
from blametrail.catalog.models import Service

CART = {
    "name": "cart",
    "environment": "staging",
    "type": "web",
    "url": "https://cart.example",
    "repository": "a/cart",
}


def url(name, service=None):
    arguments = {"organization": "acme"} | ({"service": service.pk} if service else {})
    return reverse(name, kwargs=arguments)


@pytest.fixture
def people(as_alice, as_ada, as_bob, acme):
    return {"owner": as_alice, "admin": as_ada, "member": as_bob}


@pytest.mark.parametrize(("role", "expected"), [("owner", 200), ("admin", 200), ("member", 403)])
@pytest.mark.parametrize("name", ["service_edit", "service_archive"])
def test_who_may_configure_a_service(people, checkout, role, expected, name):
    assert people[role].get(url(name, checkout)).status_code == expected


@pytest.mark.parametrize(("role", "expected"), [("owner", 302), ("admin", 302), ("member", 403)])
@pytest.mark.parametrize("name", ["service_edit", "service_archive", "service_restore", "service_new"])
def test_who_may_change_a_service(people, checkout, role, expected, name):
    service = None if name == "service_new" else checkout

    assert people[role].post(url(name, service), CART).status_code == expected


@pytest.mark.parametrize("role", ["owner", "admin", "member"])
def test_everyone_in_the_organization_sees_its_services(people, checkout, role):
    assert "checkout" in people[role].get(url("services")).text


def test_members_are_offered_nothing_they_may_not_do(as_bob, checkout):
    page = as_bob.get(url("services")).text

    assert url("service_new") not in page
    assert url("service_edit", checkout) not in page


@pytest.mark.parametrize(
    ("role", "next_step"), [("admin", "Add service"), ("member", "An owner or an admin can add")]
)
def test_an_empty_list_says_the_next_step(people, role, next_step):
    page = people[role].get(url("services")).text

    assert "No services yet" in page
    assert next_step in page


def test_a_service_is_added_with_every_field(as_ada, acme):
    as_ada.post(url("service_new"), CART)

    assert Service.objects.of(acme).values(*CART).get() == CART


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ({"name": " "}, "Give the service a name."),
        (
            {"name": "checkout", "environment": "production"},
            "A service with this name and environment exists already.",
        ),
        ({"url": "not an address"}, "Write the whole address, such as https://checkout.example.com."),
        ({"url": "javascript:alert(1)"}, "Write the whole address, such as https://checkout.example.com."),
        ({"repository": "checkout"}, "Write it as owner/repo."),
        ({"environment": "moon"}, "Select a valid choice."),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(as_ada, checkout, said, advice):
    page = as_ada.post(url("service_new"), CART | said)

    assert advice in page.text
    assert Service.objects.count() == 1


def test_a_refused_edit_still_names_the_service_as_it_is(as_ada, checkout):
    page = as_ada.post(url("service_edit", checkout), CART | {"repository": "nonsense", "name": "renamed"})

    assert "<h1>checkout</h1>" in page.text


def test_an_edit_is_saved(as_ada, checkout):
    as_ada.post(url("service_edit", checkout), CART)

    checkout.refresh_from_db()
    assert (checkout.name, checkout.repository) == ("cart", "a/cart")


def test_archiving_asks_first_and_says_what_refers_to_the_service(as_ada, checkout, in_use):
    in_use.append(uses.Use("3 incidents", prevents_archiving=False))

    page = as_ada.get(url("service_archive", checkout)).text

    assert "3 incidents" in page
    assert Service.objects.active().exists()


def test_archiving_what_is_still_fed_is_refused_with_the_reason(as_ada, checkout, in_use):
    in_use.append(uses.Use("the mapping of acme/backend", prevents_archiving=True))

    page = as_ada.post(url("service_archive", checkout)).text

    assert "Still in use by the mapping of acme/backend." in page
    assert Service.objects.active().exists()


def test_archived_services_are_behind_a_tab_and_come_back_from_there(as_ada, checkout):
    as_ada.post(url("service_archive", checkout))

    assert url("service_edit", checkout) not in as_ada.get(url("services")).text
    assert url("service_restore", checkout) in as_ada.get(url("services") + "?archived=1").text
    as_ada.post(url("service_restore", checkout))
    assert Service.objects.active().exists()


def test_a_restore_that_cannot_be_says_why(as_ada, acme, checkout):
    Service.objects.filter(pk=checkout.pk).update(archived_at=clock())
    Service.objects.create(organization=acme, name="checkout")

    page = as_ada.post(url("service_restore", checkout), follow=True)

    assert "Rename that one first." in page.text


def test_a_service_in_trouble_says_how_many_incidents_are_not_resolved(as_bob, checkout, unresolved):
    assert "unresolved" not in as_bob.get(url("services")).text

    unresolved[checkout.pk] = 2

    assert "2 unresolved" in as_bob.get(url("services")).text


def test_the_list_makes_as_many_queries_for_many_services_as_for_few(as_alice, acme, checkout):
    as_alice.get(url("services"))
    with CaptureQueriesContext(connection) as for_few:
        as_alice.get(url("services"))
    Service.objects.bulk_create(Service(organization=acme, name=f"service {number}") for number in range(30))

    with CaptureQueriesContext(connection) as for_many:
        as_alice.get(url("services"))

    assert len(for_many) == len(for_few)
