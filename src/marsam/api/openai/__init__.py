"""Routes for OpenAI's clients: images from text and images, captions by chat, and the models."""

from fastapi import APIRouter

from marsam.api.openai import chat, edits, images, models
from marsam.api.responses import OpenAIErrorBody, errors

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["OpenAI"], responses=errors(422, body=OpenAIErrorBody))
for module in (images, edits, chat, models):
    router.include_router(module.router)
