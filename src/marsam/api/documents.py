"""Alt texts of a document: what is missing, and drafts for it."""

import base64
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from marsam.api.bodies import Body, File, body_of, request_body
from marsam.api.dependencies import ClientDep, ServiceDep
from marsam.api.fields import Arabic, Ask, Length
from marsam.api.reader_language import ReaderLanguage
from marsam.api.responses import errors
from marsam.documents.check import LONG_ALT_TEXT
from marsam.documents.fill import DocumentLanguage, FillOptions, Overwrite
from marsam.documents.formats import READABLE
from marsam.documents.report import filled_image_to_dict
from marsam.documents.uploads import check_upload, fill_upload
from marsam.messages import in_language
from marsam.options import ArabicCaption, BatchOptions, CaptionLength, CaptionOptions

router = APIRouter(prefix="/v1", tags=["Documents"], responses=errors(413, 415, 422, 503, 507))
_NAME = "File name, whose suffix tells the format."


class DocumentRequest(Body):
    """A document, and how its alt texts are written."""

    document: Annotated[File, Field(description=f"{READABLE}; at most 20 MB.")]
    name: str = Field(max_length=1000, description=_NAME, examples=["about.html"])
    fill: bool = Field(
        default=True,
        description="Write drafts where alt texts are missing; otherwise only check.",
        examples=[True],
    )
    language: Literal["same", "en", "ar", "both"] = Field(
        default="same",
        description="Language of the alt texts: `same` (that of the document), `en`, `ar`, `both`.",
        examples=["same"],
    )
    overwrite: Literal["nothing", "bad", "all"] = Field(
        default="nothing",
        description="Alt texts to replace: `nothing`, `bad` (file names, or words such as "
        '"image"), or `all`.',
        examples=["nothing"],
    )
    mark: bool = Field(
        default=FillOptions.mark,
        description="Begin each draft with words that say that a model wrote it.",
        examples=[False],
    )
    max_characters: int = Field(
        default=LONG_ALT_TEXT, ge=1, description="Report longer alt texts.", examples=[125]
    )
    length: Length = str(CaptionOptions.length)
    ask: Ask = ""
    arabic: Arabic = str(CaptionOptions.arabic)

    def options(self) -> tuple[FillOptions, BatchOptions]:
        """The options; MarsamError if a value is out of range or unknown."""
        caption = CaptionOptions(
            length=CaptionLength.named(self.length),
            ask=self.ask,
            arabic=ArabicCaption.named(self.arabic),
        )
        filling = FillOptions(
            language=DocumentLanguage(self.language),
            overwrite=Overwrite(self.overwrite),
            mark=self.mark,
        )
        return filling, BatchOptions(caption=caption)


class ImageView(BaseModel):
    """An image of a document that lacked an alt text."""

    key: str = Field(description="Identifies the place in the document.", examples=["3"])
    kind: str = Field(description="`image`, `drawing`, `chart`, …", examples=["image"])
    line: int | None = Field(default=None, description="In text files.", examples=[12])
    part: str | None = Field(
        default=None, description="File within the document.", examples=["ppt/slides/slide3.xml"]
    )
    part_name: str | None = Field(
        default=None,
        description="What people call it, in your language: slide, chapter, header.",
        examples=["slide 2"],
    )
    source: str | None = Field(
        default=None, description="As the document has it.", examples=["images/car.png"]
    )
    alt: str | None = Field(default=None, description="Alt text before.", examples=["image"])
    language: str | None = Field(
        default=None, description="Of the text around it.", examples=["ar"]
    )
    context: dict[str, str] | None = Field(
        default=None,
        description="Heading, caption, link target, sentences before and after.",
        examples=[{"heading": "سياراتنا"}],
    )
    text: str | None = Field(
        default=None, description="The draft.", examples=["سيارة على خلفية خضراء"]
    )
    reason: str | None = Field(
        default=None,
        description="Why there is no draft.",
        examples=["perhaps decorative: a person decides"],
    )


class FindingView(BaseModel):
    """Something to know about an alt text."""

    rule: str = Field(description="Name of the rule.", examples=["missing"])
    severity: str = Field(description="`error`, `warning` or `note`.", examples=["error"])
    message: str = Field(description="What was found.", examples=["no alt text"])
    key: str = Field(description="Identifies the place in the document.", examples=["3"])
    line: int | None = Field(description="In text files.", examples=[12])
    part_name: str | None = Field(
        description="Slide, chapter or header, in your language.", examples=["slide 2"]
    )
    source: str = Field(description="As the document has it.", examples=["images/car.png"])


class DocumentView(BaseModel):
    """The document with its alt texts, and a report."""

    document: str | None = Field(
        description="The new file in base64; null if nothing changed.", examples=["PGltZyBhbHQ…"]
    )
    images: list[ImageView] = Field(description="Images that a draft was wanted for.")
    findings: list[FindingView] = Field(description="What the check found before.")


@router.post(
    "/documents",
    summary="Write the alt texts that a document lacks",
    openapi_extra=request_body(DocumentRequest),
)
async def document(
    body: Annotated[DocumentRequest, Depends(body_of(DocumentRequest))],
    service: ServiceDep,
    client: ClientDep,
    language: ReaderLanguage,
) -> DocumentView:
    """Only images in the document itself are described, not those beside it or on the network."""
    filling, batch = body.options()
    check = await service.decode(
        client, lambda: check_upload(body.document, body.name, max_characters=body.max_characters)
    )
    findings = [
        FindingView(
            rule=str(one.rule),
            severity=str(one.severity),
            message=in_language(one.message, language),
            key=one.image.key,
            line=one.image.line,
            part_name=in_language(one.image.part_name, language) if one.image.part_name else None,
            source=one.image.source,
        )
        for one in check.findings
    ]
    if not body.fill:
        return DocumentView(document=None, images=[], findings=findings)
    filled = await service.with_models(
        client,
        lambda studio: fill_upload(studio, body.document, body.name, options=filling, batch=batch),
    )
    images = [filled_image_to_dict(one, language) for one in filled.images]
    data = filled.data
    return DocumentView(
        document=base64.b64encode(data).decode() if data is not None else None,
        images=[ImageView(**one) for one in images],
        findings=findings,
    )
