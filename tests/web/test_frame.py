import pytest
from django.test import Client


def test_a_visitor_learns_what_this_is_and_how_to_get_in(db):
    page = Client().get("/")

    assert page.status_code == 200
    assert "/accounts/login/" in page.text
    assert "/accounts/signup/" in page.text


@pytest.mark.parametrize(("chosen", "attribute"), [("dark", 'data-theme="dark"'), ("light", 'data-theme="light"')])
def test_a_chosen_theme_is_in_the_first_paint(db, chosen, attribute):
    visitor = Client()

    visitor.post("/theme/", {"theme": chosen, "next": "/"})

    assert attribute in visitor.get("/").text


def test_choosing_the_system_theme_forgets_the_choice(db):
    visitor = Client()
    visitor.post("/theme/", {"theme": "dark"})

    visitor.post("/theme/", {"theme": "system"})

    assert "data-theme" not in visitor.get("/").text


def test_a_forged_theme_cookie_does_not_reach_the_page(db):
    visitor = Client()
    visitor.cookies["blametrail_theme"] = '"><script>'

    assert "data-theme" not in visitor.get("/").text


def test_choosing_a_theme_leads_back_to_the_page_it_was_chosen_on(db):
    assert (
        Client().post("/theme/", {"theme": "dark", "next": "/o/acme/incidents/?q=x"}).url == "/o/acme/incidents/?q=x"
    )


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_choosing_a_theme_never_leads_to_a_stranger(db, elsewhere):
    assert Client().post("/theme/", {"theme": "dark", "next": elsewhere}).url == "/"


def test_the_theme_is_not_changed_by_following_a_link(db):
    assert Client().get("/theme/").status_code == 405


def test_every_page_leads_to_the_four_sections(as_bob, acme):
    page = as_bob.get("/o/acme/incidents/")

    assert '<a href="/o/acme/incidents/" data-key="i" aria-current="page">' in page.text
    assert '<a href="/o/acme/services/" data-key="s">' in page.text
    assert '<a href="/o/acme/integrations/" data-key="n">' in page.text
    assert '<a href="/o/acme/settings/" data-key="o">' in page.text


def test_a_person_switches_between_their_organizations_and_no_others(as_alice, alice, acme, malice_inc):
    assert "Malice Inc" not in as_alice.get("/o/acme/incidents/").text

    malice_inc.memberships.create(user=alice, role="member")

    assert 'href="/o/malice-inc/"' in as_alice.get("/o/acme/incidents/").text


def test_signing_out_is_a_button_and_not_a_link(as_bob, acme):
    page = as_bob.get("/o/acme/incidents/")

    assert '<form method="post" action="/accounts/logout/">' in page.text
