"""A process that claims all there is and prints it: ``python -m tests.intake.claim_all NOW``."""

import sys
from datetime import datetime, timedelta

import django

django.setup()

from blametrail.intake import deliveries  # noqa: E402 -- imports models

now = datetime.fromisoformat(sys.argv[1])
while batch := deliveries.claim(limit=7, now=now, lasts=timedelta(minutes=1)):
    for delivery in batch:
        print(delivery.pk)
