"""The JSON forms of organizations, projects, people, releases, installations and tokens."""

import hashlib
import json
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import Any

from sentry_sandbox.nouns import (
    Commit,
    Installation,
    Organization,
    Person,
    Project,
    Release,
    Team,
    TokenPair,
)
from sentry_sandbox.world import World

# What no integration looks at is kept as a real Sentry answered it once.
_FIXED = {path.stem: json.loads(path.read_text()) for path in (Path(__file__).parent / "fixed").glob("*.json")}


def isoformat(at: datetime) -> str:
    """REST times: the fraction disappears when it is zero, as at Sentry."""
    return at.isoformat().replace("+00:00", "Z")


def webhook_time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _fixed(stem: str, /, **known: object) -> dict[str, Any]:
    return {**deepcopy(_FIXED[stem]), **known}


def user_actor(person: Person) -> dict[str, object]:
    return {"type": "user", "id": person.id, "name": person.name}


def app_actor(world: World) -> dict[str, object]:
    """Whatever app acted, Sentry names the receiving one."""
    return {"type": "application", "id": world.app_uuid, "name": world.config.app_name}


def user_shape(person: Person) -> dict[str, Any]:
    digest = hashlib.sha256(person.email.encode()).hexdigest()
    return _fixed(
        "user",
        id=str(person.id),
        name=person.name,
        username=person.email,
        email=person.email,
        avatarUrl=f"https://gravatar.com/avatar/{digest}?s=32&d=mm",
        emails=[{"id": str(person.id), "email": person.email, "is_verified": True}],
    )


def installation_shape(world: World, installation: Installation, *, with_code: bool = True) -> dict[str, object]:
    app: dict[str, object] = {"uuid": world.app_uuid, "slug": world.config.app_slug}
    organization: dict[str, object] = {"slug": installation.organization.slug}
    if not world.config.is_older:
        app["sentryAppId"] = world.app_id
        organization["id"] = installation.organization.id
    shape: dict[str, object] = {
        "app": app,
        "organization": organization,
        "uuid": installation.uuid,
        "status": installation.status,
    }
    if with_code and installation.grant:
        shape["code"] = installation.grant.code
    return shape


def token_shape(pair: TokenPair, state: object) -> dict[str, object]:
    return {
        "id": str(pair.id),
        "scopes": list(pair.scopes),
        "name": None,
        "application": None,
        "expiresAt": isoformat(pair.expires_at),
        "dateCreated": isoformat(pair.created_at),
        "state": state,
        "token": pair.token,
        "refreshToken": pair.refresh_token,
        "tokenLastCharacters": pair.token[-4:],
    }


def app_shape(world: World) -> dict[str, object]:
    config = world.config
    return {
        "name": config.app_name,
        "slug": config.app_slug,
        "uuid": world.app_uuid,
        "status": str(config.app_status),
        "author": config.app_name,
        "overview": None,
        "events": sorted(config.subscribed),
        "scopes": sorted(config.scopes),
        "schema": {},
        "webhookUrl": config.webhooks.url,
        "redirectUrl": config.redirect_url,
        "isAlertable": config.is_alertable,
        "verifyInstall": config.verify_install,
        "allowedOrigins": [],
        "popularity": 1,
        "featureData": [],
        "avatars": [],
        "metadata": {},
    }


def team_reference(team: Team) -> dict[str, object]:
    return {"id": str(team.id), "slug": team.slug, "name": team.name}


def organization_shape(world: World, organization: Organization, scopes: tuple[str, ...]) -> dict[str, Any]:
    team = _fixed("team", **team_reference(organization.team), dateCreated=isoformat(organization.created_at))
    return _fixed(
        "organization",
        id=str(organization.id),
        slug=organization.slug,
        name=organization.name,
        dateCreated=isoformat(organization.created_at),
        links={"organizationUrl": world.base_url, "regionUrl": world.base_url},
        access=list(scopes),
        teams=[team],
        projects=[project_shape(organization, project) for project in organization.projects],
    )


def project_shape(organization: Organization, project: Project) -> dict[str, Any]:
    return _fixed("project", **_project_facts(organization, project))


def project_detail_shape(world: World, organization: Organization, project: Project) -> dict[str, Any]:
    whole = organization_shape(world, organization, ())
    kept = [
        "id", "slug", "status", "name", "dateCreated", "isEarlyAdopter", "require2FA",
        "requireEmailVerification", "avatar", "features", "links", "hasAuthProvider",
    ]  # fmt: skip
    return _fixed(
        "project_detail",
        **_project_facts(organization, project),
        securityToken=hashlib.sha256(str(project.id).encode()).hexdigest()[:32],
        organization={key: whole[key] for key in kept},
    )


def _project_facts(organization: Organization, project: Project) -> dict[str, object]:
    team = team_reference(organization.team)
    return {
        "id": str(project.id),
        "slug": project.slug,
        "name": project.name,
        "platform": project.platform,
        "dateCreated": isoformat(project.created_at),
        "team": team,
        "teams": [team],
    }


def release_shape(project: Project, release: Release) -> dict[str, Any]:
    package, _, number = release.version.rpartition("@")
    reference = {
        "id": project.id,
        "slug": project.slug,
        "name": project.name,
        "newGroups": 1,
        "platform": project.platform,
        "platforms": [],
        "hasHealthData": False,
    }
    return _fixed(
        "release",
        id=release.id,
        version=release.version,
        shortVersion=number or release.version,
        versionInfo=_version_info(package, number),
        dateCreated=isoformat(release.created_at),
        commitCount=len(release.commits),
        lastCommit=commit_shape(release.commits[-1]) if release.commits else None,
        authors=[user_shape(author) for author in dict.fromkeys(it.author for it in release.commits)],
        projects=[reference],
    )


def _version_info(package: str, number: str) -> dict[str, object]:
    digits = [int(part) if part.isdigit() else 0 for part in [*number.split("."), "0", "0"][:3]]
    major, minor, patch = digits
    version = {
        "raw": number, "major": major, "minor": minor, "patch": patch,
        "pre": None, "buildCode": None, "components": 3,
    }  # fmt: skip
    return {"package": package, "version": version, "description": number, "buildHash": None}


def commit_shape(commit: Commit) -> dict[str, object]:
    return {
        "id": commit.id,
        "message": commit.message,
        "dateCreated": isoformat(commit.created_at),
        "pullRequest": None,
        "suspectCommitType": "",
        "author": user_shape(commit.author),
        "releases": [],
    }
