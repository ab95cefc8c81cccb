"""The server of the review page and its images, behind the same middleware as the studio."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import gradio as gr
from fastapi import FastAPI, Response

from marsam.batch.images import RowImages
from marsam.batch.review import Review
from marsam.review.page import build
from marsam.server.addresses import PublicUrl
from marsam.server.security import SecurityMiddleware
from marsam.ui.theme import launch_options

HERE = Path(__file__).parent


def application(
    review: Review,
    images: RowImages,
    *,
    keys: frozenset[str] = frozenset(),
    hosts: Iterable[str] = (),
    origins: Iterable[str] = (),
    public_url: PublicUrl | None = None,
    own_words: bool = False,
) -> SecurityMiddleware:
    """Return the ASGI application, which closes ``review`` at the end.

    ``own_words`` is as in :func:`marsam.review.page.build`.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        review.close()

    app = FastAPI(lifespan=lifespan, openapi_url=None, max_body_size=1_000_000)

    @app.get("/picture/{sha256}.jpg")
    def picture(sha256: str) -> Response:
        for row in review.rows:
            if row.sha256 == sha256 and (data := images.jpeg(row)) is not None:
                # The URL names the content, so the browser may cache it.
                headers = {"Cache-Control": "private, max-age=3600"}
                return Response(data, media_type="image/jpeg", headers=headers)
        return Response(status_code=404)

    page = build(review, images, own_words=own_words)
    page.start_queue()
    css = (HERE / "review.css").read_text(encoding="utf-8")
    script = (HERE / "review.js").read_text(encoding="utf-8")
    options = launch_options(page, uploads=False, css=css, script=script)
    gr.mount_gradio_app(app, page, path="/", **options)
    # As on the studio's page: otherwise a request could name any file of this machine.
    page.has_launched = True
    return SecurityMiddleware(app, keys=keys, hosts=hosts, origins=origins, public_url=public_url)
