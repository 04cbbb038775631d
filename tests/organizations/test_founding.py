import pytest

from blametrail.organizations import founding
from blametrail.organizations.models import AuditEntry, Membership, Organization, Role

PARTICULARS = {"name": "Rockets", "slug": "rockets", "timezone": "Europe/Berlin"}


def test_whoever_founds_an_organization_owns_it(alice):
    access = founding.found(alice, **PARTICULARS)

    assert access.role == Role.OWNER
    assert Membership.objects.of(access.organization).get().user == alice
    assert AuditEntry.objects.of(access.organization).get().verb == "organization.created"


def test_a_taken_slug_founds_nothing(acme, alice):
    with pytest.raises(founding.SlugTaken):
        founding.found(alice, **PARTICULARS | {"slug": "acme"})

    assert Organization.objects.count() == 1


def test_a_change_says_what_was_before(owner):
    changed = founding.change(owner, name="Acme Ltd", slug="acme", timezone="UTC")

    assert (changed.name, changed.slug, changed.timezone) == ("Acme Ltd", "acme", "UTC")
    entry = AuditEntry.objects.of(changed).get(verb="organization.changed")
    assert entry.detail == "name: Acme → Acme Ltd\ntimezone: Europe/Berlin → UTC"


def test_saving_without_a_change_writes_nothing_down(owner, acme):
    founding.change(owner, name=acme.name, slug=acme.slug, timezone=acme.timezone)

    assert not AuditEntry.objects.of(acme).exists()


def test_a_change_to_a_taken_slug_is_refused(owner, malice_inc):
    with pytest.raises(founding.SlugTaken):
        founding.change(owner, name="Acme", slug="malice-inc", timezone="UTC")

    owner.organization.refresh_from_db()
    assert owner.organization.slug == "acme"


def test_a_suggestion_avoids_what_exists(acme):
    assert founding.suggest_slug("Acme") == "acme-2"
