"""Translation of files of text: uploaded, translated, and kept for a while to be downloaded."""

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Annotated, cast

from fastapi import APIRouter, File, Form, Path, Request, Response, UploadFile
from pydantic import BaseModel, Field

from marsam.api.dependencies import ClientDep, ServiceDep
from marsam.api.libretranslate.documents import ENDINGS, translate_documents
from marsam.api.libretranslate.languages import AUTO, MAX_CHARACTERS, detected, language_of
from marsam.api.responses import LibreTranslateErrorBody, errors
from marsam.errors import OptionError, RunMissing
from marsam.studio import Studio
from marsam.text.markup import visible_text

MAX_FILES, KEEP_S = 100, 3600.0
"""Translated files that are kept in memory, and for how long."""

router = APIRouter(responses=errors(422, body=LibreTranslateErrorBody))


@dataclass(frozen=True)
class TranslatedFile:
    """A translated file of a client."""

    client: str
    text: str
    media_type: str
    until: float


@dataclass
class TranslatedFiles:
    """The latest translated files, by a name that nobody can guess."""

    _files: OrderedDict[str, TranslatedFile] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, client: str, text: str, ending: str) -> str:
        """Keep a file, and forget the oldest; return its name."""
        name = secrets.token_urlsafe(16) + ending
        until = time.monotonic() + KEEP_S
        with self._lock:
            self._files[name] = TranslatedFile(client, text, ENDINGS[ending], until)
            while len(self._files) > MAX_FILES or self._oldest.until < time.monotonic():
                self._files.popitem(last=False)
        return name

    def get(self, client: str, name: str) -> TranslatedFile:
        """A client's file; RunMissing when there is none."""
        with self._lock:
            file = self._files.get(name)
        if file is None or file.client != client or file.until < time.monotonic():
            raise RunMissing("There is no such file; translated files are kept for an hour.")
        return file

    @property
    def _oldest(self) -> TranslatedFile:
        return next(iter(self._files.values()))


class FileResponse(BaseModel):
    """A translated file."""

    translatedFileUrl: str = Field(  # noqa: N815
        description="Where it can be downloaded for an hour, by the same client."
    )


@router.post(
    "/translate_file",
    summary="Translate a file",
    responses=errors(503, 507, body=LibreTranslateErrorBody),
)
async def translate_file(
    request: Request,
    service: ServiceDep,
    client: ClientDep,
    file: Annotated[UploadFile, File(description="Text or HTML in UTF-8: .txt, .html or .htm.")],
    source: Annotated[str, Form(max_length=100, description="As in `/translate`.")],
    target: Annotated[str, Form(max_length=100, description="As in `/translate`.")],
) -> FileResponse:
    """At most 100,000 characters."""
    ending = PurePath(file.filename or "").suffix.lower()
    if ending not in ENDINGS:
        raise OptionError(
            "file must end in {endings} (got {ending!r}).",
            endings=", ".join(ENDINGS),
            ending=ending[:20],
        )
    text = _decoded(await file.read(4 * MAX_CHARACTERS + 1))
    is_html = ENDINGS[ending] == "text/html"

    def translate(studio: Studio) -> str:
        translator, into = studio.translator, language_of(target)
        known = translator.targets() if source == AUTO else ()
        shown = visible_text(text) if is_html else text
        found = detected(shown, known)[0] if source == AUTO else language_of(source)
        return translate_documents(translator, [(text, found)], into, is_html=is_html)[0]

    translated = await service.with_models(client, translate)
    name = _files(request).add(client, translated, ending)
    return FileResponse(translatedFileUrl=f"{request.base_url}download_file/{name}")


@router.get(
    "/download_file/{name}",
    summary="Download a translated file",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {}, "text/html": {}}, "description": "The file."},
        **errors(404, body=LibreTranslateErrorBody),
    },
)
def download_file(
    request: Request, client: ClientDep, name: Annotated[str, Path(description="Name of a file.")]
) -> Response:
    """The file, to be saved."""
    file = _files(request).get(client, name)
    ending = PurePath(name).suffix
    headers = {
        "Content-Disposition": f'attachment; filename="translated{ending}"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response(file.text, media_type=file.media_type, headers=headers)


def _decoded(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OptionError("file must be text in UTF-8.") from error
    if len(text) > MAX_CHARACTERS:
        raise OptionError("file must have at most {limit} characters.", limit=MAX_CHARACTERS)
    return text


def _files(request: Request) -> TranslatedFiles:
    return cast("TranslatedFiles", request.app.state.translated_files)
