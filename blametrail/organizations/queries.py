"""What the pages about people list, with what the reader may do about each row."""

from dataclasses import dataclass
from datetime import datetime

from blametrail.organizations import roles
from blametrail.organizations.access import Access
from blametrail.organizations.models import Invitation, Membership, Role


@dataclass(frozen=True)
class MemberRow:
    membership: Membership
    is_reader: bool
    other_roles: list[Role]
    """The roles that the reader may give this member instead of the present one."""
    may_be_removed: bool


@dataclass(frozen=True)
class InvitationRow:
    invitation: Invitation
    has_expired: bool
    may_be_managed: bool


def members_of(access: Access) -> list[MemberRow]:
    members = Membership.objects.of(access.organization).select_related("user").order_by("joined_at", "pk")
    return [_member_row(access, member) for member in members]


def _member_row(access: Access, member: Membership) -> MemberRow:
    current = Role(member.role)
    return MemberRow(
        membership=member,
        is_reader=member.user_id == access.user.pk,
        other_roles=[
            role
            for role in roles.may_grant(access.role)
            if role != current and roles.may_change_role(access.role, current=current, wanted=role)
        ],
        may_be_removed=roles.may_remove(access.role, current=current),
    )


def invitations_of(access: Access, *, now: datetime) -> list[InvitationRow]:
    """Return the invitations not yet accepted, newest first; none to those who may not invite."""
    if not access.may_configure:
        return []
    invitations = Invitation.objects.of(access.organization).filter(accepted_at=None).select_related("invited_by")
    return [
        InvitationRow(
            invitation=invitation,
            has_expired=not invitation.is_open(now=now),
            may_be_managed=roles.may_invite(access.role, wanted=Role(invitation.role)),
        )
        for invitation in invitations.order_by("-created_at", "-pk")
    ]
