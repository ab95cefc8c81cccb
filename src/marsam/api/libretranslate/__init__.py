"""Routes for LibreTranslate's clients."""

from fastapi import APIRouter

from marsam.api.libretranslate import files, languages, translate
from marsam.api.libretranslate.files import TranslatedFiles

__all__ = ["TranslatedFiles", "router"]

router = APIRouter(tags=["LibreTranslate"])
for module in (translate, languages, files):
    router.include_router(module.router)
