import threading
from contextlib import suppress

import pytest
from django.db import IntegrityError, connection, transaction

from blametrail.organizations import membership
from blametrail.organizations.models import AuditEntry, Membership, Role


def test_the_owner_promotes_a_member(owner, bob, membership_of, roles_in_acme):
    membership.change_role(owner, membership_of(bob), role=Role.ADMIN)

    assert roles_in_acme()["Bob"] == "admin"
    assert AuditEntry.objects.of(owner.organization).get().detail == "Member → Admin"


def test_giving_the_same_role_again_changes_nothing(owner, bob, membership_of):
    membership.change_role(owner, membership_of(bob), role=Role.MEMBER)

    assert not AuditEntry.objects.of(owner.organization).exists()


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OWNER])
def test_an_admin_promotes_nobody(admin, bob, membership_of, roles_in_acme, role):
    with pytest.raises(membership.NotAllowed):
        membership.change_role(admin, membership_of(bob), role=role)

    assert roles_in_acme()["Bob"] == "member"


def test_what_counts_is_the_role_at_the_moment_of_the_change(admin, bob, ada, membership_of, roles_in_acme):
    Membership.objects.filter(pk=membership_of(ada).pk).update(role=Role.MEMBER)

    with pytest.raises(membership.NotAllowed):
        membership.remove(admin, membership_of(bob))

    assert "Bob" in roles_in_acme()


def test_an_admin_removes_a_member(admin, bob, membership_of, roles_in_acme):
    membership.remove(admin, membership_of(bob))

    assert roles_in_acme() == {"Alice": "owner", "Ada": "admin"}
    assert AuditEntry.objects.of(admin.organization).get().subject == "Bob"


def test_removing_somebody_who_has_left_says_so(owner, bob, membership_of):
    gone = membership_of(bob)
    Membership.objects.filter(pk=gone.pk).delete()

    with pytest.raises(membership.NoLongerAMember):
        membership.remove(owner, gone)


def test_a_member_of_another_organization_cannot_be_removed(owner, malice_inc, mallory):
    with pytest.raises(membership.NoLongerAMember):
        membership.remove(owner, Membership.objects.of(malice_inc).get())

    assert Membership.objects.of(malice_inc).exists()


def test_a_member_leaves(member, roles_in_acme):
    membership.leave(member)

    assert "Bob" not in roles_in_acme()


def test_the_owner_stays(owner, roles_in_acme):
    with pytest.raises(membership.OwnerStays):
        membership.leave(owner)

    assert roles_in_acme()["Alice"] == "owner"


def test_ownership_is_handed_on(owner, bob, membership_of, roles_in_acme):
    membership.transfer_ownership(owner, to=membership_of(bob))

    assert roles_in_acme() == {"Alice": "admin", "Ada": "admin", "Bob": "owner"}


def test_nobody_hands_on_what_they_no_longer_own(owner, ada, bob, membership_of, roles_in_acme):
    membership.transfer_ownership(owner, to=membership_of(bob))

    with pytest.raises(membership.NotAllowed):
        membership.transfer_ownership(owner, to=membership_of(ada))

    assert list(roles_in_acme().values()).count("owner") == 1


def test_the_owner_cannot_hand_it_to_themselves(owner, alice, membership_of, roles_in_acme):
    with pytest.raises(membership.NotAllowed):
        membership.transfer_ownership(owner, to=membership_of(alice))

    assert roles_in_acme()["Alice"] == "owner"


def test_the_database_refuses_a_second_owner(acme, bob, membership_of):
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.filter(pk=membership_of(bob).pk).update(role=Role.OWNER)


@pytest.mark.django_db(transaction=True)
def test_two_handovers_at_once_leave_one_owner(owner, ada, bob, membership_of, roles_in_acme):
    heirs, start, outcomes = [membership_of(ada), membership_of(bob)], threading.Barrier(2), []

    def hand_on(heir):
        start.wait()
        try:
            membership.transfer_ownership(owner, to=heir)
            outcomes.append("done")
        except membership.NotAllowed:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=hand_on, args=[heir]) for heir in heirs]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert sorted(outcomes) == ["done", "refused"]
    assert list(roles_in_acme().values()).count("owner") == 1


@pytest.mark.django_db(transaction=True)
def test_an_heir_who_leaves_at_the_same_moment_does_not_leave_the_organization_without_an_owner(
    owner, bob, member, membership_of, roles_in_acme
):
    heir, start = membership_of(bob), threading.Barrier(2)

    def at_once(verb):
        start.wait()
        with suppress(membership.NoLongerAMember, membership.OwnerStays):
            verb()
        connection.close()

    verbs = [lambda: membership.transfer_ownership(owner, to=heir), lambda: membership.leave(member)]
    threads = [threading.Thread(target=at_once, args=[verb]) for verb in verbs]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert list(roles_in_acme().values()).count("owner") == 1
