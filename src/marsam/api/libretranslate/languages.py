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
from marsam.options import MAX_TEXT_CHARACTERS
from marsam.text.languages import (
    ARABIC,
    ENGLISH,
    Language,
    known_language,
    language,
    languages,
    script_of,
)

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
Detection = tuple[Language, float]
"""A language and how sure it is, in percent."""

router = APIRouter(responses=errors(422, 503, 507, body=LibreTranslateErrorBody))


class LanguageView(BaseModel):
    """A language of the translator."""

    code: str = Field(description="BCP 47 tag.", examples=["ar"])
    name: str = Field(description="English name.", examples=["Modern Standard Arabic"])
    targets: list[str] = Field(description="Tags of all languages it can be translated into.")


class DetectedLanguage(BaseModel):
    """A detected language."""

    confidence: float = Field(
        description="Percent: 100 if no other language has this script, 50 for English and Arabic "
        "by their scripts, 0 for a text without letters."
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


def detect(text: str, known: Collection[str]) -> list[Detection]:
    """The languages that a text may be in, as far as its script tells, the surest first.

    ``known`` has the codes of the translator's languages. English stands for a text without
    letters; the list is empty for a script that none of the languages has.
    """
    text = text[:MAX_TEXT_CHARACTERS]
    script = script_of(text)
    if script is None:
        return [(ENGLISH, 0.0)]
    letters = (letter for letter in text if script_of(letter) in (script, "Jpan"))
    sample = next(letters, "")
    fitting = [one for one in languages() if sample and one.matches_script(sample)]
    if len(fitting) == 1:
        return [(fitting[0], 100.0)]
    here = [one for one in fitting if one.code in known]
    likely = [one for one in here if one in (ARABIC, ENGLISH)] or here
    if len(likely) == 1:
        return [(likely[0], 50.0)]
    return [(one, round(100 / len(here), 1)) for one in here]


def detected(text: str, known: Collection[str]) -> Detection:
    """The language of a text; LanguageError when the script does not tell."""
    found = detect(text, known)
    if len(found) == 1:
        return found[0]
    if not found:
        raise LanguageError("The translator knows no language in the script of this text.")
    tags = ", ".join(one.tag for one, _ in found[:5])
    raise LanguageError(f"The script does not tell the language; name the source, such as {tags}.")


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
    """By the script alone: other languages in Latin or Arabic script are not told apart."""
    body = await read_body(request, DetectRequest)
    text = body.q if isinstance(body.q, str) else "\n".join(body.q)
    known = await service.with_models(client, lambda studio: studio.translator.targets())
    found = await anyio.to_thread.run_sync(detect, text, known)
    if not found:
        raise LanguageError("The translator knows no language in the script of this text.")
    return [DetectedLanguage(confidence=sure, language=one.tag) for one, sure in found]


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
