import re

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now as clock

from blametrail.organizations.models import Invitation, Membership

MEMBERS = "/o/acme/settings/members/"


def invite(inviter, email="carol@example.com", role="member"):
    return inviter.post("/o/acme/settings/invitations/", {"email": email, "role": role}, follow=True)


def mailed_link():
    return re.search(r"http://testserver(/invitations/\S+)", mail.outbox[-1].body)[1]


@pytest.fixture
def link(as_alice, acme):
    invite(as_alice)
    return mailed_link()


@pytest.fixture
def nobody_listens(settings, unused_port):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", unused_port


def test_the_invited_get_a_letter_that_says_who_invites_them_where(link):
    letter = mail.outbox[0]

    assert letter.to == ["carol@example.com"]
    assert letter.subject == "Join Acme on BlameTrail"
    assert "Alice invites you to join Acme on BlameTrail, as member." in letter.body


def test_a_name_cannot_forge_the_letters_headers(as_alice, acme):
    acme.name = "Acme\nBcc: all@example.com"
    acme.save()

    page = invite(as_alice)

    assert page.status_code == 200
    assert "all@example.com" not in str(mail.outbox[0].message()["Bcc"])


def test_when_the_mail_server_is_away_the_inviter_gets_the_link_instead(as_alice, acme, nobody_listens):
    page = invite(as_alice)

    assert "the e-mail could not be sent" in page.text
    link = re.search(r"http://testserver(/invitations/[\w-]+/)", page.text)[1]
    assert "Join Acme" in Client().get(link).text


def test_resending_sends_a_new_link_and_the_old_one_dies(as_ada, link):
    as_ada.post(reverse("invitation_resend", args=["acme", Invitation.objects.get().pk]))

    assert mailed_link() != link
    assert Client().get(link).status_code == 410
    assert Client().get(mailed_link()).status_code == 200


def test_a_revoked_link_says_so(as_alice, link):
    as_alice.post(reverse("invitation_revoke", args=["acme", Invitation.objects.get().pk]))

    page = Client().get(link)

    assert page.status_code == 410
    assert "This invitation no longer works" in page.text


def test_an_expired_link_says_whom_to_ask(link):
    Invitation.objects.update(expires_at=clock())

    page = Client().get(link)

    assert page.status_code == 410
    assert "Ask Alice to send it again." in page.text


def test_a_visitor_is_taken_to_sign_up_and_sign_in_and_back(link, client):
    page = client.get(link).text

    assert f'href="/accounts/login/?next={link}"' in page
    assert f'href="/accounts/signup/?next={link}&amp;email=carol%40example.com"' in page


def test_the_person_invited_joins(link, mallory, confirmed, acme):
    as_carol = Client()
    as_carol.force_login(confirmed(mallory, "carol@example.com"))

    assert "Join Acme?" in as_carol.get(link).text
    assert not Membership.objects.of(acme).filter(user=mallory).exists()
    assert as_carol.post(link).url == "/o/acme/"
    assert Membership.objects.of(acme).get(user=mallory).role == "member"


def test_following_the_link_again_leads_into_the_organization(link, mallory, confirmed):
    as_carol = Client()
    as_carol.force_login(confirmed(mallory, "carol@example.com"))
    as_carol.post(link)

    assert as_carol.get(link).url == "/o/acme/"


@pytest.mark.parametrize("method", ["get", "post"])
def test_another_person_is_told_whom_it_is_for_and_joins_nothing(link, as_mallory, mallory, acme, method):
    page = getattr(as_mallory, method)(link)

    assert page.status_code == 403
    assert "This invitation is for carol@example.com" in page.text
    assert not Membership.objects.of(acme).filter(user=mallory).exists()


def test_a_visitor_joins_nothing_by_posting(link, client, acme):
    client.post(link)

    assert Membership.objects.of(acme).count() == 3


def test_an_invitation_to_somebody_else_cannot_be_joined_by_its_id(link, as_mallory):
    assert as_mallory.post(reverse("invitation_join", args=[Invitation.objects.get().pk])).status_code == 404


@pytest.mark.parametrize(
    ("email", "role", "advice"),
    [
        ("bob@example.com", "member", "a member already"),
        ("nonsense", "member", "Enter a valid email address."),
        ("dave@example.com", "owner", "Select a valid choice"),
    ],
)
def test_what_is_wrong_with_an_invitation_is_said_beside_the_field(as_alice, acme, email, role, advice):
    page = invite(as_alice, email, role)

    assert advice in page.text
    assert not mail.outbox


def test_inviting_twice_is_answered_with_what_to_do(as_alice, link):
    assert "invited already. Send that invitation again" in invite(as_alice).text


def test_an_admin_cannot_invite_an_admin_by_forging_the_form(as_ada, acme):
    assert "Select a valid choice" in invite(as_ada, role="admin").text
    assert not Invitation.objects.exists()
