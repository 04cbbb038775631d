"""Single values out of someone else's JSON, made fit to be stored. Pure and total: nothing here raises."""

from datetime import UTC, datetime
from uuid import UUID

LARGEST = 2_147_483_647  # PostgreSQL's integer; SQLite would take more
ID_LENGTH = 40
_EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)


def text(value: object, *, limit: int) -> str:
    """Return a string that both databases store, cut to ``limit``; empty for anything that is not one value."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    try:
        written = str(value)
    except ValueError:  # more digits than Python writes out
        return ""
    # PostgreSQL refuses the NUL character, and nothing encodes half a surrogate pair.
    return written[: 4 * limit].replace("\0", "").encode(errors="replace").decode()[:limit]


def identifier(value: object) -> str:
    """Return an id, which Sentry writes as a number here and as a string there; empty if it cannot be one."""
    written = text(value, limit=ID_LENGTH + 1).strip()
    return written if len(written) <= ID_LENGTH and written.isprintable() else ""


def number(value: object) -> int:
    """Return a count between zero and the largest that is stored."""
    try:
        return min(max(int(value), 0), LARGEST) if isinstance(value, str | int | float) else 0
    except (ValueError, OverflowError):
        return 0


def moment(value: object) -> datetime | None:
    """Return an aware moment from ISO 8601 with any offset, or from seconds since 1970; None if it is neither."""
    try:
        if isinstance(value, str) and not value.strip().replace(".", "", 1).isdigit():
            read = datetime.fromisoformat(value.strip())
            read = read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            read = datetime.fromtimestamp(float(value), tz=UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return read if read >= _EARLIEST else None


def uuid(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
