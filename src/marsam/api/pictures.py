"""Pictures of runs: the files, and links to them that need no API key."""

import time
from typing import Annotated, cast

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from marsam.api.dependencies import ClientDep, RunService, ServiceDep, root_path
from marsam.api.links import LINK_S, MAX_LINK_S, Links
from marsam.api.responses import errors
from marsam.errors import RunMissing
from marsam.journal.records import StoredPicture

CACHE_CONTROL = "private, max-age=31536000, immutable"
"""The bytes of a picture never change, and only its client may read it."""
PictureId = Annotated[
    str, Path(description="ID of a picture of one of your runs.", examples=["5d41402abc4b2a76-0"])
]

router = APIRouter(prefix="/v1/pictures", tags=["Runs"], responses=errors(404, 422, 503))


class PictureLink(BaseModel):
    """A link to a picture."""

    url: str = Field(
        description="Path of the picture, with a signature instead of a key.",
        examples=["/v1/pictures/5d41402abc4b2a76-0?expires=1790000000&signature=9f86d081"],
    )
    expires: int | None = Field(
        description="Unix time at which the link ends; null if the server needs no key.",
        examples=[1790000000],
    )


@router.head("/{picture_id}", include_in_schema=False)
@router.get(
    "/{picture_id}",
    response_class=FileResponse,
    summary="Download a picture",
    responses={
        200: {
            "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
            "description": "PNG file with Marsam metadata.",
        },
        304: {"description": "The picture of the ETag in `If-None-Match`."},
    },
)
def picture(
    service: ServiceDep,
    client: ClientDep,
    request: Request,
    picture_id: PictureId,
    download: Annotated[
        bool,
        Query(description="Have browsers save the file instead of showing it.", examples=[True]),
    ] = False,
) -> Response:
    """The PNG file, with its prompt, seed and settings in the metadata."""
    links = _links(request)
    is_signed = links is not None and links.is_valid(_path(picture_id), request.url.query)
    found = _find(service, None if is_signed else client, picture_id)
    if found.path is None or not found.path.is_file():
        raise RunMissing("There is no such picture.")
    headers = {"ETag": f'"{picture_id}"', "Cache-Control": CACHE_CONTROL}
    if _has_etag(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return FileResponse(
        found.path,
        headers=headers,
        media_type="image/png",
        filename=found.path.name,
        content_disposition_type="attachment" if download else "inline",
    )


@router.get("/{picture_id}/link", summary="Get a link to a picture that needs no key")
def link(
    service: ServiceDep,
    client: ClientDep,
    request: Request,
    picture_id: PictureId,
    seconds: Annotated[
        int, Query(ge=1, le=MAX_LINK_S, description="How long the link is valid.", examples=[600])
    ] = LINK_S,
) -> PictureLink:
    """For `<img>` and for people without a key: anyone with the link can read this picture."""
    _find(service, client, picture_id)
    return picture_link(request, picture_id, seconds=seconds)


def picture_link(request: Request, picture_id: str, *, seconds: int = LINK_S) -> PictureLink:
    """A link to a picture that the client may read."""
    links, path, root = _links(request), _path(picture_id), root_path(request)
    if links is None:
        return PictureLink(url=root + path, expires=None)
    expires = int(time.time()) + seconds
    return PictureLink(url=root + links.sign(path, expires=expires), expires=expires)


def _links(request: Request) -> Links | None:
    """What the security middleware checks signatures with; None if the server has no keys."""
    return cast("Links | None", getattr(request.state, "links", None))


def _path(picture_id: str) -> str:
    return f"/v1/pictures/{picture_id}"


def _find(service: RunService, client: str | None, picture_id: str) -> StoredPicture:
    run_id, _, index = picture_id.rpartition("-")
    for one in service.scheduler.journal.run(client, run_id).pictures:
        if str(one.index) == index and not one.blocked:
            return one
    raise RunMissing("There is no such picture.")


def _has_etag(if_none_match: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or tags == ["*"]
