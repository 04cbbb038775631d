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
