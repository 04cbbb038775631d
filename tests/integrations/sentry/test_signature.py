import pytest

from blametrail.integrations.sentry import signature

SECRET = "blametrail-demo-client-secret"
AS_SENT = (
    rb'{"action":"created","installation":{"uuid":"0b7d2c55-8a4e-4a7b-9f0e-5d1f6a2c9e31"},"data":{"issue":{"id":"901",'
    rb'"title":"KeyError: '
    rb"'caf\u00e9' \ud83d\udd25"
    rb'"}},"actor":{"type":"application","id":"sentry","name":"Sentry"}}'
)
SIGNED = "4b49371f6eed127f4d521c9c577632e1c0eeeada703da5fc6c53f79a83dd83cc"
REWRITTEN = "0d99efdabbcd1b7530860fbad44f22f73c53f1831ba132e3313a123516fb5418"
OF_NOTHING = "62d7d9ce9bbfcde13fa9efbd7655b80e14f7312e4a9ef2ed3cffa02e18ed71bc"


@pytest.mark.parametrize(("body", "given"), [(AS_SENT, SIGNED), (b"", OF_NOTHING)])
def test_sentrys_signature_over_the_raw_bytes_is_valid(body, given):
    assert signature.is_valid(body, given=given, secrets=[SECRET])


def test_the_signature_of_the_same_json_written_otherwise_is_not():
    with_literal_characters = AS_SENT.decode("unicode_escape").encode("utf-16", "surrogatepass").decode("utf-16")

    assert signature.is_valid(with_literal_characters.encode(), given=REWRITTEN, secrets=[SECRET])
    assert not signature.is_valid(AS_SENT, given=REWRITTEN, secrets=[SECRET])


@pytest.mark.parametrize("place", range(0, len(AS_SENT), 17))
def test_one_changed_byte_is_noticed(place):
    changed = bytearray(AS_SENT)
    changed[place] ^= 1

    assert not signature.is_valid(bytes(changed), given=SIGNED, secrets=[SECRET])


@pytest.mark.parametrize("secrets", [["another", SECRET], [SECRET, "another"]])
def test_any_of_several_secrets_will_do(secrets):
    assert signature.is_valid(AS_SENT, given=SIGNED, secrets=secrets)


@pytest.mark.parametrize("secrets", [[], [""], ["another"]])
def test_without_the_right_secret_nothing_is_valid(secrets):
    assert not signature.is_valid(b"", given=OF_NOTHING, secrets=secrets)


def test_an_empty_secret_vouches_for_nothing():
    given_under_no_secret = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"

    assert not signature.is_valid(b"", given=given_under_no_secret, secrets=[""])


@pytest.mark.parametrize("given", ["", "é" * 64, "\ud800", SIGNED.upper(), SIGNED[:-1], f"{SIGNED}, {SIGNED}"])
def test_anything_else_is_no_signature(given):
    assert not signature.is_valid(AS_SENT, given=given, secrets=[SECRET])


@pytest.mark.parametrize(
    ("headers", "given"),
    [
        ({"sentry-hook-signature": "hook", "sentry-app-signature": "app"}, "hook"),
        ({"sentry-hook-signature": "", "sentry-app-signature": "app"}, "app"),
        ({"signature": "other"}, ""),
    ],
)
def test_either_header_may_carry_it(headers, given):
    assert signature.given_in(headers) == given
