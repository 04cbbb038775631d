import pytest
from allauth.mfa.models import Authenticator
from django.urls import reverse

from blametrail.accounts.models import User
from blametrail.organizations.models import AuditEntry, Invitation

LISTS = [
    "accounts_user",
    "account_emailaddress",
    "mfa_authenticator",
    "organizations_organization",
    "organizations_invitation",
    "organizations_auditentry",
    "catalog_service",
]


@pytest.fixture
def as_operator(as_alice, alice):
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    return as_alice


@pytest.mark.parametrize("name", LISTS)
def test_every_list_opens_and_can_be_searched(as_operator, name):
    address = reverse(f"admin:{name}_changelist")

    assert as_operator.get(address).status_code == 200
    assert as_operator.get(address, {"q": "acme"}).status_code == 200


def test_an_operator_deactivates_a_person(as_operator, bob, as_bob, acme):
    as_operator.post(reverse("admin:accounts_user_change", args=[bob.pk]), {"name": "Bob"})

    assert not User.objects.get(pk=bob.pk).is_active
    assert as_bob.get("/o/acme/settings/").status_code == 302


@pytest.mark.parametrize("change", ["accounts_user_add", "accounts_user_delete", "organizations_organization_add"])
def test_what_would_break_a_rule_cannot_be_done_there(as_operator, bob, change):
    arguments = [bob.pk] if change.endswith("delete") else []

    assert as_operator.get(reverse(f"admin:{change}", args=arguments)).status_code == 403


def test_the_address_of_a_person_is_not_changed_behind_their_back(as_operator, bob):
    as_operator.post(reverse("admin:accounts_user_change", args=[bob.pk]), {"name": "Bob", "email": "x@example.com"})

    assert User.objects.get(pk=bob.pk).email == "bob@example.com"


def test_a_second_factor_is_removed_without_being_seen(as_operator, bob):
    factor = Authenticator.objects.create(user=bob, type="totp", data={"secret": "JBSWY3DP"})
    address = reverse("admin:mfa_authenticator_change", args=[factor.pk])

    assert "JBSWY3DP" not in as_operator.get(address).text
    as_operator.post(reverse("admin:mfa_authenticator_delete", args=[factor.pk]), {"post": "yes"})
    assert not Authenticator.objects.exists()


def test_what_an_invitation_is_opened_with_is_not_shown(as_operator, acme, now):
    invitation = Invitation.objects.create(
        organization=acme, email="x@example.com", token_hash="f00d", expires_at=now
    )

    assert "f00d" not in as_operator.get(reverse("admin:organizations_invitation_change", args=[invitation.pk])).text


def test_the_audit_log_cannot_be_rewritten(as_operator, acme):
    entry = AuditEntry.objects.create(organization=acme, verb="member.left", subject="Bob")

    as_operator.post(reverse("admin:organizations_auditentry_change", args=[entry.pk]), {"subject": "Nobody"})

    assert AuditEntry.objects.get().subject == "Bob"
