"""The people and things every test knows.

Alice owns Acme, Ada is an admin there and Bob a member. Mallory is a stranger with an organization of her own.
"""

from datetime import UTC, datetime
from functools import cache

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client

from blametrail.accounts.models import User
from blametrail.catalog.models import Service
from blametrail.jobs import queue
from blametrail.organizations.models import Membership, Organization, Role

PASSWORD = "correct horse battery"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup):
    yield
    # The queue's own connections would keep PostgreSQL from dropping the tests' database.
    queue.huey.storage.close()


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@cache
def _hashed_password() -> str:
    return make_password(PASSWORD)  # slow on purpose, so once for all people


def _person(name: str) -> User:
    return User.objects.create(email=f"{name.lower()}@example.com", name=name, password=_hashed_password())


@pytest.fixture
def alice(db) -> User:
    return _person("Alice")


@pytest.fixture
def ada(db) -> User:
    return _person("Ada")


@pytest.fixture
def bob(db) -> User:
    return _person("Bob")


@pytest.fixture
def mallory(db) -> User:
    return _person("Mallory")


@pytest.fixture
def acme(alice, ada, bob) -> Organization:
    acme = Organization.objects.create(name="Acme", slug="acme", timezone="Europe/Berlin")
    Membership.objects.create(organization=acme, user=alice, role=Role.OWNER)
    Membership.objects.create(organization=acme, user=ada, role=Role.ADMIN)
    Membership.objects.create(organization=acme, user=bob, role=Role.MEMBER)
    return acme


@pytest.fixture
def malice_inc(mallory) -> Organization:
    malice_inc = Organization.objects.create(name="Malice Inc", slug="malice-inc")
    Membership.objects.create(organization=malice_inc, user=mallory, role=Role.OWNER)
    return malice_inc


@pytest.fixture
def checkout(acme) -> Service:
    return Service.objects.create(organization=acme, name="checkout", type="api")


def _signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def as_alice(alice) -> Client:
    return _signed_in(alice)


@pytest.fixture
def as_ada(ada) -> Client:
    return _signed_in(ada)


@pytest.fixture
def as_bob(bob) -> Client:
    return _signed_in(bob)


@pytest.fixture
def as_mallory(mallory, malice_inc) -> Client:
    return _signed_in(mallory)
