import pytest

from blametrail.catalog import archiving, registering, uses
from blametrail.catalog.models import Service
from blametrail.organizations.models import AuditEntry

ACTIVE = uses.Use("the mapping of acme/backend", prevents_archiving=True)
HISTORY = uses.Use("12 incidents", prevents_archiving=False)


def test_an_unused_service_is_archived(admin, acme, checkout, now):
    archiving.archive(admin, checkout, now=now)

    assert not Service.objects.of(acme).active().exists()
    assert AuditEntry.objects.of(acme).get().verb == "service.archived"


def test_history_does_not_prevent_archiving(admin, acme, checkout, now, in_use):
    in_use.append(HISTORY)

    archiving.archive(admin, checkout, now=now)

    assert not Service.objects.of(acme).active().exists()


def test_what_still_feeds_a_service_prevents_archiving_and_is_named(admin, acme, checkout, now, in_use):
    in_use += [ACTIVE, HISTORY]

    with pytest.raises(archiving.StillInUse, match="the mapping of acme/backend") as refusal:
        archiving.archive(admin, checkout, now=now)

    assert refusal.value.uses == [ACTIVE]
    assert Service.objects.of(acme).active().exists()


def test_archiving_twice_is_told_once(admin, acme, checkout, now):
    archiving.archive(admin, checkout, now=now)
    archiving.archive(admin, checkout, now=now)

    assert AuditEntry.objects.of(acme).count() == 1


def test_a_restored_service_is_in_use_again(admin, acme, checkout, now):
    archiving.archive(admin, checkout, now=now)

    archiving.restore(admin, checkout)

    assert Service.objects.of(acme).active().get() == checkout
    assert AuditEntry.objects.of(acme).filter(verb="service.restored").exists()


def test_an_archived_service_makes_way_for_another_of_its_name_and_then_stays_away(admin, acme, checkout, now):
    archiving.archive(admin, checkout, now=now)
    registering.add(admin, name="checkout", environment="production", type="web", url="", repository="")

    with pytest.raises(registering.NameTaken):
        archiving.restore(admin, checkout)

    assert Service.objects.of(acme).active().get().type == "web"
