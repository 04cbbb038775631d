"""Print how often each id of a file is stored, by how often: ``python -m bench.stored FILE``."""

import json
import sys
from collections import Counter
from pathlib import Path

import django

django.setup()

from blametrail.intake.models import Delivery  # noqa: E402 -- models need Django to be set up

stored = Counter(headers["request-id"] for headers in Delivery.objects.values_list("headers", flat=True).iterator())
print(json.dumps(Counter(stored[id_] for id_ in Path(sys.argv[1]).read_text().split())))
