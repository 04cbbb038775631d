"""The ASGI application: Sentry's addresses, the control API and the pages around one world."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from sentry_sandbox import api, control, install_api, pages, seeds
from sentry_sandbox.config import Config
from sentry_sandbox.delivery import Sender
from sentry_sandbox.world import World, read_clock


def create_app(
    config: Config | None = None,
    *,
    seed: Callable[[World], None] = seeds.fill,
    clock: Callable[[], datetime] = read_clock,
) -> Starlette:
    """Return a sandbox filled by `seed`; it forgets everything when it stops."""
    world = World(config or Config(), clock=clock)
    seed(world)
    sender = Sender(world)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await sender.open()
        yield
        await sender.close()

    app = Starlette(
        routes=[*install_api.ROUTES, *api.ROUTES, *control.ROUTES, *pages.ROUTES],
        exception_handlers={404: _say_not_found},
        lifespan=lifespan,
    )
    # Sentry wants the trailing slash and does not help by redirecting.
    app.router.redirect_slashes = False
    app.state.world, app.state.sender, app.state.seed = world, sender, seed
    return app


async def _say_not_found(request: Request, error: Exception) -> Response:
    if request.url.path.startswith("/api/"):
        return JSONResponse({"info": "Route not found, did you forget a trailing slash?"}, status_code=404)
    if request.url.path.startswith("/_control/") and isinstance(error, HTTPException):
        return JSONResponse({"error": error.detail}, status_code=404)
    return HTMLResponse(pages.not_found_page(), status_code=404)
