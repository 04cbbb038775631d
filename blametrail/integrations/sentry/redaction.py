"""A delivery's body as people may see it: all of it but the grant code, which opens a Sentry organization."""

import json
import re
from typing import Any

MASK = "••••••••"
_CODE = re.compile(r'("code"\s*:\s*")(?:[^"\\]|\\.)*(")')


def shown(body: bytes) -> str:
    """Return the body as it was sent, with the grant code of an installation masked."""
    text = body.decode("utf-8", errors="replace")
    parsed = _parse(body)
    # What cannot be read cannot be told to be harmless.
    if parsed is not None and not _is_installation(parsed):
        return text
    text = _CODE.sub(rf"\g<1>{MASK}\g<2>", text)
    code = _code(parsed)
    return text.replace(code, MASK) if code else text


def pretty(body: bytes) -> str:
    """Return the body laid out to be read; as it was sent if it is no JSON."""
    parsed = _parse(body)
    if parsed is None:
        return shown(body)
    if _is_installation(parsed):
        parsed["data"]["installation"] |= {"code": MASK} if _code(parsed) else {}
    return json.dumps(parsed, indent=2, ensure_ascii=False)


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _is_installation(parsed: Any) -> bool:
    data = parsed.get("data") if isinstance(parsed, dict) else None
    return isinstance(data, dict) and isinstance(data.get("installation"), dict)


def _code(parsed: Any) -> str:
    code = parsed["data"]["installation"].get("code") if _is_installation(parsed) else None
    return str(code) if code else ""
