"""Secrets at rest: AES-256-GCM, bound to the row they belong to, under keys that can be rotated."""

import base64
import binascii
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32  # AES-256
NAME_LENGTH = 16  # a key's name stands in clear before each sealed value
CHECK_BYTES = 4  # tells a key from another of the same name, and tells of the key no more than that
NONCE_BYTES = 12  # NIST SP 800-38D, section 8.2: 96 bits, random
TAG_BYTES = 16


class MalformedKey(ValueError):
    """An encryption key must be written NAME:BASE64, with 32 bytes behind the colon."""


class CannotOpen(Exception):
    """This value cannot be decrypted here."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.__doc__)


class UnknownKey(CannotOpen):
    """This value was encrypted under a key that is not configured here. Add that key; the value is intact."""

    _message = "The key named {name} is missing here. Add it to BLAMETRAIL_ENCRYPTION_KEYS; the value is intact."

    def __init__(self, name: str) -> None:
        super().__init__(self._message.format(name=name))
        self.name = name


class WrongKey(UnknownKey):
    """The key of this name is not the one that this value was encrypted under. Put that one back."""

    _message = (
        "The key named {name} here is not the key this was encrypted with."
        " Put that one back into BLAMETRAIL_ENCRYPTION_KEYS; the value is intact."
    )


class WrongPlace(CannotOpen):
    """This ciphertext does not belong to this row and field, or was changed. The key is the right one."""


class NotSealed(WrongPlace):
    """This is not an encrypted value: its beginning names no key."""


@dataclass(frozen=True)
class Key:
    name: str
    secret: bytes

    def __repr__(self) -> str:  # a key must never reach a log line
        return f"Key({self.name!r})"

    @property
    def header(self) -> bytes:
        """What each value sealed under this key, and no other value, begins with."""
        check = hmac.digest(self.secret, b"check", "sha256")[:CHECK_BYTES]
        return self.name.encode() + b"\0" + check


def parse_key(written: str) -> Key:
    """Return the key written as ``NAME:BASE64``. Raises MalformedKey."""
    name, colon, encoded = written.strip().partition(":")
    try:
        secret = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        secret = b""
    if not (colon and name.isalnum() and name.isascii() and len(name) <= NAME_LENGTH and len(secret) == KEY_BYTES):
        raise MalformedKey(MalformedKey.__doc__)
    return Key(name, secret)


def generate_key(name: str) -> str:
    """Return a fresh random key in its written form."""
    return f"{name}:{base64.b64encode(os.urandom(KEY_BYTES)).decode()}"


def place(table: str, field: str, row: object) -> str:
    """Return what a value in this field of this row is bound to."""
    return f"{table}.{field}:{row}"


def header_of(sealed: bytes) -> tuple[str, bytes]:
    """Return the name of the key that this was sealed under, and the header itself. Raises NotSealed.

    What is no sealed value may be a secret in clear: nothing of it is told.
    """
    name, zero, _ = sealed[: NAME_LENGTH + 1].partition(b"\0")
    header = sealed[: len(name) + 1 + CHECK_BYTES]
    if not (zero and name.isalnum() and name.isascii() and len(sealed) >= len(header) + NONCE_BYTES + TAG_BYTES):
        raise NotSealed
    return name.decode("ascii"), header


class Vault:
    """Encrypt under the first key; decrypt under any.

    A sealed value is ``name || 0x00 || check || nonce || ciphertext || tag``: the key's name (1 to 16 ASCII letters
    and digits), the first 4 bytes of HMAC-SHA256(key, "check"), 12 random bytes, and what AES-256-GCM makes of it.
    A future format would begin with a byte that no name can have. What the value is bound to (``belongs_to``) is
    authenticated but not stored, so a value copied to another row, field or tenant does not decrypt.
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        self._current = keys[0]
        self._keys = {key.name: (key.header, AESGCM(key.secret)) for key in keys}

    @property
    def current_key_name(self) -> str:
        return self._current.name

    @property
    def current_header(self) -> bytes:
        """What a value begins with exactly if it is sealed under the current key."""
        return self._current.header

    def seal(self, plain: bytes, *, belongs_to: str) -> bytes:
        """Return ``plain`` encrypted under the current key and bound to ``belongs_to``."""
        header, cipher = self._keys[self._current.name]
        nonce = os.urandom(NONCE_BYTES)
        return header + nonce + cipher.encrypt(nonce, plain, belongs_to.encode())

    def open(self, sealed: bytes, *, belongs_to: str) -> bytes:
        """Return what ``seal`` was given. Raises UnknownKey, WrongKey, WrongPlace or NotSealed."""
        name, header = header_of(sealed)
        if name not in self._keys:
            raise UnknownKey(name)
        expected, cipher = self._keys[name]
        if header != expected:
            raise WrongKey(name)
        nonce_and_rest = sealed[len(header) :]
        try:
            return cipher.decrypt(nonce_and_rest[:NONCE_BYTES], nonce_and_rest[NONCE_BYTES:], belongs_to.encode())
        except InvalidTag:
            raise WrongPlace from None
