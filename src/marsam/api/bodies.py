"""Bodies of our own routes: the same fields as JSON or as a form; unknown fields are refused."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import anyio.to_thread
from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)
from starlette.datastructures import UploadFile

from marsam.api.dependencies import decode_base64
from marsam.imaging.image_io import read_bytes
from marsam.messages import Message

JSON, MULTIPART, URLENCODED = (
    "application/json",
    "multipart/form-data",
    "application/x-www-form-urlencoded",
)
MAX_FORM_FIELDS = 100
_FORM = "form"


def _read_file(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, UploadFile):
        return read_bytes(value.file)
    if isinstance(value, str):
        if info.context == _FORM:
            raise ValueError("Expected UploadFile")
        return decode_base64(value)
    return value


File = Annotated[
    bytes,
    BeforeValidator(_read_file),
    WithJsonSchema(
        {"type": "string", "contentEncoding": "base64", "examples": ["iVBORw0KGgoAAAANSUhEUg…"]}
    ),
]
"""A file of at most 20 MB: uploaded in a form, or in base64 in JSON."""


class Body(BaseModel, use_attribute_docstrings=True):
    """Fields of a request."""

    model_config = ConfigDict(extra="forbid")


BodyType = TypeVar("BodyType", bound=Body)


def body_of(
    model: type[BodyType], *, max_files: int = 1
) -> Callable[[Request], Awaitable[BodyType]]:
    """A dependency that reads the fields of a model from JSON or a form.

    The name of a field in a form may end in ``[]``, as that of a list.

    It raises RequestValidationError for wrong, unknown and repeated fields, and HTTPException for
    other types of content.
    """

    async def read(request: Request) -> BodyType:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in (JSON, MULTIPART, URLENCODED, ""):
            raise HTTPException(415, Message("The body must be JSON or a form."))
        try:
            if kind == JSON:
                body = await request.body()
                return await anyio.to_thread.run_sync(model.model_validate_json, body)
            async with request.form(max_files=max_files, max_fields=MAX_FORM_FIELDS) as form:
                fields = _once(form.multi_items())
                return await anyio.to_thread.run_sync(
                    lambda: model.model_validate(fields, context=_FORM)
                )
        except ValidationError as error:
            # A wrong name first: often it is why another field is missing.
            found = sorted(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
            raise RequestValidationError(
                [{**one, "loc": ("body", *one["loc"])} for one in found]
            ) from error

    return read


def _once(items: list[tuple[str, Any]]) -> dict[str, Any]:
    """The fields of a form; one that is empty is not given, as web browsers send all of them."""
    fields: dict[str, Any] = {}
    for name, value in items:
        name = name.removesuffix("[]")
        if name in fields:
            error = {"type": "repeated", "loc": ("body", name), "msg": "was sent more than once"}
            raise RequestValidationError([error])
        fields[name] = value
    return {name: value for name, value in fields.items() if value != ""}


def request_body(model: type[Body]) -> dict[str, Any]:
    """The OpenAPI description of what :func:`body_of` reads, for ``openapi_extra``."""
    schema = model.model_json_schema()
    files = {
        name: {key: text for key, text in field.items() if key in ("title", "description")}
        | {"type": "string", "format": "binary"}
        for name, field in schema["properties"].items()
        if "contentEncoding" in str(field)
    }
    form = {**schema, "properties": schema["properties"] | files}
    content = {JSON: schema, MULTIPART if files else URLENCODED: form}
    described = {kind: {"schema": one} for kind, one in content.items()}
    return {"requestBody": {"required": True, "content": described}}
