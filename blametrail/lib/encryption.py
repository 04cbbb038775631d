"""Secrets at rest: AES-256-GCM, bound to the row they belong to, under keys that can be rotated."""

import base64
import binascii
import os
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32  # AES-256
NAME_LENGTH = 16  # a key's name stands in clear before each sealed value
NONCE_BYTES = 12  # NIST SP 800-38D, section 8.2: 96 bits, random


class MalformedKey(ValueError):
    """An encryption key must be written NAME:BASE64, with 32 bytes behind the colon."""


class UnknownKey(Exception):
    """This value was encrypted under a key that is not configured here. Add that key; the value is intact."""


class WrongPlace(Exception):
    """This ciphertext does not belong to this row, or was changed, or its key's name now stands for another key."""


@dataclass(frozen=True)
class Key:
    name: str
    secret: bytes

    def __repr__(self) -> str:  # a key must never reach a log line
        return f"Key({self.name!r})"


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


class Vault:
    """Encrypt under the first key; decrypt under any.

    A sealed value is ``name || 0x00 || nonce || ciphertext and tag``. What it is bound to (``belongs_to``) is
    authenticated but not stored, so a value copied to another row or tenant does not decrypt.
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        self._current = keys[0]
        self._ciphers = {key.name: AESGCM(key.secret) for key in keys}

    @property
    def current_key_name(self) -> str:
        return self._current.name

    def seal(self, plain: bytes, *, belongs_to: str) -> bytes:
        """Return ``plain`` encrypted under the current key and bound to ``belongs_to``."""
        nonce = os.urandom(NONCE_BYTES)
        cipher = self._ciphers[self._current.name]
        sealed = cipher.encrypt(nonce, plain, belongs_to.encode())
        return self._current.name.encode() + b"\0" + nonce + sealed

    def open(self, sealed: bytes, *, belongs_to: str) -> bytes:
        """Return what ``seal`` was given. Raises UnknownKey or WrongPlace."""
        name, _, rest = bytes(sealed).partition(b"\0")
        cipher = self._ciphers.get(name.decode("ascii", "replace"))
        if cipher is None:
            raise UnknownKey(UnknownKey.__doc__)
        try:
            return cipher.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], belongs_to.encode())
        except InvalidTag:
            raise WrongPlace(WrongPlace.__doc__) from None
