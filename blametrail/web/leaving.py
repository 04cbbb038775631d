"""Send a person to another site after they pressed a button here."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def leave_for(request: HttpRequest, address: str, *, name: str) -> HttpResponse:
    """Return a page that goes on to ``address`` at once, and has a link for browsers that will not.

    A redirect would not do: Chromium applies ``form-action 'self'`` of our Content-Security-Policy to where a form's
    answer redirects as well, and blocks it without a word.
    """
    return render(request, "leaving.html", {"address": address, "name": name})
