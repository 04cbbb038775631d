"""The pages on which Sentry's projects are mapped to services."""

from datetime import timedelta

import pytest
from django.utils import timezone

from blametrail.catalog.models import Service
from blametrail.intake import deliveries
from blametrail.intake.deliveries import Arrival
from blametrail.intake.models import Delivery, Status
from blametrail.integrations.sentry import disconnecting
from blametrail.integrations.sentry.models import Connection, DisconnectReason, ProjectMapping
from blametrail.organizations.models import AuditEntry
from tests.integrations.sentry.browsing import page, queries_of, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection(connect) -> Connection:
    return connect()


@pytest.fixture
def mapping(connection, checkout) -> ProjectMapping:
    return ProjectMapping.objects.create(
        connection=connection, project_id="77", project_slug="checkout-api", service=checkout
    )


@pytest.fixture
def ignored(connection):
    """Store a webhook that opened nothing for want of an active mapping."""

    def ignored(project: str, outcome: str = "not_mapped") -> Delivery:
        arrival = Arrival(source="sentry", endpoint="blametrail", resource="issue", headers={}, body=b"{}")
        (delivery,) = deliveries.store([arrival], now=timezone.now() - timedelta(minutes=5))
        Delivery.objects.filter(pk=delivery.pk).update(
            organization_id=connection.organization_id,
            connection_id=connection.pk,
            project=project,
            status=Status.IGNORED,
            outcome=outcome,
        )
        return delivery

    return ignored


def options(response) -> list[str]:
    return [option.project.slug for option in response.context["offer"].options]


def project_id(response, slug: str) -> str:
    return next(it.project.id for it in response.context["offer"].options if it.project.slug == slug)


def test_without_mappings_the_page_says_what_to_do(as_alice, connection):
    response = as_alice.get(page("mappings", connection.pk))

    assert "No project is mapped yet" in text_of(response)
    assert f'href="{page("mapping_new", connection.pk)}"' in response.content.decode()


def test_a_mapping_is_listed_with_its_service(as_bob, mapping):
    response = as_bob.get(page("mappings", mapping.connection_id))

    assert "checkout-api checkout Production Active" in text_of(response)
    assert page("mapping_edit", mapping.connection_id, mapping.pk) not in response.content.decode()


def test_a_project_is_picked_from_the_list_read_from_sentry(as_alice, connection, checkout):
    form = as_alice.get(page("mapping_new", connection.pk))
    picked = project_id(form, "storefront-web")

    response = as_alice.post(
        page("mapping_new", connection.pk), {"project": picked, "service": checkout.pk}, follow=True
    )

    assert len(options(form)) == 14
    assert response.redirect_chain == [(page("mappings", connection.pk), 302)]
    assert "storefront-web opens incidents on checkout (production) from now on." in text_of(response)
    assert ProjectMapping.objects.get().project_id == picked


def test_a_typed_slug_is_looked_up_in_sentry(as_alice, connection, checkout):
    as_alice.post(page("mapping_new", connection.pk), {"typed": "Billing-Worker", "service": checkout.pk})

    mapping = ProjectMapping.objects.get()
    assert mapping.project_slug == "billing-worker"
    assert mapping.project_id


def test_a_slug_that_sentry_does_not_know_is_a_fault_of_the_form(as_alice, connection, checkout):
    response = as_alice.post(
        page("mapping_new", connection.pk), {"project": "typed", "typed": "nonsense", "service": checkout.pk}
    )

    assert "No project called nonsense in Acme Rockets." in text_of(response)
    assert not ProjectMapping.objects.exists()


def test_choosing_nothing_is_a_fault_of_the_form(as_alice, connection, checkout):
    response = as_alice.post(page("mapping_new", connection.pk), {"service": checkout.pk})

    assert "Pick a project from the list, or type its slug." in text_of(response)


def test_a_service_of_another_organization_cannot_be_chosen(as_alice, connection, checkout, malice_inc):
    theirs = Service.objects.create(organization=malice_inc, name="theirs")

    response = as_alice.post(page("mapping_new", connection.pk), {"typed": "api", "service": theirs.pk})

    assert "Select a valid choice" in text_of(response)


def test_a_mapped_project_is_marked_and_cannot_be_mapped_again(as_alice, mapping):
    form = as_alice.get(page("mapping_new", mapping.connection_id))
    ProjectMapping.objects.update(project_id=project_id(form, "checkout-api"))

    marked = as_alice.get(page("mapping_new", mapping.connection_id))
    again = as_alice.post(
        page("mapping_new", mapping.connection_id), {"typed": "checkout-api", "service": mapping.service_id}
    )

    assert "mapped to checkout (production)" in text_of(marked)
    assert "This Sentry project has a mapping already" in text_of(again)


def test_while_sentry_is_silent_a_slug_is_taken_unchecked(as_alice, connection, checkout, sandbox):
    sandbox.control.add_fault("api", "drop", times=None)
    form = as_alice.get(page("mapping_new", connection.pk))

    as_alice.post(page("mapping_new", connection.pk), {"typed": "some-project", "service": checkout.pk})

    assert "The list of projects could not be read" in text_of(form)
    assert "not checked" in text_of(as_alice.get(page("mappings", connection.pk)))


def test_of_a_disconnected_organization_a_slug_can_still_be_typed(as_alice, connection, checkout):
    disconnecting.give_up(connection, DisconnectReason.REFUSED, "", now=timezone.now())

    response = as_alice.get(page("mapping_new", connection.pk))

    assert "an admin must reconnect it" in text_of(response)
    assert 'name="typed"' in response.content.decode()


def test_an_organization_without_projects_says_so(as_alice, connect, checkout):
    response = as_alice.get(page("mapping_new", connect("empty-orbit").pk))

    assert "Empty Orbit has no projects in Sentry yet" in text_of(response)


def test_without_a_service_the_next_step_is_to_add_one(as_alice, connection):
    response = as_alice.get(page("mapping_new", connection.pk))

    assert "Add a service first" in text_of(response)
    assert f'href="{page("service_new")}"' in response.content.decode()
    assert f'href="{page("mappings", connection.pk)}"' in response.content.decode()


def test_the_service_of_a_mapping_can_be_changed(as_alice, mapping, acme):
    payments = Service.objects.create(organization=acme, name="payments")

    as_alice.post(page("mapping_edit", mapping.connection_id, mapping.pk), {"service": payments.pk})

    mapping.refresh_from_db()
    assert mapping.service == payments


def test_a_mapping_is_switched_off_and_on_as_the_button_says(as_alice, mapping):
    address = page("mapping_toggle", mapping.connection_id, mapping.pk)

    for _twice in range(2):
        response = as_alice.post(address, {"to": "inactive"}, follow=True)

    mapping.refresh_from_db()
    assert not mapping.is_active
    assert "checkout-api opens no incidents from now on." in text_of(response)
    as_alice.post(address, {"to": "active"})
    mapping.refresh_from_db()
    assert mapping.is_active


def test_a_mapping_is_deleted_after_a_question(as_alice, mapping):
    address = page("mapping_delete", mapping.connection_id, mapping.pk)

    asked = as_alice.get(address)
    assert "Delete the mapping of checkout-api?" in text_of(asked)
    assert ProjectMapping.objects.exists()

    as_alice.post(address)

    assert not ProjectMapping.objects.exists()


@pytest.mark.parametrize("name", ["mapping_edit", "mapping_toggle", "mapping_delete", "mapping_replay"])
def test_members_change_no_mapping(as_bob, mapping, name):
    assert as_bob.post(page(name, mapping.connection_id, mapping.pk)).status_code == 403


def test_a_mapping_is_not_found_under_another_connection(as_alice, mapping, connect):
    assert as_alice.get(page("mapping_edit", connect("globex").pk, mapping.pk)).status_code == 404


# --- what was kept for want of a mapping ------------------------------------------------------------------------


def test_what_was_ignored_waits_by_project(as_alice, connection, ignored):
    ignored("search-indexer")
    ignored("search-indexer")

    response = as_alice.get(page("mappings", connection.pk))

    assert "search-indexer 2 webhooks, the last 5 min ago" in text_of(response)
    assert f"{page('mapping_new', connection.pk)}?project=search-indexer" in response.content.decode()


def test_mapping_from_there_has_the_project_chosen(as_alice, connection, checkout):
    response = as_alice.get(page("mapping_new", connection.pk), {"project": "search-indexer"})

    assert f'value="{project_id(response, "search-indexer")}" checked' in response.content.decode()


def test_a_project_that_is_not_in_the_list_is_typed_already(as_alice, connection, checkout):
    response = as_alice.get(page("mapping_new", connection.pk), {"project": "renamed-since"})

    assert 'value="renamed-since"' in response.content.decode()


def test_once_mapped_what_was_ignored_can_be_replayed(as_alice, mapping, ignored):
    delivery = ignored("checkout-api")
    offered = text_of(as_alice.get(page("mappings", mapping.connection_id)))

    response = as_alice.post(page("mapping_replay", mapping.connection_id, mapping.pk), follow=True)

    delivery.refresh_from_db()
    assert "Replay 1 ignored webhook" in offered
    assert "Replaying 1 webhook of checkout-api." in text_of(response)
    assert delivery.status == Status.PENDING
    assert AuditEntry.objects.filter(verb="delivery.replayed", subject="Project checkout-api").exists()


def test_of_an_inactive_mapping_the_way_is_to_activate_it(as_alice, mapping, ignored):
    ProjectMapping.objects.update(is_active=False)
    ignored("checkout-api", "mapping_inactive")

    assert "Activate its mapping" in text_of(as_alice.get(page("mappings", mapping.connection_id)))


def test_the_list_asks_as_much_of_the_database_for_many_mappings_as_for_one(as_alice, mapping, ignored):
    ignored("a")
    address = page("mappings", mapping.connection_id)
    for_one = queries_of(as_alice, address)

    for slug in ("b", "c", "d"):
        ignored(slug)
        ProjectMapping.objects.create(
            connection=mapping.connection, project_slug=f"m-{slug}", service=mapping.service
        )

    assert queries_of(as_alice, address) == for_one <= 9
