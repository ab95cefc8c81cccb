"""Doors for programs people have: OpenAI's, LibreTranslate's and the web UI's clients."""

import base64
import json
from typing import Any, Literal

import anyio.to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile

from marsam.api.dependencies import Service, encoded, size_named
from marsam.api.responses import client, kept
from marsam.errors import OptionError
from marsam.imaging.metadata import parameters, read
from marsam.journal.records import Run, StoredPicture
from marsam.options import MAX_TEXT, CaptionOptions, PaintOptions, RunOptions, TranslateOptions
from marsam.text.languages import ARABIC, ENGLISH, language, languages, script_of

AUTO = "auto"
_TEXTS = 50
"""Texts that may be translated in one request."""


class ImageRequest(BaseModel):
    """What OpenAI's clients send; fields of models that we are not are let pass."""

    prompt: str = Field(max_length=5 * MAX_TEXT)
    n: int | None = 1
    size: str | None = None
    response_format: Literal["url", "b64_json"] | None = None
    seed: int | None = None


class TranslateRequest(BaseModel):
    """What LibreTranslate's clients send."""

    q: str | list[str]
    source: str = Field(max_length=100)
    target: str = Field(max_length=100)
    format: Literal["text", "html"] = "text"


class PaintRequest(BaseModel):
    """What the web UI's clients send; of its many fields, those that mean something here."""

    model_config = ConfigDict(extra="ignore")

    prompt: str = Field(max_length=5 * MAX_TEXT)
    negative_prompt: str = Field(default="", max_length=MAX_TEXT)
    seed: int = -1
    steps: int | None = None
    cfg_scale: float | None = None
    width: int | None = None
    height: int | None = None
    batch_size: int = 1
    n_iter: int = 1


class InterrogateRequest(BaseModel):
    """A picture in base64; there is one captioner, whatever ``model`` says."""

    image: str


def routes(service: Service) -> APIRouter:
    """The routes other services' clients call."""
    router = APIRouter(tags=["doors"])

    async def painted(
        request: Request, prompt: str, paint: PaintOptions
    ) -> tuple[Run, list[StoredPicture]]:
        me, options = client(request), RunOptions(paint=paint)
        run, _ = await anyio.to_thread.run_sync(lambda: service.begin(me, options, prompt=prompt))
        done = await service.done(request, run.id)
        chosen = [p for p in done.pictures if p.index in kept(done) and p.path is not None]
        return done, chosen

    @router.post("/v1/images/generations", summary="As OpenAI's clients ask for pictures")
    async def generations(request: Request, asked: ImageRequest) -> dict[str, Any]:
        width, height = size_named(asked.size)
        paint = PaintOptions(pictures=asked.n or 1, seed=asked.seed, width=width, height=height)
        run, chosen = await painted(request, asked.prompt, paint)
        sent = run.prompt.english if run.prompt else asked.prompt

        def told(picture: StoredPicture) -> dict[str, Any]:
            if asked.response_format == "url":
                where = f"v1/pictures/{run.id}-{picture.index}"
                return {"url": f"{request.base_url}{where}", "revised_prompt": sent}
            return {"b64_json": _base64(picture), "revised_prompt": sent}

        data = await anyio.to_thread.run_sync(lambda: [told(picture) for picture in chosen])
        return {"created": int(run.created), "data": data}

    @router.get("/languages", summary="As LibreTranslate's clients ask for languages")
    def known() -> list[dict[str, Any]]:
        codes = sorted(one.short for one in languages())
        return [{"code": one.short, "name": one.en, "targets": codes} for one in languages()]

    @router.post(
        "/translate",
        summary="As LibreTranslate's clients translate",
        openapi_extra={
            "requestBody": {
                "content": {
                    kind: {"schema": TranslateRequest.model_json_schema()}
                    for kind in ("application/json", "application/x-www-form-urlencoded")
                }
            }
        },
    )
    async def translate(request: Request) -> dict[str, Any]:
        asked = await _either(request)
        return await anyio.to_thread.run_sync(_translated, service, asked)

    @router.post("/sdapi/v1/txt2img", summary="As the web UI's clients paint")
    async def txt2img(request: Request, asked: PaintRequest) -> dict[str, Any]:
        paint = PaintOptions(
            pictures=asked.batch_size * asked.n_iter,
            seed=asked.seed if asked.seed >= 0 else None,
            steps=asked.steps,
            guidance_scale=asked.cfg_scale,
            negative_prompt=asked.negative_prompt,
            width=asked.width,
            height=asked.height,
        )
        _, chosen = await painted(request, asked.prompt, paint)
        return await anyio.to_thread.run_sync(_as_web_ui, asked, chosen)

    @router.post("/sdapi/v1/interrogate", summary="As the web UI's clients describe a picture")
    def interrogate(asked: InterrogateRequest) -> dict[str, str]:
        picture = encoded(asked.image)
        with service.words() as studio:
            return {"caption": studio.captioner.caption(picture, CaptionOptions())[0].text}

    return router


async def _either(request: Request) -> TranslateRequest:
    """A body as JSON or as a form, whichever it is; some clients put a form into the query."""
    try:
        if request.headers.get("content-type", "").startswith("application/json"):
            return TranslateRequest.model_validate_json(await request.body())
        form = await request.form()
        fields = {k: v for k, v in form.items() if not isinstance(v, UploadFile)}
        return TranslateRequest.model_validate({**request.query_params, **fields})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the request"
        raise OptionError(f"{where}: {first['msg']}.") from error


def _translated(service: Service, asked: TranslateRequest) -> dict[str, Any]:
    texts = [asked.q] if isinstance(asked.q, str) else asked.q
    if len(texts) > _TEXTS:
        raise OptionError(f"At most {_TEXTS} texts are translated at once.")
    if asked.format == "html":
        raise OptionError("Only plain text is translated: format must be text.")
    target, answers, found = language(asked.target), [], []
    with service.words() as studio:
        for text in texts:
            source = _source(asked.source, text)
            options = TranslateOptions(source=source.code, target=target.code)
            answers.append(studio.translator.translate(text, options).text)
            # By its letters alone: that is all there is to tell it by.
            found.append({"confidence": 50.0, "language": source.short})
    single = isinstance(asked.q, str)
    told: dict[str, Any] = {"translatedText": answers[0] if single else answers}
    if asked.source == AUTO:
        told["detectedLanguage"] = found[0] if single else found
    return told


def _source(name: str, text: str) -> Any:
    if name != AUTO:
        return language(name)
    return ARABIC if script_of(text) == "Arab" else ENGLISH


def _as_web_ui(asked: PaintRequest, chosen: list[StoredPicture]) -> dict[str, Any]:
    records = [record for p in chosen if p.path and (record := read(p.path))]
    info = {
        "prompt": asked.prompt,
        "all_prompts": [record.prompt for record in records],
        "negative_prompt": asked.negative_prompt,
        "seed": chosen[0].seed if chosen else asked.seed,
        "all_seeds": [picture.seed for picture in chosen],
        "steps": records[0].steps if records else asked.steps,
        "cfg_scale": records[0].guidance_scale if records else asked.cfg_scale,
        "sampler_name": records[0].scheduler if records else "",
        "width": records[0].width if records else asked.width,
        "height": records[0].height if records else asked.height,
        "infotexts": [parameters(record) for record in records],
    }
    return {
        "images": [_base64(picture) for picture in chosen],
        "parameters": asked.model_dump(),
        "info": json.dumps(info, ensure_ascii=False),
    }


def _base64(picture: StoredPicture) -> str:
    return base64.b64encode(picture.path.read_bytes()).decode() if picture.path else ""
