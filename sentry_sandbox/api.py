"""Sentry's REST addresses for organizations, projects, issues and releases."""

from sentry_sandbox import issues
from sentry_sandbox.announcements import Announcement
from sentry_sandbox.calls import Answer, Call, Operation, route
from sentry_sandbox.event_shapes import event_shape
from sentry_sandbox.issue_shapes import issue_detail_shape, issue_shape
from sentry_sandbox.nouns import Comment, Event, Issue, Organization, Person, Project, Release, Team
from sentry_sandbox.paging import paginate
from sentry_sandbox.refusals import Refusal, detail, no_such_resource
from sentry_sandbox.shapes import (
    commit_shape,
    isoformat,
    organization_shape,
    project_detail_shape,
    project_shape,
    release_shape,
    user_shape,
)

EVENT_SCOPES = ("event:read", "event:write", "event:admin")
RELEASE_SCOPES = ("project:read", "project:releases")


def list_organizations(call: Call) -> Answer:
    # An integration's token belongs to no member, so it sees none (sentry#49335).
    seen = [] if call.pair else call.world.organizations
    return Answer([organization_shape(call.world, it, call.scopes) for it in seen])


def show_organization(call: Call) -> Answer:
    organization = call.organization("org:read", "org:write", "org:admin")
    return Answer(organization_shape(call.world, organization, call.scopes))


def list_projects(call: Call) -> Answer:
    organization = call.organization("org:read", "org:write", "org:admin")
    wanted = call.query.get("query", "").lower()
    found = [it for it in organization.projects if wanted in it.slug.lower() or wanted in it.name.lower()]
    page, headers = paginate(sorted(found, key=lambda it: it.slug), call.query, call.url)
    return Answer([project_shape(organization, it) for it in page], headers=headers)


def show_project(call: Call) -> Answer:
    organization = call.organization("project:read")
    return Answer(project_detail_shape(call.world, organization, call.project(organization)))


def list_issues(call: Call) -> Answer:
    organization = call.organization(*EVENT_SCOPES)
    found = [it for it in call.world.issues if it.organization is organization and _is_wanted(call, it)]
    found.sort(key=lambda it: it.events[-1].at, reverse=True)
    page, headers = paginate(found, call.query, call.url, size_name="limit")
    return Answer([issue_shape(call.world, it) for it in page], headers=headers | {"X-Hits": str(len(found))})


def show_issue(call: Call) -> Answer:
    return Answer(issue_detail_shape(call.world, _issue(call, *EVENT_SCOPES)))


def update_issue(call: Call) -> Answer:
    issue = _issue(call, "event:write", "event:admin")
    if "status" in call.fields:
        call.said += _set_status(call, issue)
    if "assignedTo" in call.fields:
        call.said += issues.assign(call.world, issue, call.actor, _assignee(call, issue))
    subscribed = {"isSubscribed": True, "subscriptionDetails": {"reason": "changed_status"}}
    return Answer(issue_shape(call.world, issue) | (subscribed if call.pair is None else {}))


def show_event(call: Call) -> Answer:
    issue = _issue(call, *EVENT_SCOPES)
    return Answer(event_shape(call.world, issue, _event(issue, call.path["event"])))


def list_events(call: Call) -> Answer:
    issue = _issue(call, *EVENT_SCOPES)
    page, headers = paginate(issue.events[::-1], call.query, call.url)
    return Answer([event_shape(call.world, issue, it) for it in page], headers=headers)


def show_project_event(call: Call) -> Answer:
    issue, event = _project_event(call)
    return Answer(event_shape(call.world, issue, event))


def list_committers(call: Call) -> Answer:
    _, event = _project_event(call)
    if event.release is None or not event.release.commits:
        raise detail(404, "No Commits found for Release")
    commit = event.release.commits[-1]
    author, suspect = (
        user_shape(commit.author),
        commit_shape(commit) | {"suspectCommitType": "via commit in release"},
    )
    return Answer({"committers": [{"author": author, "commits": [suspect]}]})


def list_comments(call: Call) -> Answer:
    issue = _issue(call, *EVENT_SCOPES)
    return Answer([_comment_shape(issue, it) for it in reversed(issue.comments)])


def add_comment(call: Call) -> Answer:
    issue = _issue(call, "event:write", "event:admin")
    text = call.fields.get("text")
    if not isinstance(text, str) or not text:
        raise Refusal(400, {"text": ["This field is required."]})
    note, said = issues.comment(call.world, issue, call.actor, text)
    call.said += said
    return Answer(_comment_shape(issue, note), status=201)


def list_releases(call: Call) -> Answer:
    organization = call.organization(*RELEASE_SCOPES)
    found = [(project, it) for project in organization.projects for it in project.releases]
    wanted = call.query.getlist("project")
    found = [(project, it) for project, it in found if not wanted or str(project.id) in wanted]
    found.sort(key=lambda pair: pair[1].created_at, reverse=True)
    page, headers = paginate(found, call.query, call.url)
    return Answer([release_shape(*pair) for pair in page], headers=headers)


def show_release(call: Call) -> Answer:
    return Answer(release_shape(*_release(call)))


def list_commits(call: Call) -> Answer:
    _, release = _release(call)
    page, headers = paginate(release.commits[::-1], call.query, call.url)
    return Answer([commit_shape(it) for it in page], headers=headers)


def list_commit_files(call: Call) -> Answer:
    call.need("project:releases")
    _, release = _release(call)
    changed = [(commit, name) for commit in release.commits for name in commit.files]
    return Answer([{"id": str(n), "filename": it[1], "type": "M", "commitMessage": it[0].message,
                    "author": user_shape(it[0].author)} for n, it in enumerate(changed, 1)])  # fmt: skip


def list_deploys(call: Call) -> Answer:
    _release(call)
    return Answer([])


def _issue(call: Call, *scopes: str) -> Issue:
    organization = call.organization(*scopes)
    issue = call.world.find_issue(call.path["issue"])
    if issue is None or issue.organization is not organization:
        raise no_such_resource()
    return issue


def _is_wanted(call: Call, issue: Issue) -> bool:
    projects = call.query.getlist("project")
    if projects and "-1" not in projects and str(issue.project.id) not in projects:
        return False
    environment = call.query.get("environment")
    if environment and all(event.environment != environment for event in issue.events):
        return False
    return all(_fits(issue, word) for word in call.query.get("query", "is:unresolved").split())


def _fits(issue: Issue, word: str) -> bool:
    name, _, value = word.partition(":")
    match name:
        case "is":
            return issue.status == {"archived": "ignored"}.get(value, value)
        case "project":
            return issue.project.slug == value
        case "level":
            return issue.level == value
        case "issue":
            return issue.short_id == value
        case _:
            return word.lower() in f"{issue.title} {issue.short_id}".lower()


def _set_status(call: Call, issue: Issue) -> list[Announcement]:
    status = call.fields["status"]
    details = call.fields.get("statusDetails")
    details = details if isinstance(details, dict) else {}
    match status:
        case "resolved" | "resolvedInNextRelease":
            how, release = _resolution(str(status), details)
            return issues.resolve(call.world, issue, call.actor, how=how, release=release)
        case "ignored":
            substatus = str(call.fields.get("substatus") or "archived_forever")
            return issues.archive(call.world, issue, call.actor, substatus=substatus)
        case "unresolved":
            return issues.unresolve(call.world, issue, call.actor)
        case _:
            raise Refusal(400, {"status": [f'"{status}" is not a valid choice.']})


def _resolution(status: str, details: dict[str, object]) -> tuple[str, str | None]:
    if status == "resolvedInNextRelease" or details.get("inNextRelease"):
        return "in_next_release", None
    release = details.get("inRelease")
    if isinstance(release, str):
        return "in_release", None if release == "latest" else release
    return "now", None


def _assignee(call: Call, issue: Issue) -> Person | Team | None:
    given = call.fields["assignedTo"]
    person, team = call.world.person, issue.organization.team
    if not given:
        return None
    if given in {f"user:{person.id}", str(person.id), person.email}:
        return person
    if given == f"team:{team.id}":
        return team
    raise Refusal(400, {"assignedTo": ["Unknown actor input"]})


def _event(issue: Issue, which: str) -> Event:
    if which in {"latest", "recommended"}:
        return issue.events[-1]
    if which == "oldest":
        return issue.events[0]
    found = next((it for it in issue.events if it.id == which), None)
    if found is None:
        raise detail(404, "Event not found")
    return found


def _project_event(call: Call) -> tuple[Issue, Event]:
    organization = call.organization("project:read")
    project = call.project(organization)
    for issue in call.world.issues:
        for event in issue.events:
            if issue.project is project and event.id == call.path["event"]:
                return issue, event
    raise detail(404, "Event not found")


def _release(call: Call) -> tuple[Project, Release]:
    organization: Organization = call.organization(*RELEASE_SCOPES)
    for project in organization.projects:
        for release in project.releases:
            if release.version == call.path["version"]:
                return project, release
    raise no_such_resource()


def _comment_shape(issue: Issue, note: Comment) -> dict[str, object]:
    return {
        "id": str(note.id),
        "user": user_shape(note.author),
        "type": "note",
        "data": {"text": note.text},
        "dateCreated": isoformat(note.created_at),
        "issue": str(issue.id),
    }


_ORGANIZATION = "/api/0/organizations/{organization}"
_ISSUE = f"{_ORGANIZATION}/issues/{{issue}}"
_RELEASE = f"{_ORGANIZATION}/releases/{{version}}"
_PROJECT = "/api/0/projects/{organization}/{project}"

ROUTES = [
    route("/api/0/organizations/", GET=Operation("organizations", list_organizations)),
    route(f"{_ORGANIZATION}/", GET=Operation("organization", show_organization)),
    route(f"{_ORGANIZATION}/projects/", GET=Operation("projects", list_projects)),
    route(f"{_ORGANIZATION}/issues/", GET=Operation("issues", list_issues)),
    route(f"{_ISSUE}/", GET=Operation("issue", show_issue), PUT=Operation("issue_update", update_issue)),
    route(f"{_ISSUE}/events/", GET=Operation("events", list_events)),
    route(f"{_ISSUE}/events/{{event}}/", GET=Operation("events", show_event)),
    route(
        f"{_ISSUE}/comments/",
        GET=Operation("comments", list_comments),
        POST=Operation("comment_create", add_comment),
    ),
    route(f"{_ORGANIZATION}/releases/", GET=Operation("releases", list_releases)),
    route(f"{_RELEASE}/", GET=Operation("releases", show_release)),
    route(f"{_RELEASE}/commits/", GET=Operation("releases", list_commits)),
    route(f"{_RELEASE}/commitfiles/", GET=Operation("releases", list_commit_files)),
    route(f"{_RELEASE}/deploys/", GET=Operation("releases", list_deploys)),
    route(f"{_PROJECT}/", GET=Operation("project", show_project)),
    route(f"{_PROJECT}/events/{{event}}/", GET=Operation("events", show_project_event)),
    route(f"{_PROJECT}/events/{{event}}/committers/", GET=Operation("committers", list_committers)),
]
