"""The languages of the translator: their codes, and which one a text is in."""

import re
from collections.abc import Collection
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from marsam.api.dependencies import ClientDep, ServiceDep
from marsam.api.libretranslate.bodies import FORMS, read_body, request_body
from marsam.api.libretranslate.documents import ENDINGS
from marsam.api.responses import LibreTranslateErrorBody, errors
from marsam.errors import LanguageError
from marsam.text.detection import detect
from marsam.text.languages import ARABIC, ENGLISH, Language, known_language, language, languages

AUTO = "auto"
MAX_CHARACTERS = 100_000
"""Characters of all texts of a request."""
OTHER_CODES = {
    "pb": "por_Latn",
    "zt": "zho_Hant",
    "zh-hk": "zho_Hant",
    "zh-mo": "zho_Hant",
    "zh-sg": "zho_Hans",
}
"""Codes of LibreTranslate's earlier versions, and regions that mean a script."""
_REGION = re.compile(r"[-_]([a-zA-Z]{2}|\d{3})$")

router = APIRouter(responses=errors(422, 503, 507, body=LibreTranslateErrorBody))


class LanguageView(BaseModel):
    """A language of the translator."""

    code: str = Field(description="BCP 47 tag.", examples=["ar"])
    name: str = Field(description="English name.", examples=["Modern Standard Arabic"])
    targets: list[str] = Field(description="Tags of all languages it can be translated into.")


class DetectedLanguage(BaseModel):
    """A detected language."""

    confidence: float = Field(
        description="Percent: 100 if no other language has this script; 0, with `en`, if the "
        "text is too short or in none of the languages."
    )
    language: str = Field(description="BCP 47 tag.", examples=["en"])


class DetectRequest(BaseModel):
    """A text whose language is asked for."""

    q: Annotated[str, Field(max_length=MAX_CHARACTERS)] | list[str] = Field(
        description="The text.", examples=["قطة على خلفية زرقاء"]
    )


class FrontendLanguage(BaseModel):
    """A language that a frontend begins with."""

    code: str = Field(description="BCP 47 tag, or `auto`.")
    name: str = Field(description="English name.")


class FrontendSettings(BaseModel):
    """What a frontend needs to know."""

    apiKeys: bool = Field(description="Whether there are API keys.")  # noqa: N815
    keyRequired: bool = Field(description="Whether a key is required.")  # noqa: N815
    charLimit: int = Field(  # noqa: N815
        default=MAX_CHARACTERS, description="Characters of a request, at most."
    )
    frontendTimeout: int = Field(  # noqa: N815
        default=500, description="Milliseconds to wait after typing."
    )
    suggestions: bool = Field(default=False, description="Whether translations can be suggested.")
    supportedFilesFormat: list[str] = Field(  # noqa: N815
        description="Endings of files that can be translated."
    )
    language: dict[str, FrontendLanguage] = Field(description="The `source` and the `target`.")


def language_of(code: str) -> Language:
    """A language by its code; a region is left out: ``pt-BR`` is Portuguese.

    Raises:
        LanguageError: for an unknown code.
    """
    key = code.strip().replace("_", "-").casefold()
    if found := known_language(code) or known_language(OTHER_CODES.get(key, "")):
        return found
    without_region = _REGION.sub("", code.strip())
    return known_language(without_region) or language(code)


def detected(text: str, known: Collection[str]) -> tuple[Language, float]:
    """The language of a text, and how sure it is in percent.

    Raises:
        LanguageError: when it is none that the translator knows, or cannot be told.
    """
    found = detect(text, known)
    if found.shares and found.shares[0][0] == found.best:
        return found.shares[0]
    if found.best is None:
        raise LanguageError("The language of this text is not clear; name the source.")
    raise LanguageError(
        "This text seems to be in {language}, which the translator does not know; if it is not, "
        "name the source.",
        language=found.best,
    )


@router.get("/languages", summary="List languages")
def list_languages(service: ServiceDep) -> list[LanguageView]:
    """Those that the translator in use knows."""
    targets = service.scheduler.studio.translator.targets()
    tags = {one.code: one.tag for one in languages()}
    return [
        LanguageView(
            code=one.tag, name=one.en, targets=sorted(tags[code] for code in targets[one.code])
        )
        for one in languages()
        if one.code in targets
    ]


@router.post(
    "/detect",
    summary="Detect the language of a text",
    openapi_extra=request_body(DetectRequest, "application/json", *FORMS),
)
async def detect_language(
    request: Request, service: ServiceDep, client: ClientDep
) -> list[DetectedLanguage]:
    """Only the translator's languages are named; a text in another one gets a low confidence."""
    body = await read_body(request, DetectRequest)
    text = body.q if isinstance(body.q, str) else "\n".join(body.q)
    known = await service.with_models(client, lambda studio: studio.translator.targets())
    found = await anyio.to_thread.run_sync(detect, text, known)
    shares = found.shares or ((ENGLISH, 0.0),)
    return [DetectedLanguage(confidence=sure, language=one.tag) for one, sure in shares]


@router.get("/frontend/settings", summary="Get settings for frontends")
def frontend_settings(service: ServiceDep, client: ClientDep) -> FrontendSettings:
    """Limits, and the languages to begin with."""
    has_keys = client.startswith("key:")
    known = service.scheduler.studio.translator.targets()
    target = language(ARABIC.code if ARABIC.code in known else next(iter(known)))
    return FrontendSettings(
        apiKeys=has_keys,
        keyRequired=has_keys,
        supportedFilesFormat=list(ENDINGS),
        language={
            "source": FrontendLanguage(code=AUTO, name="Auto Detect"),
            "target": FrontendLanguage(code=target.tag, name=target.en),
        },
    )
