import logging

import structlog


class Request:
    """As Django's: its repr has the whole query."""

    def __repr__(self) -> str:
        return "<Request: GET '/callback/?code=only-once&state=also-secret'>"


def test_a_grant_code_does_not_reach_the_log_inside_an_object():
    (formatter,) = (
        handler.formatter
        for handler in logging.getLogger().handlers
        if isinstance(handler.formatter, structlog.stdlib.ProcessorFormatter)
    )
    record = logging.makeLogRecord({"msg": "Bad Request", "levelname": "WARNING", "request": Request()})

    line = formatter.format(record)

    assert "/callback/?code=[removed]&state=[removed]" in line
