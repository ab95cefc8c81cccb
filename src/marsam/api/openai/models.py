"""The models that a client may choose from."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path
from pydantic import BaseModel, Field

from marsam.api.dependencies import ServiceDep
from marsam.api.responses import OpenAIErrorBody, errors
from marsam.messages import Message

router = APIRouter(prefix="/models")


class Model(BaseModel):
    """A model."""

    id: str = Field(description="Name of the model.")
    object: Literal["model"] = Field(default="model", description="Always `model`.")
    created: int = Field(default=0, description="Always 0.")
    owned_by: str = Field(default="marsam", description="Always `marsam`.")


class ModelList(BaseModel):
    """All models."""

    object: Literal["list"] = Field(default="list", description="Always `list`.")
    data: list[Model] = Field(description="The painter, for images, and the captioner, for chat.")


@router.get("", summary="List models")
def list_models(service: ServiceDep) -> ModelList:
    """Requests may name any model, as there is one for each task."""
    studio = service.scheduler.studio
    names = dict.fromkeys((studio.painter.name, studio.captioner.name))
    return ModelList(data=[Model(id=name) for name in names])


@router.get("/{model_id:path}", summary="Get a model", responses=errors(404, body=OpenAIErrorBody))
def get_model(
    service: ServiceDep, model_id: Annotated[str, Path(description="Name of a model.")]
) -> Model:
    """One of the list."""
    for model in list_models(service).data:
        if model.id == model_id:
            return model
    sentence = Message("There is no model {name!r}; /v1/models lists them.", name=model_id[:100])
    raise HTTPException(404, sentence)
