"""LibreTranslate-compatible translation."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, ValidationError
from starlette.datastructures import UploadFile

from marsam.api.dependencies import ClientDep, ServiceDep
from marsam.api.fields import LanguageName
from marsam.api.responses import LibreTranslateErrorBody, errors
from marsam.api.validation import invalid_sentence
from marsam.errors import OptionError
from marsam.options import TranslateOptions
from marsam.studio import Studio
from marsam.text.languages import detect_language, language, languages

AUTO = "auto"
MAX_TEXTS = 50

router = APIRouter(tags=["LibreTranslate"])


class TranslateRequest(BaseModel, use_attribute_docstrings=True):
    """Body of a LibreTranslate-compatible request."""

    q: str | list[str] = Field(examples=["two fish"])
    """Text to translate, or a list of at most 50 texts."""
    source: str = Field(max_length=100, examples=["en"])
    """BCP 47 tag, name or NLLB code; `auto` detects Arabic and English by their scripts."""
    target: LanguageName
    format: Literal["text", "html"] = "text"
    """Must be `text`; `html` is refused."""


class LanguageView(BaseModel):
    """A language of the translator."""

    code: str = Field(description="BCP 47 tag.", examples=["ar"])
    name: str = Field(description="English name.", examples=["Modern Standard Arabic"])
    targets: list[str] = Field(description="Tags of all languages it can be translated into.")


class DetectedLanguage(BaseModel):
    """A detected language."""

    confidence: float = Field(description="Percent.")
    language: str = Field(description="BCP 47 tag.", examples=["en"])


class TranslateResponse(BaseModel):
    """A translation, or a list of them if ``q`` is a list."""

    translatedText: str | list[str] = Field(description="Translation of each text.")  # noqa: N815
    detectedLanguage: DetectedLanguage | list[DetectedLanguage] | None = Field(  # noqa: N815
        default=None, description="Only with `source` `auto`."
    )


@router.get("/languages", summary="List languages")
def list_languages() -> list[LanguageView]:
    """For LibreTranslate's clients."""
    codes = sorted(one.tag for one in languages())
    return [LanguageView(code=one.tag, name=one.en, targets=codes) for one in languages()]


@router.post(
    "/translate",
    summary="Translate texts",
    response_model_exclude_none=True,
    responses=errors(422, 503, 507, body=LibreTranslateErrorBody),
    openapi_extra={
        "requestBody": {
            "content": {
                media_type: {"schema": TranslateRequest.model_json_schema()}
                for media_type in ("application/json", "application/x-www-form-urlencoded")
            }
        }
    },
)
async def translate(request: Request, service: ServiceDep, client: ClientDep) -> TranslateResponse:
    """For LibreTranslate's clients.

    The fields may also be sent in the query, and the API key as the field `api_key`.
    """
    body = await _read_body(request)
    return await service.with_models(client, lambda studio: _translate(studio, body))


async def _read_body(request: Request) -> TranslateRequest:
    """The fields of a JSON body, or of a form and the query."""
    try:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind.endswith("json"):
            return TranslateRequest.model_validate_json(await request.body())
        form = await request.form()
        fields = {name: value for name, value in form.items() if not isinstance(value, UploadFile)}
        return TranslateRequest.model_validate({**request.query_params, **fields})
    except ValidationError as error:
        raise OptionError(invalid_sentence(error.errors())) from error


def _translate(studio: Studio, body: TranslateRequest) -> TranslateResponse:
    texts = [body.q] if isinstance(body.q, str) else body.q
    if len(texts) > MAX_TEXTS:
        raise OptionError(f"q must have at most {MAX_TEXTS} texts (got {len(texts)}).")
    if body.format == "html":
        raise OptionError("format must be text; HTML is not supported.")
    target = language(body.target).code
    sources = [
        detect_language(text) if body.source == AUTO else language(body.source) for text in texts
    ]
    options = [TranslateOptions(source=source.code, target=target) for source in sources]
    rows = zip(texts, options, strict=True)
    translated = [studio.translator.translate(*row).checked().text for row in rows]
    detected = None
    if body.source == AUTO:  # 50 percent: the language is detected by the script alone
        detected = [DetectedLanguage(confidence=50.0, language=source.tag) for source in sources]
    if isinstance(body.q, list):
        return TranslateResponse(translatedText=translated, detectedLanguage=detected)
    return TranslateResponse(
        translatedText=translated[0], detectedLanguage=detected and detected[0]
    )
