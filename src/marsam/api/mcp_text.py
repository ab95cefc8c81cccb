"""The MCP tools that return texts: captions, translations, alt texts of documents."""

import base64
from typing import Annotated, Any, Literal

from pydantic import Field

from marsam.api.dependencies import decode_base64, decode_base64_image
from marsam.api.fields import Arabic, Ask, Context, LanguageName, Length
from marsam.api.mcp_context import ToolContext, language_of_client, service_and_client
from marsam.documents.fill import DocumentLanguage, FillOptions, Overwrite
from marsam.documents.formats import READABLE
from marsam.documents.report import filled_image_to_dict
from marsam.documents.uploads import fill_upload
from marsam.imaging.file_kinds import READABLE as READABLE_IMAGES
from marsam.imaging.image_io import MAX_BYTES
from marsam.messages import in_language
from marsam.notices import notice_sentences
from marsam.options import (
    MAX_TEXT_CHARACTERS,
    ArabicCaption,
    BatchOptions,
    CaptionLength,
    CaptionOptions,
    TranslateOptions,
)
from marsam.text.languages import language as language_named

_BASE64 = (
    f"{READABLE_IMAGES} image in base64, at most {MAX_BYTES // 1_000_000} MB; not a URL or a path."
)
Image = Annotated[str, Field(description=_BASE64)]
StartImage = Annotated[str | None, Field(description=f"Image to paint variations of. {_BASE64}")]


async def caption(
    picture: Image,
    tool_context: ToolContext,
    length: Length = "sentence",
    ask: Ask = "",
    context: Context = "",
    arabic: Arabic = "translated",
) -> dict[str, Any]:
    """Caption an image in English and Arabic; the notes say what is wrong with the captions.

    Use it to learn what an image shows, or for an alt text. Takes a few seconds. {requests}
    """
    options = caption_options(length, ask, context, arabic)
    service, client = service_and_client(tool_context)
    image = await service.decode(client, lambda: decode_base64_image(picture))
    english, other = await service.with_models(
        client, lambda studio: studio.describe(image, options)[0]
    )
    notices = notice_sentences((*english.warnings, *other.warnings), other.unknown_words)
    language = language_of_client(tool_context)
    return {
        "en": english.text,
        "ar": other.text,
        **({} if other.native is None else {"native": other.native, "agreement": other.agreement}),
        "notes": [in_language(notice, language) for notice in notices],
    }


async def translate(
    tool_context: ToolContext,
    text: Annotated[
        str, Field(description=f"Text to translate, at most {MAX_TEXT_CHARACTERS} characters.")
    ],
    source: LanguageName = "en",
    target: LanguageName = "ar",
) -> dict[str, Any]:
    """Translate a text between {languages}.

    At most {characters} characters; takes a few seconds. Not needed before paint, which accepts
    Arabic prompts.
    """
    options = TranslateOptions(
        source=language_named(source).code, target=language_named(target).code
    )
    service, client = service_and_client(tool_context)
    return await service.with_models(
        client, lambda studio: studio.translator.translate(text, options).to_dict()
    )


async def alt_texts(
    document: Annotated[str, Field(description=f"{READABLE}, in base64, at most 20 MB.")],
    name: Annotated[
        str, Field(max_length=1000, description="File name, whose suffix tells the format.")
    ],
    tool_context: ToolContext,
    language: Annotated[
        Literal["same", "en", "ar", "both"],
        Field(description="same: that of the document; en, ar or both."),
    ] = "same",
    overwrite: Annotated[
        Literal["nothing", "bad", "all"],
        Field(description='Alt texts to replace: nothing; bad (file names, "image"); or all.'),
    ] = "nothing",
    mark: Annotated[
        bool, Field(description="Begin each draft with words that say that a model wrote it.")
    ] = FillOptions.mark,
) -> dict[str, Any]:
    """Write alt texts where a document lacks them, and return the document.

    Only images in the document itself are described, not those beside it or on the network. A
    person's words stay. Takes seconds per image. document is null when nothing changed.
    """
    options = FillOptions(
        language=DocumentLanguage(language), overwrite=Overwrite(overwrite), mark=mark
    )
    service, client = service_and_client(tool_context)
    data = await service.decode(client, lambda: decode_base64(document))
    filled = await service.with_models(
        client,
        lambda studio: fill_upload(studio, data, name, options=options, batch=BatchOptions()),
    )
    reader = language_of_client(tool_context)
    images = [filled_image_to_dict(one, reader) for one in filled.images]
    changed = filled.data is not None
    return {
        "document": base64.b64encode(filled.data or b"").decode() if changed else None,
        "images": images,
    }


def caption_options(length: str, ask: str, context: str, arabic: str) -> CaptionOptions:
    """Return the options of these names; OptionError for unknown ones."""
    return CaptionOptions(
        length=CaptionLength.named(length),
        ask=ask,
        context=context,
        arabic=ArabicCaption.named(arabic),
    )


TEXT_TOOLS = (caption, translate, alt_texts)
