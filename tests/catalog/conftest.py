from uuid import UUID

import pytest

from blametrail.catalog import uses
from blametrail.organizations.access import Access
from blametrail.organizations.models import Role


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    """Many people are made here, and nobody signs in with a password."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def admin(acme, ada) -> Access:
    return Access(user=ada, organization=acme, role=Role.ADMIN)


_found: list[uses.Use] = []


def _what_tests_say(_service) -> list[uses.Use]:
    return _found


@pytest.fixture
def in_use():
    """Let a room above say that it uses every service, as the list given; nobody uses one until it is filled."""
    uses.register(_what_tests_say)  # again in each test, which must not make it speak twice
    yield _found
    _found.clear()


_counted: dict[UUID, int] = {}


def _what_tests_count(_organization) -> dict[UUID, int]:
    return _counted


@pytest.fixture
def unresolved():
    """Let a room above count unresolved incidents, as the dict given."""
    uses.register_count(_what_tests_count)
    yield _counted
    _counted.clear()
