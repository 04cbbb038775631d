"""Light, dark or as the system has it: a person's choice, kept in a cookie so that the first paint is right."""

from django.http import HttpRequest, HttpResponse

COOKIE = "blametrail_theme"
THEMES = {"light", "dark"}
ONE_YEAR = 365 * 24 * 60 * 60


def chosen_theme(request: HttpRequest) -> str:
    """Return "light", "dark", or nothing if the system decides."""
    chosen = request.COOKIES.get(COOKIE, "")
    return chosen if chosen in THEMES else ""


def remember(response: HttpResponse, theme: str, *, secure: bool) -> None:
    """Keep the choice on the response; anything but a theme forgets it."""
    if theme in THEMES:
        response.set_cookie(COOKIE, theme, max_age=ONE_YEAR, secure=secure, httponly=True, samesite="Lax")
    else:
        response.delete_cookie(COOKIE, samesite="Lax")
