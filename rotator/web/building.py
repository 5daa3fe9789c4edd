"""Of what is the API made? FastAPI with our routes, behind the gate."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.types import ASGIApp

from rotator import __version__
from rotator.web import envelope, health, scraping, signing
from rotator.web.api import ROUTERS, audit_rows, secrets
from rotator.web.api.resources import Resources
from rotator.web.dashboard.parts import Dashboard
from rotator.web.gate import Gate
from rotator.web.parts import Parts

_ABOUT = "Rotations, connections, mapped secrets and sign-in. Paths and fields follow Infisical, so its clients work."


def build(parts: Parts, resources: Resources | None = None, dashboard: Dashboard | None = None) -> ASGIApp:
    """The API as an ASGI app; without resources it is only signed in to, without a dashboard it has no pages."""
    app = FastAPI(
        title="Rotator",
        version=__version__,
        description=_ABOUT,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.parts = parts
    app.state.resources = resources
    envelope.install(app)
    app.router.routes.extend(secrets.QUICK if resources else ())
    for router in (
        *(ROUTERS if resources else ()),
        *signing.ROUTERS,
        audit_rows.router,
        health.router,
        scraping.router,
    ):
        # Not included, as the framework calls it: it would try every route of an included router twice.
        app.router.routes.extend(router.routes)
    if dashboard is not None:
        from rotator.web.dashboard.routes import ROUTES as PAGES

        app.state.dashboard = dashboard
        app.router.routes.extend(PAGES)
    return Gate(app, parts)
