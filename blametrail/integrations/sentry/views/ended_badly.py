"""What to show when the way to Sentry and back ended badly."""

from dataclasses import dataclass, field

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from blametrail.accounts.models import User
from blametrail.integrations.sentry import connecting, problems
from blametrail.integrations.sentry.models import ConnectAttempt
from blametrail.organizations.models import Organization


@dataclass(frozen=True)
class Retry:
    """The button under a problem: a link, or a form that posts ``fields``."""

    label: str
    url: str
    is_post: bool = False
    fields: dict[str, str] = field(default_factory=dict)


TO_START = Retry("To the start", "/")


def problem_page(
    request: HttpRequest,
    problem: problems.ConnectProblem,
    *,
    retry: Retry = TO_START,
    organization: Organization | None = None,
) -> HttpResponse:
    facts = {"problem": problem, "retry": retry, "organization": organization}
    return render(request, "sentry/problem.html", facts, status=problem.status)


def retry_of(attempt: ConnectAttempt | None, user: User) -> Retry:
    """Return the button that begins the person's own attempt anew; the way home when there is none."""
    if attempt is None:
        return TO_START
    slug = attempt.organization.slug
    if not connecting.may_configure(user, attempt.organization):
        return TO_START
    if attempt.connection is not None:
        return Retry("Try again", reverse("sentry_reconnect", args=[slug, attempt.connection.pk]), is_post=True)
    return Retry("Try again", reverse("sentry_connect", args=[slug]), is_post=True, fields={"app": attempt.app.key})
