from datetime import timedelta

import pytest

from blametrail.accounts.models import User
from blametrail.organizations import invitations
from blametrail.organizations.membership import NotAllowed
from blametrail.organizations.models import AuditEntry, Invitation, Membership, Role

WEEK = timedelta(days=7)


@pytest.fixture
def carol(db, confirmed) -> User:
    return confirmed(User.objects.create_user("carol@example.com", name="Carol"))


@pytest.fixture
def invited(owner, now):
    return invitations.invite(owner, email="Carol@Example.com", role=Role.MEMBER, now=now)


def test_of_the_token_only_a_hash_is_kept(invited):
    invitation, token = invited

    assert token not in invitation.token_hash
    assert invitations.find(token) == invitation
    assert invitation.email == "carol@example.com"


def test_accepting_makes_a_member_once(invited, carol, now, acme):
    invitation, _ = invited

    access = invitations.accept(invitation, user=carol, now=now)

    assert access.role == Role.MEMBER
    assert Membership.objects.of(acme).filter(user=carol).count() == 1
    with pytest.raises(invitations.NoLongerOpen):
        invitations.accept(invitation, user=carol, now=now)


@pytest.mark.parametrize(("after", "is_open"), [(WEEK - timedelta(seconds=1), True), (WEEK, False)])
def test_an_invitation_lasts_seven_days(invited, now, after, is_open):
    assert invited[0].is_open(now=now + after) is is_open


def test_an_expired_invitation_lets_nobody_in(invited, carol, now, acme):
    with pytest.raises(invitations.NoLongerOpen):
        invitations.accept(invited[0], user=carol, now=now + WEEK)

    assert not Membership.objects.of(acme).filter(user=carol).exists()


def test_the_link_alone_lets_nobody_in(invited, mallory, confirmed, now, acme):
    with pytest.raises(invitations.WrongPerson):
        invitations.accept(invited[0], user=confirmed(mallory), now=now)

    assert not Membership.objects.of(acme).filter(user=mallory).exists()


def test_an_address_that_is_claimed_but_not_confirmed_lets_nobody_in(invited, now, acme):
    pretender = User.objects.create_user("carol@example.com", name="Not Carol")

    with pytest.raises(invitations.WrongPerson):
        invitations.accept(invited[0], user=pretender, now=now)


def test_a_second_confirmed_address_is_good_too(invited, mallory, confirmed, now):
    confirmed(mallory)
    confirmed(mallory, "carol@example.com")

    assert invitations.accept(invited[0], user=mallory, now=now).role == Role.MEMBER


def test_resending_gives_a_new_link_and_seven_more_days(owner, invited, now):
    invitation, old = invited
    later = now + timedelta(days=6)

    new = invitations.renew(owner, invitation, now=later)

    assert invitations.find(old) is None
    assert invitations.find(new).expires_at == later + WEEK


def test_an_accepted_invitation_is_not_resent(owner, invited, carol, now):
    invitations.accept(invited[0], user=carol, now=now)

    with pytest.raises(invitations.NoLongerOpen):
        invitations.renew(owner, invited[0], now=now)


def test_a_revoked_invitation_lets_nobody_in(owner, invited, carol, now):
    invitation, token = invited

    invitations.revoke(owner, Invitation.objects.get(pk=invitation.pk))

    assert invitations.find(token) is None
    with pytest.raises(invitations.NoLongerOpen):
        invitations.accept(invitation, user=carol, now=now)


def test_an_address_is_invited_once(owner, invited, now):
    with pytest.raises(invitations.AlreadyInvited):
        invitations.invite(owner, email="carol@example.com", role=Role.ADMIN, now=now)


def test_a_member_is_not_invited(owner, bob, now):
    with pytest.raises(invitations.AlreadyAMember):
        invitations.invite(owner, email="BOB@example.com", role=Role.MEMBER, now=now)


def test_a_member_is_not_invited_at_their_other_address_either(owner, bob, confirmed, now):
    confirmed(bob, "robert@example.com")

    with pytest.raises(invitations.AlreadyAMember):
        invitations.invite(owner, email="robert@example.com", role=Role.MEMBER, now=now)


def test_an_admin_invites_no_admins(admin, now):
    with pytest.raises(NotAllowed):
        invitations.invite(admin, email="carol@example.com", role=Role.ADMIN, now=now)


def test_an_admin_neither_resends_nor_revokes_what_the_owner_offered_to_an_admin(owner, admin, now):
    invitation, _ = invitations.invite(owner, email="carol@example.com", role=Role.ADMIN, now=now)

    with pytest.raises(NotAllowed):
        invitations.renew(admin, invitation, now=now)
    with pytest.raises(NotAllowed):
        invitations.revoke(admin, invitation)


def test_who_is_a_member_already_keeps_their_role(owner, carol, now, acme):
    invitation, _ = invitations.invite(owner, email="carol@example.com", role=Role.MEMBER, now=now)
    Membership.objects.create(organization=acme, user=carol, role=Role.ADMIN)

    assert invitations.accept(invitation, user=carol, now=now).role == Role.ADMIN


def test_waiting_invitations_are_those_to_ones_confirmed_addresses(invited, carol, bob, now):
    assert [invitation.email for invitation in invitations.waiting_for(carol, now=now)] == ["carol@example.com"]
    assert not invitations.waiting_for(bob, now=now)
    assert not invitations.waiting_for(carol, now=now + WEEK)


def test_everything_is_written_down(owner, invited, carol, now, acme):
    invitations.renew(owner, invited[0], now=now)
    invitations.accept(Invitation.objects.get(), user=carol, now=now)

    verbs = AuditEntry.objects.of(acme).order_by("id").values_list("verb", "actor_name")
    assert list(verbs) == [
        ("invitation.sent", "Alice"),
        ("invitation.resent", "Alice"),
        ("member.joined", "Carol"),
    ]
