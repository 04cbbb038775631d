"""Every place in the database where something is sealed."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from allauth.mfa.models import Authenticator
from django.db import connection
from django.db.models import BinaryField, Field, Model, QuerySet, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, Length, Substr

from blametrail.accounts import adapter
from blametrail.intake.models import Delivery
from blametrail.integrations.sentry.models import Connection, SentryApp, UnclaimedInstallation
from blametrail.lib import encryption

MOST_ROWS = 200  # some milliseconds for each transaction: nothing else waits long for the database
SMALL = 500  # bytes, about
MOST_BYTES = 4 * 1024 * 1024  # of sealed values in memory at once, unless a single one has more

# Takes a sealed value and what it is bound to, and returns what is to be kept in its stead.
Change = Callable[[bytes, str], bytes]
Rows = QuerySet[Any, Any]


@dataclass(frozen=True)
class Row:
    """What one row stores: a sealed value, or something that contains sealed values. ``owner`` is what binds it."""

    id: Any
    owner: Any
    stored: Any


class Place(ABC):
    """A column that holds sealed values."""

    name: str
    model: type[Model]
    field: str
    owner: str

    @abstractmethod
    def filled(self) -> Rows:
        """Return the rows in which something is sealed, each with its ``size`` in bytes."""

    @abstractmethod
    def under_another_key(self, header: bytes) -> Rows:
        """Return the filled rows whose sealed value does not begin with ``header``."""

    @abstractmethod
    def changed(self, row: Row, change: Change) -> Any:
        """Return what the row stores, with the sealed value in it changed."""

    def replace(self, resealed: Sequence[tuple[Row, Any]]) -> int:
        """Store what is given with each row, unless the row was changed since it was read; return how many were not.

        In SQL, since with Django's own updates the transaction takes two (PostgreSQL) to five (SQLite) times as long.
        """
        key = self.model._meta.pk  # noqa: SLF001 -- Django's documented way
        field = cast("Field[Any, Any]", self.model._meta.get_field(self.field))  # noqa: SLF001 -- the same
        changes: list[tuple[Any, Any, Any]] = [
            (_prepared(field, new), _prepared(key, row.id), _prepared(field, row.stored)) for row, new in resealed
        ]
        if not changes:
            return 0
        names = self.model._meta.db_table, field.attname, key.attname  # noqa: SLF001 -- Django's documented way
        table, sealed, id_ = map(connection.ops.quote_name, names)
        with connection.cursor() as cursor:
            cursor.executemany(f"UPDATE {table} SET {sealed} = %s WHERE {id_} = %s AND {sealed} = %s", changes)  # noqa: S608 -- names of our own columns
            replaced: int = cursor.rowcount
        return replaced

    def lock(self, rows: list[Row]) -> set[Any]:
        """Return the ids of those rows that no other transaction holds, and hold these.

        We never wait for a row while we hold others, so that nobody's transaction can be in a deadlock with ours. On
        SQLite there is one writer at a time, and Django leaves the clause out.
        """
        free = self._all().filter(pk__in=[row.id for row in rows])
        return set(free.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True))

    def _all(self) -> Rows:
        return self.model._base_manager.all()  # noqa: SLF001 -- the manager to show leaves some rows out


@dataclass(frozen=True)
class Column(Place):
    """Bytes, each value bound to its row and field."""

    name: str
    model: type[Model]
    field: str
    owner: str = "pk"

    def filled(self) -> Rows:
        rows: Rows = self._all().annotate(size=Length(self.field)).filter(size__gt=0)
        return rows

    def under_another_key(self, header: bytes) -> Rows:
        begins = Substr(self.field, 1, len(header), output_field=BinaryField())
        rows: Rows = self.filled().annotate(begins=begins).exclude(begins=header)
        return rows

    def changed(self, row: Row, change: Change) -> bytes:
        return change(bytes(row.stored), encryption.place(self.model.__name__, self.field, row.owner))


class SecondFactors(Place):
    """allauth's JSON, with the secret of an authenticator app or the seed of recovery codes, sealed, in hex."""

    name = "Second factors"
    model = Authenticator
    field = "data"
    owner = "user_id"
    _inner = ("secret", "seed")

    def filled(self) -> Rows:
        rows: Rows = self._all().filter(data__has_any_keys=self._inner).annotate(size=Value(SMALL))
        return rows

    def under_another_key(self, header: bytes) -> Rows:
        begins = Substr(Coalesce(*(KT(f"data__{inner}") for inner in self._inner)), 1, 2 * len(header))
        rows: Rows = self.filled().annotate(begins=begins).exclude(begins=header.hex())
        return rows

    def changed(self, row: Row, change: Change) -> dict[str, Any]:
        inner = next(name for name in self._inner if name in row.stored)
        try:
            sealed = bytes.fromhex(row.stored[inner])
        except ValueError:
            raise encryption.NotSealed from None
        return {**row.stored, inner: change(sealed, adapter.place_of_second_factor(row.owner)).hex()}


def _prepared(field: "Field[Any, Any]", value: object) -> object:
    return field.get_db_prep_value(value, connection)


# tests/keys/test_places.py looks for columns that are missing here.
PLACES: tuple[Place, ...] = (
    Column("Client secrets of Sentry apps", SentryApp, "client_secret_sealed"),
    Column("Their client secrets before", SentryApp, "previous_client_secret_sealed"),
    Column("Access tokens", Connection, "access_token_sealed"),
    Column("Refresh tokens", Connection, "refresh_token_sealed"),
    Column("Client secrets of internal integrations", Connection, "client_secret_sealed"),
    Column("Codes of unclaimed installations", UnclaimedInstallation, "code_sealed"),
    SecondFactors(),
    Column("Webhook bodies", Delivery, "body"),
)


def newest(place: Place, *, limit: int) -> list[Row]:
    return _read(place, place.filled().order_by("-pk")[:limit])


def oldest(place: Place, *, limit: int) -> list[Row]:
    return _read(place, place.filled().order_by("pk")[:limit])


def batches(place: Place, rows: Rows) -> Iterator[list[Row]]:
    """Read the rows of a place once through, in the order of their ids, never many bytes at once."""
    after = None
    while sizes := _sizes(rows, after):
        ids = _fitting(sizes)
        after = ids[-1]
        yield _read(place, rows.filter(pk__in=ids).order_by("pk"))


def _read(place: Place, rows: Rows) -> list[Row]:
    return [Row(*values) for values in rows.values_list("pk", place.owner, place.field)]


def _sizes(rows: Rows, after: Any) -> list[tuple[Any, int]]:
    further = rows if after is None else rows.filter(pk__gt=after)
    return list(further.order_by("pk").values_list("pk", "size")[:MOST_ROWS])


def _fitting(sizes: list[tuple[Any, int]]) -> list[Any]:
    """Return the first ids whose values fit into memory together, at least one."""
    total = 0
    fitting: list[Any] = []
    for id_, size in sizes:
        total += size
        if fitting and total > MOST_BYTES:
            break
        fitting.append(id_)
    return fitting
