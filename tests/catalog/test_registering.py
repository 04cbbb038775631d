import pytest

from blametrail.catalog import registering
from blametrail.catalog.models import Service
from blametrail.organizations.models import AuditEntry

CHECKOUT = {"name": "checkout", "environment": "production", "type": "api", "url": "", "repository": "acme/checkout"}


def test_a_service_belongs_to_the_organization_it_was_added_in(admin, acme):
    service = registering.add(admin, **CHECKOUT)

    assert service.organization == acme
    assert AuditEntry.objects.of(acme).get().subject == "checkout (production)"


def test_a_name_is_used_once_in_each_environment(admin):
    registering.add(admin, **CHECKOUT)
    registering.add(admin, **CHECKOUT | {"environment": "staging"})

    with pytest.raises(registering.NameTaken):
        registering.add(admin, **CHECKOUT)


def test_a_change_says_what_was_before(admin, acme, checkout):
    registering.change(admin, checkout, **CHECKOUT | {"type": "web"})

    checkout.refresh_from_db()
    assert checkout.type == "web"
    assert AuditEntry.objects.of(acme).get().detail == "type: api → web\nrepository: empty → acme/checkout"


def test_saving_without_a_change_writes_nothing_down(admin, acme, checkout):
    registering.change(admin, checkout, **CHECKOUT | {"repository": ""})

    assert not AuditEntry.objects.of(acme).exists()


def test_a_change_to_a_taken_name_is_refused(admin, checkout):
    other = registering.add(admin, **CHECKOUT | {"name": "cart"})

    with pytest.raises(registering.NameTaken):
        registering.change(admin, other, **CHECKOUT)

    assert Service.objects.filter(name="cart").exists()
