"""One line of JSON for each log record, with secrets-looking values taken out."""

import logging
import re
from collections.abc import Mapping
from typing import Any

import structlog

_SECRET_NAMES = re.compile(r"authorization|cookie|password|secret|token|signature|(^|_)code$|api_?key", re.IGNORECASE)
# What a secret looks like inside a text: a bearer header, a JWT, 32 or more hex digits, a query's code= and state=.
_SECRET_TEXT = re.compile(
    r"(?i:bearer\s+)\S+|eyJ[\w-]+\.[\w-]+\.[\w-]+|\b[0-9a-f]{32,}\b|(?<=[?&]code=)[^&\s\"']+|(?<=[?&]state=)[^&\s\"']+"
)
REMOVED = "[removed]"


def scrub(text: str) -> str:
    """Return ``text`` without anything that looks like a token, a signature or a grant code."""
    return _SECRET_TEXT.sub(REMOVED, text)


def _scrub_event(_logger: Any, _method: str, event: Any) -> Any:
    return {
        name: REMOVED if _SECRET_NAMES.search(name) else scrub(value) if isinstance(value, str) else value
        for name, value in event.items()
    }


def _scrub_other(value: Any) -> str:
    """Return what is no text as text, scrubbed: a request's own repr has its query, with the code in it."""
    return scrub(str(value))


def configure(config: Mapping[str, Any]) -> None:
    """Send structlog's and the standard library's records through the same scrubbing JSON renderer."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _scrub_event,
    ]
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(default=_scrub_other),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(config["level"])
    for name in ("httpx", "httpcore", "huey", "asyncio"):  # they tell every request; our own ledger does that
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
