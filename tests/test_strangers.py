"""Nobody sees anything of an organization they are not in: every address is tried, new ones too."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from blametrail.accounts.models import User
from blametrail.incidents.models import Incident
from blametrail.intake.models import Delivery
from blametrail.integrations.sentry.models import Connection, ProjectMapping
from blametrail.organizations.models import Invitation, Membership

ROOT = Path(__file__).parents[1]

# Addresses outside any organization that visitors may open, by name or else by route, each with the reason.
PUBLIC = {
    "home": "greets visitors, and shows people only their own organizations",
    "theme": "remembers a colour, in a cookie",
    "favicon.ico": "the icon of a browser's tab",
    "health": "asked by load balancers, says nothing but whether the database answers",
    "metrics": "asked by Prometheus, which has a token of its own; without one in the settings there is nothing",
    "invitation_accept": "the token in the address is the key to it; joining asks for the invited address",
    "sentry_callback": "Sentry sends the browser there; nothing is connected without a signed-in admin's own attempt",
    "account_login": "the way in",
    "account_logout": "the way out",
    "account_signup": "the way in",
    "account_inactive": "says why somebody cannot come in",
    "account_reset_password": "for those who cannot sign in",
    "account_reset_password_done": "for those who cannot sign in",
    "account_reset_password_from_key": "the key in the address was mailed",
    "account_reset_password_from_key_done": "for those who cannot sign in",
    "account_email_verification_sent": "for those who cannot sign in yet",
    "account_confirm_email": "the key in the address was mailed",
    "account_confirm_login_code": "goes to sign-in, since codes are off",
    "mfa_authenticate": "the second step of signing in; goes to sign-in without the first",
}
# Prefixes of Django's admin, which has a door of its own: see test_only_operators_see_the_operators_pages.
OPERATOR = "operator/"
NO_ROW = "01930000-0000-7000-8000-000000000000"


@dataclass(frozen=True)
class Address:
    route: str
    name: str
    view: Any
    arguments: tuple[str, ...]

    @property
    def key(self) -> str:
        return self.name or self.route

    @property
    def is_of_an_organization(self) -> bool:
        return "organization" in self.arguments


def _addresses(patterns: list[Any], prefix: str = "", before: tuple[str, ...] = ()) -> Iterator[Address]:
    for entry in patterns:
        route = prefix + str(entry.pattern)
        arguments = (*before, *_arguments(entry))
        if isinstance(entry, URLResolver):
            yield from _addresses(entry.url_patterns, route, arguments)
        elif isinstance(entry, URLPattern):
            yield Address(route, entry.name or "", entry.callback, arguments)


def _arguments(entry: Any) -> tuple[str, ...]:
    return tuple(getattr(entry.pattern, "converters", None) or entry.pattern.regex.groupindex)


EVERYWHERE = list(_addresses(get_resolver().url_patterns))
OF_AN_ORGANIZATION = [address for address in EVERYWHERE if address.is_of_an_organization]
OUTSIDE = [
    address for address in EVERYWHERE if not address.is_of_an_organization and not address.route.startswith(OPERATOR)
]
ASKING_TO_SIGN_IN = [address for address in OUTSIDE if address.key not in PUBLIC]
NAMING_A_ROW = [address for address in OF_AN_ORGANIZATION if set(address.arguments) != {"organization"}]
of_an_organization = pytest.mark.parametrize("address", OF_AN_ORGANIZATION, ids=lambda address: address.name)


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    """Hundreds of people are made here, and nobody signs in with a password."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def values(acme, checkout, alice, ada, now) -> dict[str, Any]:
    """What exists in Acme, by the name that addresses give it. Mallory may guess all of it."""
    connection = Connection.objects.create(organization=acme, base_url="https://sentry.example")
    mapping = ProjectMapping.objects.create(connection=connection, project_slug="backend", service=checkout)
    invitation = Invitation.objects.create(
        organization=acme, email="new@example.com", token_hash="x", invited_by=alice, expires_at=now
    )
    Incident.objects.create(
        organization=acme, number=1, service=checkout, title="Down", started_at=now, status_as_of=now
    )
    delivery = Delivery.objects.create(
        organization_id=acme.pk, received_at=now, due_at=now, headers={}, body=b"", body_size=0
    )
    return {
        "organization": acme.slug,
        "service": checkout.pk,
        "member": Membership.objects.of(acme).get(user=ada).pk,
        "invitation": invitation.pk,
        "number": 1,
        "connection": connection.pk,
        "mapping": mapping.pk,
        "delivery": delivery.pk,
    }


def _url(address: Address, values: dict[str, Any]) -> str:
    unknown = set(address.arguments) - set(values)
    assert not unknown, (
        f"{address.route} takes {', '.join(sorted(unknown))}, of which this test knows no example in Acme. "
        "Add one to the fixture `values`, so that Mallory can try it."
    )
    assert address.name, f"{address.route} has no name to reverse it by."
    return reverse(address.name, kwargs={name: values[name] for name in address.arguments})


def _answers(client: Client, url: str) -> list[Any]:
    """Return what comes of the methods that this address takes: 405 says nothing of what exists behind it."""
    return [
        answer
        for answer in (client.get(url), client.post(url))
        if answer.status_code != HTTPStatus.METHOD_NOT_ALLOWED
    ]


@of_an_organization
def test_to_a_stranger_nothing_of_an_organization_exists(address, values, as_mallory):
    answers = _answers(as_mallory, _url(address, values))

    assert {answer.status_code for answer in answers} == {404}


@of_an_organization
def test_an_organization_that_does_not_exist_looks_the_same(address, values, as_mallory):
    answers = _answers(as_mallory, _url(address, values | {"organization": "no-such"}))

    assert {answer.status_code for answer in answers} == {404}


@of_an_organization
def test_a_visitor_is_asked_to_sign_in(address, values, client):
    answers = _answers(client, _url(address, values))

    assert {answer.url.partition("?")[0] for answer in answers} == {reverse("account_login")}


@of_an_organization
def test_every_view_of_an_organization_is_behind_the_door(address):
    assert any(getattr(layer, "is_behind_the_door", False) for layer in _layers(address.view)), (
        f"{address.route} is not decorated with @access.for_members or @access.for_admins"
    )


def _layers(view: Any) -> Iterator[Any]:
    while view is not None:
        yield view
        view = view.func if isinstance(view, partial) else getattr(view, "__wrapped__", None)


@pytest.mark.parametrize("address", NAMING_A_ROW, ids=lambda address: address.name)
def test_ids_of_another_organization_name_nothing_in_ones_own(address, values, as_mallory):
    """Mallory owns Malice Inc, so that here only the query stands between her and Acme's rows."""
    answers = _answers(as_mallory, _url(address, values | {"organization": "malice-inc"}))

    assert {answer.status_code for answer in answers} == {404}


@pytest.mark.parametrize("address", ASKING_TO_SIGN_IN, ids=lambda address: address.key)
def test_what_is_outside_an_organization_asks_to_sign_in_unless_it_is_listed_as_public(address, client, db):
    answers = _answers(client, _url(address, dict.fromkeys(address.arguments, NO_ROW)))

    assert {answer.url.partition("?")[0] for answer in answers} == {reverse("account_login")}


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_the_list_of_public_addresses_is_not_longer_than_what_exists(name):
    assert name in {address.key for address in OUTSIDE}


@pytest.mark.parametrize("path", ["", "accounts/user/", "organizations/organization/", "catalog/service/"])
def test_only_operators_see_the_operators_pages(path, as_alice, alice, client):
    assert client.get(f"/operator/{path}").url.startswith("/operator/login/")
    assert as_alice.get(f"/operator/{path}", follow=True).status_code == 403
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    assert as_alice.get(f"/operator/{path}").status_code == 200


# Where tenant data is read for a page or an answer.
READERS = sorted(
    path
    for path in (ROOT / "blametrail").rglob("*.py")
    if re.search(r"(views|pages|api|queries|forms)$", path.stem if path.parent.stem != "views" else "views")
    and "web" not in path.parts
)


@pytest.mark.parametrize("path", READERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_query_through_the_one_door(path):
    """A line that does not says ``# tenancy: reason`` on it or directly above."""
    lines = path.read_text().splitlines()
    at_fault = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for number, line in enumerate(lines, start=1)
        if re.search(r"\.objects\.(?!of\(|none\()", line)
        and "# tenancy: " not in line
        and "# tenancy: " not in lines[number - 2]
    ]

    assert not at_fault
