"""Routes for clients of the Stable Diffusion web UI (AUTOMATIC1111) and SD.Next."""

from fastapi import APIRouter

from marsam.api.responses import WebUIErrorBody, errors
from marsam.api.sdwebui import images, progress, settings
from marsam.api.sdwebui.progress import ProgressBoard

__all__ = ["ProgressBoard", "router"]

router = APIRouter(
    prefix="/sdapi/v1", tags=["Stable Diffusion web UI"], responses=errors(422, body=WebUIErrorBody)
)
for module in (images, progress, settings):
    router.include_router(module.router)
