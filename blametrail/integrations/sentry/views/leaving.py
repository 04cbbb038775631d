"""On the way to Sentry, and what to show when the way ended badly."""

from dataclasses import dataclass, field

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from blametrail.accounts.models import User
from blametrail.integrations.sentry import client, connecting, problems
from blametrail.integrations.sentry.models import ConnectAttempt, SentryApp
from blametrail.organizations.models import Organization


def to_sentry(request: HttpRequest, address: str, app: SentryApp) -> HttpResponse:
    """Answer with a page that goes on to Sentry by itself, or by its link.

    Not a redirect: browsers hold a form's redirects to our form-action policy, all the way through Sentry's own to
    its sign-in and a customer's identity provider.
    """
    response = render(request, "sentry/leaving.html", {"address": address, "host": client.host_of(app.base_url)})
    response.headers["Refresh"] = f"0; url={address}"
    return response


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
