"""Translation of texts and HTML."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from marsam.api.dependencies import ClientDep, ServiceDep
from marsam.api.fields import LanguageName
from marsam.api.ignored import MAX_TOLD_NAMES, set_fields
from marsam.api.libretranslate.bodies import FORMS, read_body, request_body
from marsam.api.libretranslate.documents import translate_documents
from marsam.api.libretranslate.languages import (
    AUTO,
    MAX_CHARACTERS,
    DetectedLanguage,
    detected,
    language_of,
)
from marsam.api.responses import LibreTranslateErrorBody, errors
from marsam.errors import OptionError
from marsam.studio import Studio
from marsam.text.markup import visible_text

MAX_TEXTS = 50
KEYS = ("api_key", "secret")
"""Fields by which a client shows that it may ask."""

router = APIRouter()


class TranslateRequest(BaseModel, use_attribute_docstrings=True):
    """Body of a LibreTranslate-compatible request.

    Other fields have no effect; `ignored` in the response names them.
    """

    model_config = ConfigDict(extra="allow")

    q: str | list[str] = Field(examples=["two fish"])
    """Text to translate, or a list of at most 50 texts; 100,000 characters in all."""
    source: str = Field(max_length=100, examples=["en"])
    """Code as in `/languages`, name or NLLB code; `auto` detects the language, as
    `/detect` does, and is refused for languages that the translator does not know."""
    target: LanguageName
    format: Literal["text", "html"] | None = None
    """`text` (default), or `html`: a sentence with links and the like in it is translated whole.

    Scripts, styles, code, and what has `translate="no"` stay as they are.
    """
    alternatives: int | None = None
    """Has no effect: there are no alternative translations."""


class TranslateResponse(BaseModel):
    """A translation, or a list of them if ``q`` is a list."""

    translatedText: str | list[str] = Field(description="Translation of each text.")  # noqa: N815
    detectedLanguage: DetectedLanguage | list[DetectedLanguage] | None = Field(  # noqa: N815
        default=None, description="Only with `source` `auto`."
    )
    alternatives: list[str | list[str]] | None = Field(
        default=None, description="Always empty; only if they were asked for."
    )
    ignored: list[str] | None = Field(
        default=None, description="Names of fields that were sent and have no effect, if any."
    )


@router.post(
    "/translate",
    summary="Translate texts",
    response_model_exclude_none=True,
    responses=errors(422, 503, 507, body=LibreTranslateErrorBody),
    openapi_extra=request_body(TranslateRequest, "application/json", *FORMS),
)
async def translate(request: Request, service: ServiceDep, client: ClientDep) -> TranslateResponse:
    """For LibreTranslate's clients.

    The fields may also be sent in the query, and the API key as the field `api_key`.
    """
    body = await read_body(request, TranslateRequest)
    texts = [body.q] if isinstance(body.q, str) else body.q
    if len(texts) > MAX_TEXTS:
        raise OptionError(
            "q must have at most {limit} texts (got {number}).", limit=MAX_TEXTS, number=len(texts)
        )
    if (length := sum(map(len, texts))) > MAX_CHARACTERS:
        raise OptionError(
            "q must have at most {limit} characters (got {length}).",
            limit=MAX_CHARACTERS,
            length=length,
        )
    return await service.with_models(client, lambda studio: _translate(studio, body, texts))


def _translate(studio: Studio, body: TranslateRequest, texts: list[str]) -> TranslateResponse:
    target, is_html = language_of(body.target), body.format == "html"
    if body.source == AUTO:
        known = studio.translator.targets()
        found = [detected(visible_text(text) if is_html else text, known) for text in texts]
    else:
        found = [(language_of(body.source), 100.0)] * len(texts)
    documents = [(text, source) for text, (source, _) in zip(texts, found, strict=True)]
    translated = translate_documents(studio.translator, documents, target, is_html=is_html)
    said = [DetectedLanguage(confidence=sure, language=source.tag) for source, sure in found]
    is_list = isinstance(body.q, list)
    response = TranslateResponse(translatedText=translated if is_list else translated[0])
    if body.source == AUTO:
        response.detectedLanguage = said if is_list else said[0]
    if body.alternatives:
        response.alternatives = [[] for _ in texts] if is_list else []
    response.ignored = set_fields(body.model_extra or {}, KEYS)[:MAX_TOLD_NAMES] or None
    return response
