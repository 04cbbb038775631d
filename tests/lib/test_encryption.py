import pytest

from blametrail.lib import encryption
from blametrail.lib.encryption import (
    Key,
    MalformedKey,
    NotSealed,
    UnknownKey,
    Vault,
    WrongKey,
    WrongPlace,
    header_of,
    parse_key,
    place,
)

OLD = Key("old", b"o" * 32)
NEW = Key("new", b"n" * 32)
HERE = place("Connection", "access_token_sealed", 1)


@pytest.fixture
def vault():
    return Vault([OLD])


def test_the_first_key_seals_and_all_open(vault):
    sealed = vault.seal(b"secret", belongs_to=HERE)
    rotated = Vault([NEW, OLD])

    assert rotated.open(sealed, belongs_to=HERE) == b"secret"
    assert header_of(rotated.seal(b"secret", belongs_to=HERE))[0] == "new"


def test_a_sealed_value_has_exactly_the_format_that_is_written_down(vault):
    sealed = vault.seal(b"secret", belongs_to=HERE)

    assert sealed[:8] == b"old\0" + bytes.fromhex("573f2456")  # as openssl computes HMAC-SHA256(key, "check")
    assert len(sealed) == len("old\0") + 4 + 12 + len("secret") + 16
    assert vault.current_header == sealed[:8]


def test_the_same_value_is_never_sealed_the_same_way(vault):
    assert vault.seal(b"secret", belongs_to=HERE) != vault.seal(b"secret", belongs_to=HERE)


@pytest.mark.parametrize(
    "elsewhere",
    [
        place("Connection", "access_token_sealed", 2),
        place("Connection", "refresh_token_sealed", 1),
        place("SentryApp", "access_token_sealed", 1),
    ],
)
def test_a_value_copied_to_another_row_field_or_table_does_not_open(vault, elsewhere):
    with pytest.raises(WrongPlace):
        vault.open(vault.seal(b"secret", belongs_to=HERE), belongs_to=elsewhere)


def test_a_value_changed_anywhere_does_not_open(vault):
    sealed = vault.seal(b"secret", belongs_to=HERE)

    for position in range(len(sealed)):
        with pytest.raises(encryption.CannotOpen):
            vault.open(sealed[:position] + bytes([sealed[position] ^ 1]) + sealed[position + 1 :], belongs_to=HERE)


def test_a_missing_key_is_named(vault):
    with pytest.raises(UnknownKey, match="The key named old is missing here") as said:
        Vault([NEW]).open(vault.seal(b"secret", belongs_to=HERE), belongs_to=HERE)
    assert not isinstance(said.value, WrongKey)


def test_another_key_of_the_same_name_is_told_from_a_damaged_value(vault):
    impostor = Vault([Key("old", b"x" * 32)])

    with pytest.raises(WrongKey, match="The key named old here is not the key this was encrypted with"):
        impostor.open(vault.seal(b"secret", belongs_to=HERE), belongs_to=HERE)


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"a-token-in-clear", b"name\0too short", "näme\0".encode() + b"x" * 40]
)
def test_what_was_never_sealed_is_refused_without_telling_what_it_is(vault, content):
    with pytest.raises(NotSealed) as said:
        vault.open(content, belongs_to=HERE)
    assert "token" not in str(said.value)


def test_a_key_is_shown_without_its_secret():
    assert repr(Key("k", b"very secret")) == "Key('k')"


@pytest.mark.parametrize(
    "written", ["", "k", "k:", "k:c2hvcnQ=", "k k:" + "A" * 44, "k:" + "A" * 45, "x" * 17 + ":" + "A" * 43 + "="]
)
def test_a_malformed_key_is_refused(written):
    with pytest.raises(MalformedKey, match="NAME:BASE64"):
        parse_key(written)
