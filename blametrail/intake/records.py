"""How the spool writes on disk: records with a mark, a length and a checksum, found again behind any damage."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

MARK = b"\xb1\x7a\xa11\n"  # not valid UTF-8, so that it hardly stands in anything by chance
_HEAD = struct.Struct(">II")  # length and checksum of what follows
OVERHEAD = len(MARK) + _HEAD.size


@dataclass(frozen=True)
class Piece:
    """A part of a file: a record that is whole, or what is not one. ``end`` is where the next piece begins."""

    content: bytes
    is_whole: bool
    end: int


def frame(content: bytes) -> bytes:
    """Return ``content`` as a record."""
    return MARK + _HEAD.pack(len(content), zlib.crc32(content)) + content


def pieces(data: bytes | mmap, start: int = 0) -> Iterator[Piece]:
    """Return everything from ``start`` on, in order: nothing is left out, whatever is in there."""
    while start < len(data):
        piece = _record(data, start) or _damage(data, start)
        yield piece
        start = piece.end


def _record(data: bytes | mmap, start: int) -> Piece | None:
    begin = start + OVERHEAD
    if data[start : start + len(MARK)] != MARK or begin > len(data):
        return None
    length, checksum = _HEAD.unpack(data[start + len(MARK) : begin])
    content = bytes(data[begin : begin + length])
    if len(content) != length or zlib.crc32(content) != checksum:
        return None
    return Piece(content, is_whole=True, end=begin + length)


def _damage(data: bytes | mmap, start: int) -> Piece:
    end = data.find(MARK, start + 1)
    while end != -1 and _record(data, end) is None:
        end = data.find(MARK, end + 1)
    end = len(data) if end == -1 else end
    return Piece(bytes(data[start:end]), is_whole=False, end=end)
