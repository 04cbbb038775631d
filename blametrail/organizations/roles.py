"""Who may do what to whom: decisions from roles alone.

The owner decides over everyone, admins over members, members over nobody. Nobody decides over an owner: ownership
only ever moves by being handed on.
"""

from blametrail.organizations.models import Role

_UNDER = {
    Role.OWNER: frozenset({Role.ADMIN, Role.MEMBER}),
    Role.ADMIN: frozenset({Role.MEMBER}),
    Role.MEMBER: frozenset[Role](),
}


def may_grant(actor: Role) -> list[Role]:
    """Return the roles this person may invite to or give, the least powerful first."""
    return [role for role in (Role.MEMBER, Role.ADMIN) if role in _UNDER[actor]]


def may_invite(actor: Role, *, wanted: Role) -> bool:
    return wanted in _UNDER[actor]


def may_remove(actor: Role, *, current: Role) -> bool:
    return current in _UNDER[actor]


def may_change_role(actor: Role, *, current: Role, wanted: Role) -> bool:
    return current in _UNDER[actor] and wanted in _UNDER[actor]


def may_leave(role: Role) -> bool:
    """An owner stays until somebody else owns the organization, so that it always has exactly one."""
    return role != Role.OWNER


def may_transfer_ownership(actor: Role) -> bool:
    return actor == Role.OWNER
