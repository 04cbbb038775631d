from django.test import RequestFactory
from django.utils.html import escape

from blametrail.web import live


def _part(title="One", *, seen=None):
    request = RequestFactory().get("/list/", {} if seen is None else {"seen": seen})
    context = {"title": title, "icon": "inbox", "open_count": 3}
    part = live.part(request, "components/empty.html", context, id="list", address="/list/?tab=all")
    return request, part


def test_a_live_part_asks_again_at_its_address_and_tells_what_it_has_seen():
    request, part = _part()

    html = live.answer(request, part).text

    assert escape(f"/list/?tab=all&seen={part.fingerprint}") in html
    assert 'id="list"' in html
    assert "<h2>One</h2>" in html


def test_nothing_is_sent_when_nothing_is_new():
    _, before = _part()
    request, part = _part(seen=before.fingerprint)

    answer = live.answer(request, part)

    assert (answer.status_code, answer.content) == (204, b"")


def test_what_has_changed_is_sent():
    _, before = _part("One")
    request, part = _part("Two", seen=before.fingerprint)

    assert "<h2>Two</h2>" in live.answer(request, part).text


def test_only_an_open_page_asks_for_a_part():
    assert live.is_asked(RequestFactory().get("/list/?seen=abc"))
    assert not live.is_asked(RequestFactory().get("/list/"))
