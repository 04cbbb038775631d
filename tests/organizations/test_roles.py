import pytest

from blametrail.organizations import roles
from blametrail.organizations.models import Role

OWNER, ADMIN, MEMBER = Role.OWNER, Role.ADMIN, Role.MEMBER
EVERY_CHANGE = [(actor, current, wanted) for actor in Role for current in Role for wanted in Role]
ALLOWED_CHANGES = {
    (OWNER, ADMIN, MEMBER),
    (OWNER, MEMBER, ADMIN),
    (OWNER, ADMIN, ADMIN),
    (OWNER, MEMBER, MEMBER),
    (ADMIN, MEMBER, MEMBER),
}
ALLOWED_REMOVALS = {(OWNER, ADMIN), (OWNER, MEMBER), (ADMIN, MEMBER)}


@pytest.mark.parametrize(("actor", "current", "wanted"), EVERY_CHANGE)
def test_only_the_owner_promotes_and_demotes_and_nobody_touches_the_owner(actor, current, wanted):
    allowed = roles.may_change_role(actor, current=current, wanted=wanted)

    assert allowed == ((actor, current, wanted) in ALLOWED_CHANGES)


@pytest.mark.parametrize("actor", Role)
@pytest.mark.parametrize("current", Role)
def test_people_remove_only_those_below_them(actor, current):
    assert roles.may_remove(actor, current=current) == ((actor, current) in ALLOWED_REMOVALS)


@pytest.mark.parametrize("actor", Role)
@pytest.mark.parametrize("wanted", Role)
def test_people_invite_only_to_roles_below_their_own(actor, wanted):
    assert roles.may_invite(actor, wanted=wanted) == ((actor, wanted) in ALLOWED_REMOVALS)


@pytest.mark.parametrize(("actor", "grantable"), [(OWNER, [MEMBER, ADMIN]), (ADMIN, [MEMBER]), (MEMBER, [])])
def test_the_least_powerful_role_is_offered_first(actor, grantable):
    assert roles.may_grant(actor) == grantable


@pytest.mark.parametrize(("role", "may"), [(OWNER, False), (ADMIN, True), (MEMBER, True)])
def test_everyone_but_the_owner_may_leave(role, may):
    assert roles.may_leave(role) == may


@pytest.mark.parametrize(("role", "may"), [(OWNER, True), (ADMIN, False), (MEMBER, False)])
def test_only_the_owner_hands_on_the_ownership(role, may):
    assert roles.may_transfer_ownership(role) == may
