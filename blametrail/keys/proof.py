"""Prove that what is sealed opens, and say under which keys it is."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from blametrail.keys.places import PLACES, Place, Row, batches, newest
from blametrail.lib import encryption
from blametrail.lib.encryption import CannotOpen, Vault, WrongPlace


@dataclass
class Proof:
    """What was found: how many values are ``under`` a key's name, and how many are ``unreadable`` for what reason."""

    under: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)

    def is_clean(self, vault: Vault) -> bool:
        """Test whether everything opens, and under the current key."""
        return not self.unreadable and set(self.under) <= {vault.current_key_name}


def verify(place: Place, vault: Vault) -> Iterator[Proof]:
    """Open everything in this place, telling what was found so far after each batch, and once at the end."""
    proof = Proof()
    for batch in batches(place, place.filled()):
        examine(place, batch, vault, proof)
        yield proof
    yield proof


def examine(place: Place, rows: Iterable[Row], vault: Vault, proof: Proof) -> None:
    """Open what these rows store and add what was found to the proof."""

    def open_and_count(sealed: bytes, bound_to: str) -> bytes:
        name, _ = encryption.header_of(sealed)
        proof.under[name] += 1
        vault.open(sealed, belongs_to=bound_to)
        return sealed

    for row in rows:
        try:
            place.changed(row, open_and_count)
        except CannotOpen as reason:
            proof.unreadable[str(reason)] += 1


def require_keys(vault: Vault) -> None:
    """Open the newest value of the first place that has one. Raises UnknownKey or WrongKey.

    A value that was damaged is no reason to raise: the keys are the right ones.
    """
    for place in PLACES:
        for row in newest(place, limit=1):
            with suppress(WrongPlace):
                place.changed(row, lambda sealed, bound_to: vault.open(sealed, belongs_to=bound_to))
            return
