"""Routes for OpenAI's clients: images from text, captions by chat, and the list of models."""

from fastapi import APIRouter

from marsam.api.openai import chat, images, models
from marsam.api.responses import OpenAIErrorBody, errors

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["OpenAI"], responses=errors(422, body=OpenAIErrorBody))
for module in (images, chat, models):
    router.include_router(module.router)
