"""Bodies of LibreTranslate's clients: JSON, a form of either kind, or the query."""

from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, QueryParams, UploadFile

from marsam.api.validation import invalid_sentence
from marsam.errors import OptionError

MAX_FORM_FIELDS = 200
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
Model = TypeVar("Model", bound=BaseModel)


async def read_body(request: Request, model: type[Model]) -> Model:
    """The fields of a request; several fields ``q`` are a list.

    Raises:
        OptionError: for fields that are missing or wrong.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind.endswith("json"):
            return model.model_validate_json(await request.body())
        async with request.form(max_files=1, max_fields=MAX_FORM_FIELDS) as form:
            return model.model_validate(_fields(request.query_params) | _fields(form))
    except ValidationError as error:
        raise OptionError(invalid_sentence(error.errors())) from error


def request_body(model: type[BaseModel], *kinds: str) -> dict[str, Any]:
    """The OpenAPI description of a body, for ``openapi_extra``."""
    schema = model.model_json_schema()
    return {"requestBody": {"content": {kind: {"schema": schema} for kind in kinds}}}


def _fields(sent: FormData | QueryParams) -> dict[str, Any]:
    fields: dict[str, Any] = {
        name: value for name, value in sent.items() if not isinstance(value, UploadFile)
    }
    if len(texts := sent.getlist("q")) > 1:
        fields["q"] = texts
    return fields
