import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from blametrail.organizations import audit
from blametrail.organizations.models import AuditEntry, Invitation, Membership, Organization

NEW = {"name": "Rockets", "slug": "", "timezone": "Europe/Berlin"}


def url(name, **arguments):
    return reverse(name, kwargs={"organization": "acme"} | arguments)


# What each role may open and do. A member's 403 says who may.
PAGES = [
    ("organization_settings", {"owner": 200, "admin": 200, "member": 200}),
    ("members", {"owner": 200, "admin": 200, "member": 200}),
    ("audit", {"owner": 200, "admin": 200, "member": 403}),
    ("organization_transfer", {"owner": 200, "admin": 403, "member": 403}),
    ("organization_leave", {"owner": 409, "admin": 200, "member": 200}),
]
ACTIONS = [
    (
        "organization_settings",
        {"name": "A", "slug": "a", "timezone": "UTC"},
        {"owner": 302, "admin": 302, "member": 403},
    ),
    ("invite", {"email": "carol@example.com", "role": "member"}, {"owner": 302, "admin": 302, "member": 403}),
    ("organization_transfer", {}, {"owner": 200, "admin": 403, "member": 403}),
    ("organization_leave", {}, {"owner": 302, "admin": 302, "member": 302}),
]


@pytest.fixture
def people(as_alice, as_ada, as_bob, acme):
    return {"owner": as_alice, "admin": as_ada, "member": as_bob}


@pytest.mark.parametrize("role", ["owner", "admin", "member"])
@pytest.mark.parametrize(("name", "expected"), PAGES)
def test_who_may_open_which_page(people, role, name, expected):
    assert people[role].get(url(name)).status_code == expected[role]


@pytest.mark.parametrize("role", ["owner", "admin", "member"])
@pytest.mark.parametrize(("name", "said", "expected"), ACTIONS)
def test_who_may_do_what(people, role, name, said, expected):
    assert people[role].post(url(name), said).status_code == expected[role]


@pytest.mark.parametrize("name", ["invite", "member_role", "invitation_resend", "invitation_revoke"])
def test_nothing_is_changed_by_following_a_link(as_alice, acme, bob, membership_of, name):
    invitation = "01930000-0000-7000-8000-000000000000"
    arguments = {"member_role": {"member": membership_of(bob).pk}, "invite": {}}.get(name, {"invitation": invitation})

    assert as_alice.get(url(name, **arguments)).status_code == 405


def test_a_person_founds_an_organization_from_its_name_alone(as_bob, bob):
    as_bob.post(reverse("organization_new"), NEW)

    rockets = Organization.objects.get(slug="rockets")
    assert rockets.timezone == "Europe/Berlin"
    assert Membership.objects.of(rockets).get().user == bob


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ({"name": ""}, "Give your organization a name."),
        ({"slug": "admin"}, "This address is kept for BlameTrail itself."),
        ({"slug": "acme"}, "Another organization has this address already."),
        ({"slug": "not a slug"}, "Use small letters, digits and hyphens only."),
        ({"timezone": "Mars/Olympus"}, "Mars/Olympus is not one of the available choices."),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(as_bob, acme, said, advice):
    page = as_bob.post(reverse("organization_new"), NEW | said)

    assert advice in page.text
    assert Organization.objects.count() == 1


def test_the_time_zone_of_the_organization_they_know_is_offered_first(as_bob, acme):
    assert '<option value="Europe/Berlin" selected>' in as_bob.get(reverse("organization_new")).text


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ({"name": "Rockets"}, 'value="rockets"'),
        ({"name": "Rockets two", "slug": "rockets", "suggested": "rockets"}, 'value="rockets-two"'),
        ({"name": "Rockets", "slug": "mine", "suggested": "rocket"}, 'value="mine"'),
    ],
)
def test_a_suggested_address_follows_the_name_until_somebody_writes_their_own(as_bob, asked, answered):
    assert f'name="slug" {answered}' in as_bob.get(reverse("organization_slug_suggestion"), asked).text


def test_a_new_address_takes_effect_at_once_and_the_old_one_is_gone(as_ada, acme):
    response = as_ada.post(url("organization_settings"), {"name": "Acme", "slug": "acme-ltd", "timezone": "UTC"})

    assert response.url == "/o/acme-ltd/settings/"
    assert as_ada.get(url("organization_settings")).status_code == 404


def test_a_refused_address_leaves_the_page_at_the_present_one(as_ada, acme, malice_inc):
    page = as_ada.post(url("organization_settings"), {"name": "Acme", "slug": "malice-inc", "timezone": "UTC"})

    assert "Another organization has this address already." in page.text
    assert "/o/malice-inc/" not in page.text


def test_members_read_settings_they_cannot_change(as_bob, acme):
    page = as_bob.get(url("organization_settings")).text

    assert "Europe/Berlin" in page
    assert 'name="slug"' not in page


def test_the_page_offers_the_owner_to_promote_and_an_admin_not(as_alice, as_ada, acme):
    assert "Make admin" in as_alice.get(url("members")).text
    assert "Make admin" not in as_ada.get(url("members")).text


def test_pending_invitations_are_not_shown_to_members(as_alice, as_bob, acme):
    as_alice.post(url("invite"), {"email": "carol@example.com", "role": "member"})

    assert "carol@example.com" in as_alice.get(url("members")).text
    assert "carol@example.com" not in as_bob.get(url("members")).text


def test_the_members_page_makes_as_many_queries_for_many_people_as_for_few(as_alice, acme, django_user_model):
    as_alice.get(url("members"))
    with CaptureQueriesContext(connection) as for_few:
        as_alice.get(url("members"))
    people = [django_user_model.objects.create_user(f"p{number}@example.com") for number in range(20)]
    Membership.objects.bulk_create(Membership(organization=acme, user=person) for person in people)

    with CaptureQueriesContext(connection) as for_many:
        as_alice.get(url("members"))

    assert len(for_many) == len(for_few)


def test_the_owner_promotes_on_the_page(as_alice, bob, membership_of, roles_in_acme):
    page = as_alice.post(url("member_role", member=membership_of(bob).pk), {"role": "admin"}, follow=True)

    assert roles_in_acme()["Bob"] == "admin"
    assert "Bob is now admin." in page.text


@pytest.mark.parametrize("role", ["owner", "king", ""])
def test_no_other_role_can_be_smuggled_in(as_alice, bob, membership_of, roles_in_acme, role):
    as_alice.post(url("member_role", member=membership_of(bob).pk), {"role": role})

    assert roles_in_acme()["Bob"] == "member"


def test_an_admin_who_forges_the_request_is_refused(as_ada, bob, membership_of, roles_in_acme):
    page = as_ada.post(url("member_role", member=membership_of(bob).pk), {"role": "admin"}, follow=True)

    assert "Your role in this organization does not allow that" in page.text
    assert roles_in_acme()["Bob"] == "member"


def test_removing_asks_first(as_ada, bob, membership_of, roles_in_acme):
    address = url("member_remove", member=membership_of(bob).pk)

    assert "Remove Bob?" in as_ada.get(address).text
    assert "Bob" in roles_in_acme()
    as_ada.post(address)
    assert "Bob" not in roles_in_acme()


@pytest.mark.parametrize("whom", ["alice", "ada"])
def test_an_admin_removes_neither_the_owner_nor_an_admin(as_ada, acme, whom, membership_of, roles_in_acme, request):
    victim = membership_of(request.getfixturevalue(whom))

    assert as_ada.post(url("member_remove", member=victim.pk)).status_code == 403
    assert len(roles_in_acme()) == 3


def test_a_removed_member_is_a_stranger_from_the_next_click_on(as_ada, as_bob, bob, membership_of):
    as_ada.post(url("member_remove", member=membership_of(bob).pk))

    assert as_bob.get(url("members")).status_code == 404


def test_the_owner_who_wants_to_leave_is_told_how(as_alice, acme):
    page = as_alice.get(url("organization_leave"))

    assert "Choose a new owner" in page.text


def test_ownership_goes_to_the_member_chosen(as_alice, bob, membership_of, roles_in_acme):
    as_alice.post(url("organization_transfer"), {"to": membership_of(bob).pk})

    assert roles_in_acme() == {"Alice": "admin", "Ada": "admin", "Bob": "owner"}


def test_ownership_cannot_go_to_a_stranger(as_alice, acme, malice_inc, roles_in_acme):
    as_alice.post(url("organization_transfer"), {"to": Membership.objects.of(malice_inc).get().pk})

    assert roles_in_acme()["Alice"] == "owner"


def test_an_owner_alone_is_told_to_invite_somebody_first(as_mallory):
    page = as_mallory.get(reverse("organization_transfer", kwargs={"organization": "malice-inc"}))

    assert "There is nobody to hand it on to" in page.text


def test_the_audit_log_goes_on_to_older_entries(as_alice, owner):
    for number in range(audit.PAGE_SIZE + 1):
        audit.record(owner, "service.changed", f"change {number}.")

    last = AuditEntry.objects.order_by("at", "id")[1]
    assert f"?about=service&amp;older_than={last.pk}" in as_alice.get(url("audit"), {"about": "service"}).text
    assert "change 0." in as_alice.get(url("audit"), {"older_than": last.pk}).text


@pytest.mark.parametrize("older_than", ["rubbish", "01930000-0000-7000-8000-000000000000"])
def test_an_entry_nobody_knows_is_not_found(as_alice, acme, older_than):
    assert as_alice.get(url("audit"), {"older_than": older_than}).status_code == 404


def test_whoever_is_invited_and_in_no_organization_yet_finds_the_invitation(owner, mallory, confirmed, as_alice):
    as_alice.post(url("invite"), {"email": confirmed(mallory).email, "role": "member"})
    as_mallory = Client()
    as_mallory.force_login(mallory)

    assert "invites you to join <strong>Acme</strong>" in as_mallory.get(reverse("organization_new")).text
    as_mallory.post(reverse("invitation_join", args=[Invitation.objects.get().pk]))
    assert Membership.objects.of(owner.organization).filter(user=mallory).exists()
