"""Ask people by e-mail to join an organization, and let them in."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from blametrail.accounts import addresses
from blametrail.accounts.models import User
from blametrail.organizations import audit, roles
from blametrail.organizations.access import Access
from blametrail.organizations.membership import NotAllowed
from blametrail.organizations.models import (
    INVITATION_LASTS,
    Invitation,
    Membership,
    Role,
    hash_token,
    new_token,
)


class AlreadyInvited(Exception):
    """This address is invited already. Send that invitation again, or revoke it first."""


class AlreadyAMember(Exception):
    """The person with this address is a member already."""


class NoLongerOpen(Exception):
    """This invitation was accepted or revoked, or has expired."""


class WrongPerson(Exception):
    """This invitation is for another e-mail address."""


def invite(access: Access, *, email: str, role: Role, now: datetime) -> tuple[Invitation, str]:
    """Return a new invitation and the token its link needs, which is not kept.

    Raises NotAllowed, AlreadyInvited or AlreadyAMember.
    """
    if not roles.may_invite(access.role, wanted=role):
        raise NotAllowed(NotAllowed.__doc__)
    email, token = email.strip().lower(), new_token()
    members = Membership.objects.of(access.organization)
    if members.filter(user__in=addresses.people_with(email)).exists():
        raise AlreadyAMember(AlreadyAMember.__doc__)
    try:
        with transaction.atomic():
            invitation = Invitation.objects.create(
                organization=access.organization,
                email=email,
                role=role,
                token_hash=hash_token(token),
                invited_by=access.user,
                created_at=now,
                expires_at=now + INVITATION_LASTS,
            )
            audit.record(access, "invitation.sent", email, detail=f"As {role.label.lower()}")
    except IntegrityError:
        raise AlreadyInvited(AlreadyInvited.__doc__) from None
    return invitation, token


def renew(access: Access, invitation: Invitation, *, now: datetime) -> str:
    """Give the invitation seven more days and return a new token; the link sent before stops working.

    Raises NotAllowed or NoLongerOpen.
    """
    _require_authority(access, invitation)
    token = new_token()
    with transaction.atomic():
        renewed = Invitation.objects.filter(pk=invitation.pk, accepted_at=None).update(
            token_hash=hash_token(token), expires_at=now + INVITATION_LASTS
        )
        if not renewed:
            raise NoLongerOpen(NoLongerOpen.__doc__)
        audit.record(access, "invitation.resent", invitation.email)
    return token


def revoke(access: Access, invitation: Invitation) -> None:
    """Take the invitation back. Raises NotAllowed or NoLongerOpen."""
    _require_authority(access, invitation)
    with transaction.atomic():
        revoked, _ = Invitation.objects.filter(pk=invitation.pk, accepted_at=None).delete()
        if not revoked:
            raise NoLongerOpen(NoLongerOpen.__doc__)
        audit.record(access, "invitation.revoked", invitation.email)


def accept(invitation: Invitation, *, user: User, now: datetime) -> Access:
    """Make the person a member, once; whoever is one already keeps their role. Raises NoLongerOpen or WrongPerson."""
    if not is_for(invitation, user):
        raise WrongPerson(WrongPerson.__doc__)
    with transaction.atomic():
        still_open = Invitation.objects.filter(
            pk=invitation.pk, token_hash=invitation.token_hash, accepted_at=None, expires_at__gt=now
        )
        if not still_open.update(accepted_at=now):
            raise NoLongerOpen(NoLongerOpen.__doc__)
        member, has_joined = Membership.objects.get_or_create(
            organization=invitation.organization,
            user=user,
            defaults={"role": invitation.role, "joined_at": now},
        )
        access = Access(user=user, organization=invitation.organization, role=Role(member.role))
        if has_joined:
            audit.record(access, "member.joined", str(user), detail=f"As {access.role.label.lower()}")
    return access


def find(token: str) -> Invitation | None:
    """Return the invitation that this link belongs to, open or not."""
    # tenancy: the token is the proof; whoever holds it may see what it invites to.
    invitations = Invitation.objects.select_related("organization", "invited_by")
    return invitations.filter(token_hash=hash_token(token)).first()


def waiting_for(user: User, *, now: datetime) -> QuerySet[Invitation]:
    """Return the open invitations to this person's verified addresses, in all organizations."""
    # tenancy: these are the person's own, and they are in none of these organizations yet.
    return Invitation.objects.select_related("organization", "invited_by").filter(
        email__in=addresses.verified_of(user), accepted_at=None, expires_at__gt=now
    )


def is_for(invitation: Invitation, user: User) -> bool:
    """Test whether the invited address is one this person has proved to read.

    The link alone is no such proof: it was shown to the one who invites when the mail could not be sent.
    """
    return invitation.email.lower() in addresses.verified_of(user)


def _require_authority(access: Access, invitation: Invitation) -> None:
    if not roles.may_invite(access.role, wanted=Role(invitation.role)):
        raise NotAllowed(NotAllowed.__doc__)
