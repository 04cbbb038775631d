"""How Sentry says no, in both generations."""

import secrets


class Refusal(Exception):
    """Sentry declines the request with this status and body."""

    def __init__(self, status: int, body: dict[str, object]) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": 'xBasic realm="api"'} if self.status == 401 else {}


def detail(status: int, text: str) -> Refusal:
    return Refusal(status, {"detail": text})


def no_such_resource() -> Refusal:
    return detail(404, "The requested resource does not exist")


def no_permission() -> Refusal:
    return detail(403, "You do not have permission to perform this action.")


def internal_error() -> Refusal:
    return Refusal(500, {"detail": "Internal Error", "errorId": secrets.token_hex(16)})
