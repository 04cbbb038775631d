"""Wait until nothing is pending, then tell how the ids of a file ended: ``python -m bench.processed FILE``."""

import json
import sys
import time
from collections import Counter
from pathlib import Path

import django

django.setup()

from blametrail.incidents.models import Incident, TimelineEntry  # noqa: E402 -- models need Django to be set up
from blametrail.intake.models import Delivery, Status  # noqa: E402

LONGEST = 300  # seconds

ends_at = time.monotonic() + LONGEST
while Delivery.objects.filter(status=Status.PENDING).exists() and time.monotonic() < ends_at:
    time.sleep(0.2)
wanted = set(Path(sys.argv[1]).read_text().split())
columns = Delivery.objects.values_list("headers", "received_at", "processed_at", "status", "outcome")
rows = [row for row in columns.iterator() if row[0]["request-id"] in wanted]
waits = sorted((row[2] - row[1]).total_seconds() for row in rows if row[2])
span = max(row[2] for row in rows if row[2]) - min(row[1] for row in rows)
print(
    json.dumps(
        {
            "stored": len(rows),
            "distinct": len({row[0]["request-id"] for row in rows}),
            "seconds": span.total_seconds(),
            "p50": waits[len(waits) // 2],
            "p95": waits[int(len(waits) * 0.95)],
            "ended": Counter(f"{row[3]} {row[4]}".strip() for row in rows),
            "incidents": Incident.objects.count(),
            "entries": TimelineEntry.objects.count(),
        }
    )
)
