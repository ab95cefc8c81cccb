"""Interactive documentation of the HTTP API: Swagger UI, with its files on this server.

FastAPI's own page loads them from another site.
"""

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles


def add_swagger(app: FastAPI) -> None:
    """Serve the documentation at ``/docs``."""
    app.add_api_route("/docs", documentation, include_in_schema=False)
    app.mount("/docs/files", StaticFiles(packages=[("fastapi_swagger", "resources")]))


def documentation(request: Request) -> HTMLResponse:
    """The page, whose addresses have the path that a proxy adds."""
    root = request.scope.get("root_path", "")
    return get_swagger_ui_html(
        title="Marsam: HTTP API",
        openapi_url=f"{root}/openapi.json",
        swagger_js_url=f"{root}/docs/files/swagger-ui-bundle.js",
        swagger_css_url=f"{root}/docs/files/swagger-ui.css",
        swagger_favicon_url=f"{root}/docs/files/favicon-32x32.png",
        swagger_ui_parameters={"validatorUrl": None},  # which would be another site
    )
