"""Seal everything anew under the current key, while the product goes on working."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import connection, transaction

from blametrail.keys.places import Place, Row, batches
from blametrail.lib.encryption import CannotOpen, Vault

PASSES = 5  # what somebody held or changed in one pass is looked at again in the next
BETWEEN_PASSES = timedelta(seconds=0.5)  # transactions are over in moments


@dataclass
class Progress:
    """How far one place is. ``overtaken`` were changed or held by others; ``unreadable`` tells why, and how many."""

    to_do: int
    done: int = 0
    overtaken: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)

    @property
    def is_complete(self) -> bool:
        return not self.overtaken and not self.unreadable


def to_do(place: Place, vault: Vault) -> int:
    return place.under_another_key(vault.current_header).count()


def rotate(place: Place, vault: Vault) -> Iterator[Progress]:
    """Seal anew what is not under the current key, telling how far it is after each batch.

    Whoever stores something meanwhile wins: a value that was changed since it was read is left alone. May be stopped
    at any moment and run again, which goes on with what is left, and by several processes at once.
    """
    progress = Progress(to_do(place, vault))
    yield progress
    for _ in range(PASSES):
        progress.overtaken, progress.unreadable = 0, Counter()
        for batch in batches(place, place.under_another_key(vault.current_header)):
            yield _rotate_batch(place, batch, vault, progress)
        if not progress.overtaken:
            return
        _pause.wait(BETWEEN_PASSES.total_seconds())


def _rotate_batch(place: Place, batch: list[Row], vault: Vault, progress: Progress) -> Progress:
    resealed = []
    for row in batch:
        try:
            resealed.append((row, place.changed(row, lambda sealed, bound_to: _reseal(vault, sealed, bound_to))))
        except CannotOpen as reason:
            progress.unreadable[str(reason)] += 1
    begun = time.monotonic()
    done = _store(place, resealed)
    progress.done += done
    progress.overtaken += len(resealed) - done
    if connection.vendor == "sqlite":
        # It has one writer, and does not queue those who wait: leave them as much time as we took.
        _pause.wait(time.monotonic() - begun)
    return progress


# Never set: a wait on it is a pause that does not spin.
_pause = threading.Event()


def _reseal(vault: Vault, sealed: bytes, bound_to: str) -> bytes:
    return vault.seal(vault.open(sealed, belongs_to=bound_to), belongs_to=bound_to)


def _store(place: Place, resealed: list[tuple[Row, object]]) -> int:
    """Store what was not changed meanwhile; return how many that were."""
    with transaction.atomic():
        free = place.lock([row for row, _ in resealed])
        return place.replace([(row, stored) for row, stored in resealed if row.id in free])
