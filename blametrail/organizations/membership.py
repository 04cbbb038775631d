"""Change who belongs to an organization, and as what."""

from django.db import transaction
from django.db.models import Q

from blametrail.organizations import audit, roles
from blametrail.organizations.access import Access
from blametrail.organizations.models import Membership, Role


class NotAllowed(Exception):
    """Your role in this organization does not allow that, or no longer does."""


class OwnerStays(Exception):
    """The owner cannot leave. Hand the ownership to another member first."""


class NoLongerAMember(Exception):
    """This person has left the organization in the meantime."""


def change_role(access: Access, member: Membership, *, role: Role) -> None:
    """Give a member another role. Raises NotAllowed or NoLongerAMember."""
    with transaction.atomic():
        actor, subject = _hold(access, member)
        current = Role(subject.role)
        if not roles.may_change_role(actor, current=current, wanted=role):
            raise NotAllowed(NotAllowed.__doc__)
        if role == current:
            return
        Membership.objects.filter(pk=subject.pk).update(role=role)
        audit.record(access, "member.role_changed", str(subject.user), detail=f"{current.label} → {role.label}")


def remove(access: Access, member: Membership) -> None:
    """End another person's membership. Raises NotAllowed or NoLongerAMember."""
    with transaction.atomic():
        actor, subject = _hold(access, member)
        if not roles.may_remove(actor, current=Role(subject.role)):
            raise NotAllowed(NotAllowed.__doc__)
        subject.delete()
        audit.record(access, "member.removed", str(subject.user))


def leave(access: Access) -> None:
    """End one's own membership. Raises OwnerStays or NoLongerAMember."""
    with transaction.atomic():
        member = Membership.objects.of(access.organization).select_for_update().filter(user=access.user).first()
        if member is None:
            raise NoLongerAMember(NoLongerAMember.__doc__)
        if not roles.may_leave(Role(member.role)):
            raise OwnerStays(OwnerStays.__doc__)
        member.delete()
        audit.record(access, "member.left", str(access.user))


def transfer_ownership(access: Access, *, to: Membership) -> None:
    """Make another member the owner, and the owner an admin. Raises NotAllowed or NoLongerAMember."""
    with transaction.atomic():
        actor, heir = _hold(access, to)
        if not roles.may_transfer_ownership(actor) or heir.user_id == access.user.pk:
            raise NotAllowed(NotAllowed.__doc__)
        # In this order, since the database refuses a second owner even for a moment.
        Membership.objects.of(access.organization).filter(user=access.user).update(role=Role.ADMIN)
        Membership.objects.filter(pk=heir.pk).update(role=Role.OWNER)
        audit.record(access, "organization.transferred", str(heir.user), detail=f"From {access.user}")


def _hold(access: Access, member: Membership) -> tuple[Role, Membership]:
    """Return the actor's role and the member as they are now, and let nobody change either until we commit.

    What ``access`` says was read before the transaction, and an admin may have been demoted since.
    """
    held = (
        Membership.objects.of(access.organization)
        .select_for_update(of=("self",))
        .select_related("user")
        .filter(Q(user=access.user) | Q(pk=member.pk))
        .order_by("pk")  # the same order for everybody, so that two of us cannot wait for each other
    )
    actor = next((row for row in held if row.user_id == access.user.pk), None)
    subject = next((row for row in held if row.pk == member.pk), None)
    if actor is None:
        raise NotAllowed(NotAllowed.__doc__)
    if subject is None:
        raise NoLongerAMember(NoLongerAMember.__doc__)
    return Role(actor.role), subject
