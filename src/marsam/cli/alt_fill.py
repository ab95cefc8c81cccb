"""Fills documents from the command line, and prints what was done."""

import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import typer

from marsam.batch.cache import BatchContext, ResultCache, models_of
from marsam.batch.engine import LocalEngine
from marsam.batch.pipeline import BatchPipeline
from marsam.cli import console
from marsam.cli.terminal_language import in_terminal_language
from marsam.documents.document import DocumentImage
from marsam.documents.fetching import ImageFetcher
from marsam.documents.fill import DocumentLanguage, FilledDocument, FillOptions
from marsam.documents.filler import DocumentFiller
from marsam.documents.output import Outputs, outputs_for
from marsam.documents.report import filled_to_dict
from marsam.documents.table import ImageTable
from marsam.errors import DocumentError
from marsam.hub.selection import join_sources
from marsam.messages import InBothLanguages, Sentence
from marsam.options import BatchOptions
from marsam.studio import Studio

MAX_SHOWN = 60
"""Characters of an image's source in a line of the report."""


@dataclass(frozen=True, kw_only=True)
class Filling:
    """Documents to fill, and with what.

    Attributes:
        paths: documents, or folders of them.
        table: of the images; None for none.
        root: of all documents; None for the folder that each was found in.
        batch: how the images are described.
        models, captioner, translator, device: as of :meth:`Studio.load`.
        fetcher: fetches images on the network.
        as_json: print JSON.
    """

    paths: Sequence[Path]
    table: Path | None = None
    root: Path | None = None
    batch: BatchOptions = field(default_factory=BatchOptions)
    models: str | None = None
    captioner: str | None = None
    translator: Sequence[str] | None = None
    device: str | None = None
    fetcher: ImageFetcher | None = None
    as_json: bool = False

    def run(self, options: FillOptions, *, out: Path | None, in_place: bool) -> None:
        """Fill the documents: copies in a folder, or themselves, or the table alone.

        Raises:
            typer.Exit: a document or an image could not be read or written; all else is done.
        """
        from marsam.journal.journal import data_folder

        started = time.monotonic()
        outputs = outputs_for(self.paths, out)
        images = ImageTable(self.table) if self.table is not None else None
        documents: list[dict[str, Any]] = []
        failed = False
        with ExitStack() as stack:
            cache = stack.enter_context(closing(ResultCache(data_folder() / "captions.db")))
            filler = self._filler(cache, images, options, outputs)
            if images is not None:
                stack.enter_context(images.writing())
            for document in stack.enter_context(closing(filler.fill(outputs.targets))):
                written = None
                try:
                    if document.error is None and (out is not None or in_place):
                        written = outputs.write(document.path, document.data)
                except DocumentError as error:
                    document = replace(document, error=error)
                failed |= document.fails
                if images is not None:
                    images.add(document)
                documents.append(filled_to_dict(document, written))
                if not self.as_json:
                    _print_filled(document, written)
        if self.as_json:
            seconds = round(time.monotonic() - started, 3)
            found = {"documents": documents, "table": str(self.table) if self.table else None}
            console.print_json(found | {"seconds": seconds})
        elif self.table is not None:
            typer.echo(str(self.table))
        if failed:
            raise typer.Exit(1)

    def _filler(
        self, cache: ResultCache, images: ImageTable | None, options: FillOptions, outputs: Outputs
    ) -> DocumentFiller:
        studio = Studio.load(
            self.models,
            captioner=self.captioner,
            translator=join_sources(self.translator),
            device=self.device,
        )
        studio.captioner.abilities.check(self.batch.caption, studio.captioner.name)
        console.warn_mini_models(studio, quiet=self.as_json)
        is_english = options.language == DocumentLanguage.ENGLISH and images is None
        context = BatchContext(
            cache=cache,
            options=replace(self.batch, languages=()) if is_english else self.batch,
            models=models_of(studio),
            kept=images.kept if images else {},
            has_contexts=studio.captioner.abilities.requests,
        )
        pipeline = BatchPipeline(
            engine=LocalEngine(studio=studio, context=context),
            context=context,
            painter=studio.painter,
            folder=images.folder if images else Path(),
            pictures_folder=Path(),
        )
        return DocumentFiller(
            pipeline=pipeline,
            options=options,
            roots={path: self.root or folder for path, folder in outputs.folders.items()},
            drafts=images.drafts if images else (),
            images_folder=images.images_folder if images else None,
            fetcher=self.fetcher,
        )


def _print_filled(document: FilledDocument, written: Path | None) -> None:
    """Print the file that was written, and the drafts and what has none below it."""
    if document.error is not None:
        console.complain(document.error, about=console.shown_name(document.path))
        return
    if written is not None or document.images:
        typer.echo(console.shown_name(written or document.path))
    for one in document.images:
        if one.reason is not None:
            print_line(one.image, "–", one.reason)
        else:
            print_line(one.image, "+", Sentence(one.text, one.text))


def print_line(image: DocumentImage, mark: str, text: InBothLanguages) -> None:
    """Print a line about an image: where it is, a mark, a text, and its source."""
    place = str(image.line or "")
    if image.part_name is not None:
        place = in_terminal_language(image.part_name)
    source = image.source if len(image.source) <= MAX_SHOWN else f"…{image.source[-MAX_SHOWN:]}"
    sentence = console.without_controls(in_terminal_language(text))
    named = f"  ({console.shown_name(source)})" if source else ""
    typer.echo(f"  {console.shown_name(place):>6}  {mark}  {sentence}{named}")
