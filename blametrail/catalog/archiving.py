"""Take services out of use without losing what refers to them, and bring them back."""

from datetime import datetime

from django.db import IntegrityError, transaction

from blametrail.catalog import uses
from blametrail.catalog.models import Service
from blametrail.catalog.registering import NameTaken
from blametrail.organizations import audit
from blametrail.organizations.access import Access


class StillInUse(Exception):
    """Something would go on sending work to the service. ``uses`` says what."""

    def __init__(self, reasons: list[uses.Use]) -> None:
        super().__init__(f"Still in use by {', '.join(use.text for use in reasons)}.")
        self.uses = reasons


def archive(access: Access, service: Service, *, now: datetime) -> None:
    """Hide the service from lists and choices; incidents keep it. Raises StillInUse."""
    with transaction.atomic():
        held = Service.objects.of(access.organization).select_for_update().get(pk=service.pk)
        if held.archived_at:
            return
        reasons = [use for use in uses.of(held) if use.prevents_archiving]
        if reasons:
            raise StillInUse(reasons)
        Service.objects.of(access.organization).filter(pk=held.pk).update(archived_at=now)
        audit.record(access, "service.archived", str(held))


def restore(access: Access, service: Service) -> None:
    """Bring an archived service back. Raises NameTaken if another one carries its name by now."""
    archived = Service.objects.of(access.organization).filter(pk=service.pk).exclude(archived_at=None)
    try:
        with transaction.atomic():
            if archived.update(archived_at=None):
                audit.record(access, "service.restored", str(service))
    except IntegrityError:
        raise NameTaken(NameTaken.__doc__) from None
