import socket

import pytest
from allauth.account.models import EmailAddress

from blametrail.organizations.access import Access
from blametrail.organizations.models import Membership, Role


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    """Many people are made here, and nobody signs in with a password."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def _access(user, organization) -> Access:
    member = Membership.objects.of(organization).get(user=user)
    return Access(user=user, organization=organization, role=Role(member.role))


@pytest.fixture
def owner(acme, alice) -> Access:
    return _access(alice, acme)


@pytest.fixture
def admin(acme, ada) -> Access:
    return _access(ada, acme)


@pytest.fixture
def member(acme, bob) -> Access:
    return _access(bob, acme)


@pytest.fixture
def roles_in_acme(acme):
    def now() -> dict[str, str]:
        members = Membership.objects.of(acme).select_related("user")
        return {member.user.name: member.role for member in members}

    return now


@pytest.fixture
def membership_of(acme):
    return lambda user: Membership.objects.of(acme).get(user=user)


@pytest.fixture
def confirmed():
    """Make an address of a person's one that they have proved to read."""

    def confirm(user, email=None):
        EmailAddress.objects.create(user=user, email=email or user.email, verified=True, primary=email is None)
        return user

    return confirm


@pytest.fixture
def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
