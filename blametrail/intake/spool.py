"""A folder of append-only files for what the database cannot take now: durable at once, drained later."""

import fcntl
import mmap
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import structlog

from blametrail.intake import records
from blametrail.lib.ids import new_id

log = structlog.get_logger()

SUFFIX = ".spool"
SET_ASIDE = "set-aside"
SEGMENT_BYTES = 16 * 1024 * 1024  # then the next file, so that what is drained is given back bit by bit
CHUNK_BYTES = 2 * 1024 * 1024
CHUNK_RECORDS = 100

Insert = Callable[[Sequence[bytes]], Sequence[bytes]]


class Full(Exception):
    """The spool has reached its bound."""


class _Segment:
    """One file. Who has it open holds its lock, which ends with the process: what is not locked is nobody's."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self.size = os.fstat(descriptor).st_size
        self.drained = 0

    @classmethod
    def create(cls, folder: Path) -> "_Segment":
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{new_id()}{SUFFIX}"  # in the order of their creation
        # Locked under another name first, or a drainer could find it in between.
        hidden = path.with_suffix(".new")
        segment = cls(path, os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600))
        fcntl.flock(segment.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        hidden.rename(path)
        _sync_folder(folder)
        return segment

    @classmethod
    def take(cls, path: Path) -> "_Segment | None":
        """Return the file at ``path`` if its process is gone and nobody else drains it."""
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_ino == path.stat().st_ino:
                return cls(path, descriptor)
        except (BlockingIOError, FileNotFoundError):
            pass
        os.close(descriptor)
        return None

    def append(self, content: bytes) -> None:
        """Write ``content`` and sync it, or leave the file as it was."""
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(self.descriptor, view) :]
            os.fdatasync(self.descriptor)
        except OSError:
            os.ftruncate(self.descriptor, self.size)
            raise
        self.size += len(content)

    def pieces(self) -> Iterator[records.Piece]:
        if self.size <= self.drained:
            return
        with mmap.mmap(self.descriptor, self.size, access=mmap.ACCESS_READ) as data:
            yield from records.pieces(data, self.drained)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        os.close(self.descriptor)


class Spool:
    """The spool in ``folder``, of which all processes of this machine together fill ``max_bytes`` at most.

    Appending and draining may happen in different threads; each of the two in one at a time.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._active: _Segment | None = None
        self._taken: dict[Path, _Segment] = {}  # being drained, and locked meanwhile

    def append(self, contents: Sequence[bytes]) -> None:
        """Keep all of ``contents``, durably, in one write; or none of it. Raises Full and OSError."""
        framed = b"".join(map(records.frame, contents))
        with self._lock:
            if self.size() + len(framed) > self._max_bytes:
                raise Full(Full.__doc__)
            if self._active is None:
                self._active = _Segment.create(self._folder)
            try:
                self._active.append(framed)
            except OSError:
                self._retire()  # a file that could not be synced is not trusted with more
                raise
            if self._active.size >= SEGMENT_BYTES:
                self._retire()

    def size(self) -> int:
        """Return how many bytes wait in the folder, of whatever process; without what was set aside."""
        return sum(path.stat().st_size for path in self._paths() if path.exists())

    def drain_some(self, insert: Insert) -> bool:
        """Hand the next records to ``insert`` and forget them once it returned; tell whether there were any.

        ``insert`` returns those which can never be inserted, which are set aside. What it raises is raised here, and
        the same records are handed to it again the next time.
        """
        segment = self._next()
        if segment is None:
            return False
        whole, damaged, end = _chunk(segment.pieces())
        for content in insert(whole) if whole else ():
            self._set_aside(segment, content, reason="The database refuses this delivery.")
        for content in damaged:
            self._set_aside(segment, content, reason="This record is damaged.")
        segment.drained = end or segment.size
        if segment.drained >= segment.size:
            del self._taken[segment.path]
            segment.remove()
        return True

    def close(self) -> None:
        """Leave what is not drained to whoever comes next."""
        with self._lock:
            self._retire()
        while self._taken:
            self._taken.popitem()[1].close()

    def _next(self) -> _Segment | None:
        with self._lock:
            paths = sorted({*self._paths(), *self._taken})
        for path in paths:
            with self._lock:
                if self._active is not None and self._active.path == path:
                    self._retire()
            segment = self._taken.get(path) or _Segment.take(path)
            if segment is not None:
                self._taken[path] = segment
                return segment
        return None

    def _retire(self) -> None:
        if self._active is not None:
            self._taken[self._active.path] = self._active
            self._active = None

    def _paths(self) -> list[Path]:
        return list(self._folder.glob(f"*{SUFFIX}"))

    def _set_aside(self, segment: _Segment, content: bytes, *, reason: str) -> None:
        folder = self._folder / SET_ASIDE
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / f"{new_id()}.record"
        with path.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        log.error("spool.set_aside", reason=reason, segment=segment.path.name, kept_in=str(path), bytes=len(content))


def _chunk(pieces: Iterator[records.Piece]) -> tuple[list[bytes], list[bytes], int]:
    whole: list[bytes] = []
    damaged: list[bytes] = []
    size, end = 0, 0
    for piece in pieces:
        (whole if piece.is_whole else damaged).append(piece.content)
        size, end = size + len(piece.content), piece.end
        if len(whole) >= CHUNK_RECORDS or size >= CHUNK_BYTES:
            break
    return whole, damaged, end


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
