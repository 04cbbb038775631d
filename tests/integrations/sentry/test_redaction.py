"""A grant code is never shown, however the body is written; everything else is shown as it came."""

import json
from pathlib import Path

import pytest

from blametrail.integrations.sentry import redaction

RECORDED = Path(__file__).parents[2] / "recordings" / "webhooks" / "0001_installation_created.body"
CODE = "9f1b6c0a4c0b4a3d8f0e7c5b2a1d9e88"


def installation(code: str = CODE) -> dict:
    return {"action": "created", "data": {"installation": {"code": code, "status": "pending"}}}


@pytest.mark.parametrize("show", [redaction.shown, redaction.pretty])
def test_the_code_of_a_recorded_installation_is_masked(show):
    body = RECORDED.read_bytes()
    code = json.loads(body)["data"]["installation"]["code"]

    said = show(body)

    assert code not in said
    assert redaction.MASK in said
    assert '"status"' in said


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(installation(), separators=(",", ":")),
        json.dumps(installation(), indent=4),
        json.dumps(installation()).replace(CODE, "\\u0039" + CODE[1:]),
        json.dumps(installation()).replace('"code"', '"c\\u006fde"'),
        json.dumps(installation())[:-3],
    ],
    ids=["compact", "spread", "escaped value", "escaped name", "cut off"],
)
def test_the_code_is_masked_however_it_is_written(body):
    assert CODE[1:] not in redaction.shown(body.encode())


def test_a_code_elsewhere_is_somebody_elses_and_stays():
    body = json.dumps({"data": {"event": {"extra": {"code": "E1234"}}}}).encode()

    assert redaction.shown(body) == body.decode()
    assert "E1234" in redaction.pretty(body)


@pytest.mark.parametrize("body", [b"", b"not json", b"\xff\xfe", b"[1, 2]", b'"text"', b'{"data": null}'])
def test_whatever_came_can_be_shown(body):
    assert redaction.shown(body) == body.decode("utf-8", errors="replace")
    assert isinstance(redaction.pretty(body), str)
