"""An admin connects Sentry as the owner's page describes it, and what Sentry reports becomes incidents."""

import pytest
from playwright.sync_api import expect

from tests.journeys.people import Person

pytestmark = pytest.mark.journey


def test_from_signing_up_to_an_incident_that_resolves_itself_and_a_connection_that_comes_back(window, stage):
    alice, sentry = Person(window, stage), stage.sandbox.control
    alice.signs_up()
    alice.creates_an_organization("Acme")
    alice.adds_a_service("checkout")

    alice.connects_via_oauth("Acme Rockets")

    alice.reads("Connected to Acme Rockets")
    alice.follows("Map projects")
    alice.follows("Add mapping")
    alice.maps("checkout-api", to="checkout")

    alice.goes_to("Incidents")
    issue = sentry.make_error("acme-rockets", "checkout-api", "KeyError: 'currency'").issue
    alice.reads("KeyError: 'currency'")  # without reloading

    alice.follows("KeyError: 'currency'")
    sentry.resolve(issue)
    alice.reads("Resolved")

    alice.goes_to("Integrations")
    alice.follows("Manage")
    sentry.uninstall(sentry.state()["installations"][0]["uuid"])
    alice.reads("The integration was removed in Sentry.")

    alice.presses("Reconnect")
    alice.accepts_at_sentry("Acme Rockets")

    alice.reads("Connected to Acme Rockets")
    alice.follows("Project mappings")
    alice.reads("checkout-api")
    expect(window.get_by_role("switch", name="checkout-api opens incidents")).to_be_checked()


def test_what_came_before_it_was_mapped_is_not_lost(window, stage):
    alice, sentry = Person(window, stage), stage.sandbox.control
    alice.signs_up()
    alice.creates_an_organization("Acme")
    alice.adds_a_service("search")
    alice.connects_via_oauth("Acme Rockets")
    alice.reads("Connected to Acme Rockets")
    sentry.make_error("acme-rockets", "search-indexer", "TimeoutError: shard 3")
    assert sentry.settle()

    alice.follows("Project mappings")
    alice.reloads_until("Kept, but opened nothing")
    alice.follows("Map…")
    alice.maps_the_project_that_is_chosen(to="search")
    alice.presses("Replay")

    alice.goes_to("Incidents")
    alice.reads("TimeoutError: shard 3")


def test_on_a_phone_and_by_keyboard_alone(open_window, stage):
    window = open_window(width=390, height=844)
    alice = Person(window, stage)
    alice.signs_up()
    alice.creates_an_organization("Acme")

    alice.goes_by_keyboard_to("Integrations")
    alice.reads("Integrations", heading=True)
    alice.sees_no_sideways_scrolling()
    alice.goes_by_keyboard_to("Connect via OAuth")
    alice.reads("Finish integration installation", heading=True)
    window.locator("select[name=organization]").focus()
    window.keyboard.type("Acme Rockets")
    alice.goes_by_keyboard_to("Accept & Install")

    alice.reads("Connected to Acme Rockets")
    alice.sees_no_sideways_scrolling()
    alice.goes_by_keyboard_to("Map projects")
    alice.reads("No project is mapped yet")
    alice.sees_no_sideways_scrolling()
