"""Pages that belong to no organization: the theme, and whether this process is fit to serve."""

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from blametrail.web import theme


@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    back = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    response = redirect(back if is_ours else "/")
    theme.remember(response, request.POST.get("theme", ""), secure=request.is_secure())
    return response


@require_safe
@never_cache
def health(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 -- Django's signature
    """Answer 200 if the database can be asked, 503 if not; for load balancers and supervisors."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return HttpResponse("the database cannot be reached", content_type="text/plain", status=503)
    return HttpResponse("ok", content_type="text/plain")
