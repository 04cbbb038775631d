import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from blametrail.catalog.models import Service
from blametrail.incidents import lifecycle
from blametrail.incidents.models import EntryKind, Incident, IncidentType, Severity, Status, TimelineEntry
from blametrail.incidents.queries import PAGE_SIZE

LIST = "/o/acme/incidents/"
NEW = "/o/acme/incidents/new/"


@pytest.fixture
def timeout(acme, checkout, alice, now) -> Incident:
    """The open incident number 1 of Acme."""
    return lifecycle.open_by_hand(
        acme,
        service=checkout,
        title="Timeout at the gateway",
        severity=Severity.CRITICAL,
        text="Payments hang.",
        started_at=now,
        by=alice,
        now=now,
    )


def _open(organization, service, *, count=1, **facts):
    first = organization.incidents.count() + 1
    moment = timezone.now()
    defaults = {"type": IncidentType.ISSUE, "severity": Severity.ERROR, "started_at": moment, "status_as_of": moment}
    rows = [
        Incident(organization=organization, service=service, number=number, title=f"T {number}", **defaults | facts)
        for number in range(first, first + count)
    ]
    return Incident.objects.bulk_create(rows)


def _filled_in(chosen, **facts):
    return {"service": str(chosen.pk), "title": "Queue stuck", "severity": "warning", **facts}


# Home


def test_home_leads_to_the_incidents_of_the_first_organization(as_bob, acme):
    assert as_bob.get("/").url == LIST


def test_home_leads_back_to_the_organization_looked_at_last(as_alice, alice, acme, malice_inc):
    malice_inc.memberships.create(user=alice, role="member")
    as_alice.get("/o/malice-inc/incidents/")

    assert as_alice.get("/").url == "/o/malice-inc/incidents/"


def test_home_leads_somebody_without_an_organization_to_make_one(as_bob):
    assert as_bob.get("/").url == reverse("organization_new")


def test_home_forgets_an_organization_the_person_has_left(as_alice, alice, acme, malice_inc):
    membership = malice_inc.memberships.create(user=alice, role="member")
    as_alice.get("/o/malice-inc/incidents/")
    membership.delete()

    assert as_alice.get("/").url == LIST


# The list


def test_the_list_shows_what_a_person_decides_by(as_bob, timeout):
    page = as_bob.get(LIST)

    assert "Timeout at the gateway" in page.text
    assert 'title="Critical"' in page.text
    assert "checkout" in page.text
    assert 'href="/o/acme/incidents/1/"' in page.text


def test_a_stranger_sees_neither_list_nor_incident(as_mallory, timeout):
    assert as_mallory.get(LIST).status_code == 404
    assert as_mallory.get(f"{LIST}1/").status_code == 404


def test_a_visitor_is_asked_to_sign_in(timeout):
    assert Client().get(LIST).url == f"/accounts/login/?next={LIST}"


def test_an_organization_without_incidents_is_told_how_to_get_them(as_bob, acme):
    page = as_bob.get(LIST)

    assert "No incidents yet" in page.text
    assert f'href="{NEW}"' in page.text
    assert 'href="/o/acme/integrations/sentry/">Connect Sentry' in page.text
    assert "filter-q" not in page.text


def test_when_all_is_resolved_the_list_is_calm(as_bob, timeout, alice, now):
    lifecycle.resolve(timeout, by=alice, now=now)

    assert "All quiet" in as_bob.get(LIST).text


def test_filters_that_match_nothing_can_be_cleared(as_bob, timeout):
    page = as_bob.get(LIST, {"tab": "all", "q": "zebra"})

    assert "Nothing matches" in page.text
    assert f'href="{LIST}?tab=all">Clear filters' in page.text


def test_nonsense_in_the_address_is_told_and_not_fatal(as_bob, timeout):
    page = as_bob.get(LIST, {"severity": "loud", "service": "1", "before": "soon", "tab": "x", "q": "\x00"})

    assert page.status_code == 200
    assert "There is no severity “loud”" in page.text
    assert "Timeout at the gateway" in page.text


def test_links_to_older_and_newer_keep_the_filters(as_bob, acme, checkout):
    _open(acme, checkout, count=PAGE_SIZE + 1)

    first = as_bob.get(LIST, {"severity": "error"})
    assert f'href="{LIST}?severity=error&amp;before=2"' in first.text

    second = as_bob.get(LIST, {"severity": "error", "before": "2"})
    assert f'href="{LIST}?severity=error&amp;after=1"' in second.text


def test_a_page_beyond_the_end_leads_back(as_bob, timeout):
    page = as_bob.get(LIST, {"before": "1"})

    assert "No older ones" in page.text
    assert f'href="{LIST}?after=0"' in page.text


def test_a_long_list_takes_no_more_queries_than_a_short_one(
    as_bob, acme, checkout, bob, django_assert_num_queries, django_assert_max_num_queries
):
    _open(acme, checkout, acknowledged_by=bob, status=Status.ACKNOWLEDGED)
    as_bob.get(LIST)
    with django_assert_max_num_queries(7) as short:
        as_bob.get(LIST)

    _open(acme, checkout, count=PAGE_SIZE, acknowledged_by=bob, status=Status.ACKNOWLEDGED)

    with django_assert_num_queries(len(short)):
        as_bob.get(LIST)


def _ask_again(client, page):
    address = re.search(r'hx-get="([^"]+)"', page.text)[1].replace("&amp;", "&")
    return client.get(address, headers={"HX-Request": "true"})


def test_an_open_list_hears_only_of_what_is_new(as_bob, acme, checkout, timeout):
    page = as_bob.get(LIST, {"tab": "all"})
    assert _ask_again(as_bob, page).status_code == 204

    _open(acme, checkout)

    news = _ask_again(as_bob, page)
    assert "T 2" in news.text
    assert '<span class="count" id="open-count" hx-swap-oob="true">2</span>' in news.text
    assert "<html" not in news.text


# One incident


def test_an_incident_tells_its_facts_and_its_story(as_bob, timeout):
    page = as_bob.get(f"{LIST}1/")

    assert "Timeout at the gateway" in page.text
    assert "Payments hang." in page.text
    assert "Nobody is on it yet" in page.text
    assert "<strong>Alice</strong> opened this incident" in page.text


def test_what_people_write_is_shown_as_they_wrote_it(as_bob, timeout):
    as_bob.post(f"{LIST}1/comment/", {"text": "<script>alert(1)</script>\nsecond line"})

    page = as_bob.get(f"{LIST}1/")

    assert "&lt;script&gt;alert(1)&lt;/script&gt;\nsecond line" in page.text


def test_the_source_is_linked_by_its_label(as_bob, timeout):
    Incident.objects.update(external_url="https://acme.sentry.io/issues/1/", external_label="ACME-1")

    assert 'href="https://acme.sentry.io/issues/1/"' in as_bob.get(f"{LIST}1/").text


def test_a_source_that_is_no_web_page_is_not_linked(as_bob, timeout):
    Incident.objects.update(external_url="javascript:alert(1)", external_label="ACME-1")

    assert "javascript:" not in as_bob.get(f"{LIST}1/").text


def test_a_relapse_and_what_went_before_lead_to_each_other(as_bob, acme, checkout, timeout):
    _open(acme, checkout, previous=timeout)

    assert "Relapse of" in as_bob.get(f"{LIST}2/").text
    assert 'href="/o/acme/incidents/2/"' in as_bob.get(f"{LIST}1/").text


@pytest.mark.parametrize("kind", EntryKind.values)
def test_every_kind_of_entry_can_be_told(as_bob, timeout, now, kind):
    TimelineEntry.objects.create(incident=timeout, kind=kind, at=now, source="sentry", text="As it came.")

    page = as_bob.get(f"{LIST}1/")

    assert "As it came." in page.text
    assert "<strong>Sentry</strong>" in page.text


def test_an_open_incident_page_hears_of_what_others_do(as_bob, as_ada, timeout):
    page = as_bob.get(f"{LIST}1/")
    assert _ask_again(as_bob, page).status_code == 204

    as_ada.post(f"{LIST}1/acknowledge/")

    news = _ask_again(as_bob, page)
    assert "<strong>Ada</strong> acknowledged it" in news.text
    assert 'id="incident-state" hx-swap-oob="true"' in news.text
    assert "<textarea" not in news.text


def test_a_long_story_takes_no_more_queries_than_a_short_one(
    as_bob, bob, timeout, now, django_assert_num_queries, django_assert_max_num_queries
):
    with django_assert_max_num_queries(7) as short:
        as_bob.get(f"{LIST}1/")
    for minutes in range(20):
        lifecycle.comment(timeout, by=bob, text="still", now=now + timedelta(minutes=minutes))

    with django_assert_num_queries(len(short)):
        as_bob.get(f"{LIST}1/")


# What people do


@pytest.mark.parametrize(
    ("before", "deed", "after"),
    [
        (Status.OPEN, "acknowledge", Status.ACKNOWLEDGED),
        (Status.OPEN, "resolve", Status.RESOLVED),
        (Status.ACKNOWLEDGED, "resolve", Status.RESOLVED),
        (Status.RESOLVED, "reopen", Status.OPEN),
    ],
)
def test_a_member_changes_the_state(as_bob, timeout, before, deed, after):
    Incident.objects.update(status=before)

    answer = as_bob.post(f"{LIST}1/{deed}/")

    timeout.refresh_from_db()
    assert answer.url == f"{LIST}1/"
    assert timeout.status == after


def test_the_second_click_is_told_kindly(as_bob, timeout):
    as_bob.post(f"{LIST}1/acknowledge/")

    page = as_bob.post(f"{LIST}1/acknowledge/", follow=True)

    assert page.status_code == 200
    assert "Incident #1 is acknowledged already." in page.text
    assert timeout.timeline.filter(kind=EntryKind.ACKNOWLEDGED).count() == 1


@pytest.mark.parametrize("deed", ["acknowledge", "resolve", "reopen", "comment"])
def test_nothing_is_done_by_following_a_link_or_by_a_stranger(as_bob, as_mallory, timeout, deed):
    assert as_bob.get(f"{LIST}1/{deed}/").status_code == 405
    assert as_mallory.post(f"{LIST}1/{deed}/", {"text": "mine"}).status_code == 404

    timeout.refresh_from_db()
    assert timeout.status == Status.OPEN
    assert timeout.timeline.count() == 1


def test_an_empty_comment_is_refused_in_place(as_bob, timeout):
    page = as_bob.post(f"{LIST}1/comment/", {"text": "  \n "})

    assert page.status_code == 422
    assert "Write something first." in page.text
    assert timeout.timeline.count() == 1


def test_a_comment_that_is_too_long_is_not_lost(as_bob, timeout):
    page = as_bob.post(f"{LIST}1/comment/", {"text": "a" * 10_001})

    assert page.status_code == 422
    assert "a" * 10_001 in page.text


# Opening by hand


def test_a_member_opens_an_incident(as_bob, acme, checkout):
    answer = as_bob.post(NEW, _filled_in(checkout, text="Nothing moves."))

    incident = Incident.objects.of(acme).get()
    assert answer.url == f"{LIST}{incident.number}/"
    assert (incident.title, incident.type) == ("Queue stuck", IncidentType.MANUAL)
    assert "Nothing moves." in as_bob.get(answer.url).text


def test_the_time_it_began_is_read_in_the_organizations_timezone(as_bob, acme, checkout):
    as_bob.post(NEW, _filled_in(checkout, started_at="2026-01-15T10:30"))

    assert Incident.objects.of(acme).get().started_at == datetime(2026, 1, 15, 9, 30, tzinfo=UTC)


def test_it_cannot_begin_in_the_future(as_bob, acme, checkout):
    page = as_bob.post(NEW, _filled_in(checkout, started_at="2999-01-01T00:00"))

    assert "That is still to come." in page.text
    assert not Incident.objects.of(acme).exists()


@pytest.mark.parametrize("missing", ["service", "title", "severity"])
def test_what_is_needed_is_asked_for(as_bob, acme, checkout, missing):
    page = as_bob.post(NEW, _filled_in(checkout, **{missing: ""}))

    assert "This field is required." in page.text
    assert not Incident.objects.of(acme).exists()


def test_a_service_of_another_organization_cannot_be_named(as_bob, acme, checkout, malice_inc):
    theirs = Service.objects.create(organization=malice_inc, name="loot")

    as_bob.post(NEW, _filled_in(theirs))

    assert not Incident.objects.exists()


def test_an_archived_service_is_not_offered(as_bob, checkout, now):
    Service.objects.filter(pk=checkout.pk).update(archived_at=now)

    assert "Which service is in trouble?" in as_bob.get(NEW).text


def test_without_a_service_an_admin_is_led_to_add_one_and_a_member_to_an_admin(as_ada, as_bob, acme):
    assert "Add the first one" in as_ada.get(NEW).text
    assert "Ask an owner or an admin" in as_bob.get(NEW).text


def test_a_service_can_be_chosen_beforehand(as_bob, checkout):
    page = as_bob.get(NEW, {"service": str(checkout.pk)})

    assert f'<option value="{checkout.pk}" selected>' in page.text


def test_nonsense_as_the_chosen_service_does_no_harm(as_bob, checkout):
    assert as_bob.get(NEW, {"service": "nonsense"}).status_code == 200
