"""The token endpoint's decisions: which grant is good, and what Sentry answers when it is not."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import jwt
from jwt.types import Options

from sentry_sandbox.nouns import GrantCode, Installation, TokenPair
from sentry_sandbox.refusals import Refusal, detail, internal_error
from sentry_sandbox.world import World

# "sentry", not "ietf": https://docs.sentry.io/integrations/integration-platform/
JWT_GRANT = "urn:sentry:params:oauth:grant-type:jwt-bearer"
_KINDS = {"authorization_code": "exchange", "refresh_token": "refresh", JWT_GRANT: "jwt"}


@dataclass(frozen=True)
class GrantRequest:
    """A POST to .../authorizations/; `fields` is None when the body could not be read."""

    installation_uuid: str
    fields: Mapping[str, object] | None
    authorization: str | None

    @property
    def kind(self) -> str:
        return _KINDS.get(str((self.fields or {}).get("grant_type")), "unknown_grant")

    def field(self, name: str) -> str:
        value = (self.fields or {}).get(name)
        return value if isinstance(value, str) else ""


def trade(world: World, request: GrantRequest) -> TokenPair:
    """Return a new token pair, or raise Refusal with Sentry's own words."""
    if not request.fields:
        raise detail(401, "Invalid request")
    # 24.2.0 knows no JWT grant: such a request fails its client check first, or is an unknown grant type.
    if request.kind == "jwt" and not world.config.is_older:
        return _renew_with_jwt(world, request)
    _check_client(world, request)
    installation = _installation(world, request)
    if request.kind == "exchange":
        return _exchange(world, request, installation)
    if request.kind == "refresh":
        return _refresh(world, request, installation)
    raise _refused(world, 403, current="Invalid grant_type", older="Invalid grant_type")


def issue_pair(world: World, installation: Installation) -> TokenPair:
    now = world.now()
    pair = TokenPair(
        id=world.next_id(),
        token=secrets.token_hex(32),
        refresh_token=secrets.token_hex(32),
        scopes=tuple(sorted(world.config.scopes)),
        created_at=now,
        expires_at=now + world.config.token_life,
    )
    world.tokens[pair.token] = pair
    world.refresh_tokens[pair.refresh_token] = pair
    installation.pair = pair
    return pair


def revoke(world: World, pair: TokenPair) -> None:
    del world.tokens[pair.token]
    del world.refresh_tokens[pair.refresh_token]
    for installation in world.installations.values():
        if installation.pair is pair:
            installation.pair = None


def expire_access_token(world: World, installation: Installation) -> None:
    if installation.pair:
        installation.pair.expires_at = world.now() - timedelta(seconds=1)


def expire_grant(world: World, installation: Installation) -> None:
    if installation.grant:
        installation.grant = GrantCode(installation.grant.code, world.now() - timedelta(seconds=1))


def _exchange(world: World, request: GrantRequest, installation: Installation) -> TokenPair:
    _require_field(world, request, "code")
    owner = next((it for it in world.installations.values() if _holds_code(it, request.field("code"))), None)
    if owner is None or owner.grant is None:
        raise _refused(world, 401, current="Could not find grant for given code", older="Unauthorized")
    if owner is not installation:
        raise _refused(world, 401, current="Forbidden grant", older="Unauthorized")
    if owner.grant.expires_at <= world.now():
        raise _refused(world, 401, current="Grant has already expired", older="Grant has already expired.")
    installation.grant = None
    return issue_pair(world, installation)


def _refresh(world: World, request: GrantRequest, installation: Installation) -> TokenPair:
    # Any installation's refresh token of this app is good here, as at Sentry; it then moves to this one.
    _require_field(world, request, "refresh_token")
    given = request.field("refresh_token")
    old = world.refresh_tokens.get(given)
    if old is None and not _was_just_spent(world, given):
        raise _refused(world, 401, current="Given refresh token does not exist", older="Unauthorized")
    if old:
        revoke(world, old)
        world.spent_at[given] = world.now()
    return issue_pair(world, installation)


def _was_just_spent(world: World, refresh_token: str) -> bool:
    spent_at = world.spent_at.get(refresh_token)
    return spent_at is not None and world.now() - spent_at < world.config.refresh_race_window


def _renew_with_jwt(world: World, request: GrantRequest) -> TokenPair:
    installation = world.installations.get(request.installation_uuid)
    if request.authorization is None:
        raise detail(401, "Header is in invalid form")
    scheme, _, assertion = request.authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise detail(401, "Bearer not present in token")
    if installation is None:
        raise detail(401, "Installation not found")
    _check_assertion(world, assertion)
    if not world.config.jwt_grant:
        raise detail(403, "Manual token refresh is not enabled for this organization")
    if installation.pair is None:
        raise detail(401, "Installation does not have a token")
    revoke(world, installation.pair)
    return issue_pair(world, installation)


def _check_assertion(world: World, assertion: str) -> None:
    # Sentry looks at the signature, exp and iss alone.
    options: Options = {
        "verify_aud": False,
        "verify_sub": False,
        "verify_jti": False,
        "verify_nbf": False,
        "verify_iat": world.config.jwt_checks_issue_time,
    }
    try:
        claims = jwt.decode(assertion, world.config.client_secret, algorithms=["HS256"], options=options)
    except jwt.PyJWTError as error:
        raise detail(401, f"Could not validate JWT, got error: {error}") from error
    if not secrets.compare_digest(str(claims.get("iss")).encode(), world.config.client_id.encode()):
        raise detail(401, "JWT is not valid for this application")


def _check_client(world: World, request: GrantRequest) -> None:
    known = secrets.compare_digest(request.field("client_id").encode(), world.config.client_id.encode())
    right = secrets.compare_digest(request.field("client_secret").encode(), world.config.client_secret.encode())
    if not (known and right):
        raise detail(401, "Invalid Client ID / Secret pair")


def _installation(world: World, request: GrantRequest) -> Installation:
    installation = world.installations.get(request.installation_uuid)
    if installation is None:
        raise no_such_installation(world)
    return installation


def no_such_installation(world: World) -> Refusal:
    older, current = "Not found.", "Could not find given sentry app installation"
    return detail(404, older if world.config.is_older else current)


def _require_field(world: World, request: GrantRequest, name: str) -> None:
    fields = request.fields or {}
    if fields.get(name) is not None:
        return
    if world.config.is_older:
        raise internal_error()
    text = "This field may not be null." if name in fields else "This field is required."
    raise Refusal(400, {name: [text]})


def _holds_code(installation: Installation, code: str) -> bool:
    return installation.grant is not None and secrets.compare_digest(installation.grant.code.encode(), code.encode())


def _refused(world: World, status: int, *, current: str, older: str) -> Refusal:
    """Every failed trade was a 403 with `error` before Sentry learnt its present error classes."""
    return Refusal(403, {"error": older}) if world.config.is_older else detail(status, current)
