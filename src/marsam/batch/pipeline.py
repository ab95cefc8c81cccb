"""The batch pipeline: scan, caption, translate and paint, all at the same time."""

import hashlib
import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from marsam.background import prefetch
from marsam.batch.cache import BatchContext, Errors, Outcome, ScannedFile
from marsam.batch.engine import Engine
from marsam.batch.rows import Row, printable_name
from marsam.errors import MarsamError, PictureError
from marsam.imaging import metadata
from marsam.imaging.image_io import CAPTION_SIDE, map_save_errors, open_picture
from marsam.native_captions import compare_native
from marsam.notices import Notice
from marsam.options import ArabicCaption, PaintOptions
from marsam.results import Painted
from marsam.stages.protocols import Painter
from marsam.styles import in_style
from marsam.text.languages import ARABIC, ENGLISH
from marsam.text.prompt_syntax import weighted_prompt

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class BatchPipeline:
    """Turns image files into rows.

    Attributes:
        engine: does the work, in this process or on a cluster.
        context: the cache, the models and the options.
        painter: paints new pictures, if the options ask for them.
        folder: paths of images in rows are relative to it.
        pictures_folder: the folder of new pictures; rows name them relative to its parent.
    """

    engine: Engine
    context: BatchContext
    painter: Painter
    folder: Path
    pictures_folder: Path

    def rows(self, paths: Iterable[Path]) -> Generator[Row]:
        """Yield a row for every file, in order. Closing it cancels; cached results are kept.

        Raises:
            ModelError: when a model cannot be used.
            LanguageError: when the translator does not know one of the languages.
            JournalError: when the cache cannot be used.
        """
        # 1. Read and decode files.
        yield from self.rows_of(self.engine.scan(paths))

    def rows_of(self, files: Iterator[ScannedFile]) -> Generator[Row]:
        """Yield a row for every file that was scanned; otherwise as :meth:`rows`."""
        # 2. Caption them in batches, while the next files are read.
        captioned = prefetch(self._caption(_chunks(files, self.engine.batch_size)), 2)
        # 3. Translate, while the next images are captioned.
        translated = prefetch(self._translate(captioned), 2, on_close=self.engine.stop)
        # 4. Paint new pictures, if the options ask for them.
        for rows in translated:
            for row in rows:
                yield self._paint(row)

    def _caption(self, chunks: Iterable[Sequence[ScannedFile]]) -> Iterator[list[Row]]:
        context = self.context
        for files in chunks:
            context.cache.record_files(files)
            hashes = {file.info.sha256 for file in files if file.info}
            kept = {sha256: context.cache.alt_texts(sha256) for sha256 in hashes}
            wanted: dict[str, ScannedFile] = {}  # by key: a folder may have copies of an image
            for file in files:
                if (
                    file.info
                    and file.info.sha256 not in context.kept
                    and ENGLISH.code not in kept[file.info.sha256]
                ):
                    wanted.setdefault(context.caption_key(file.info.sha256), file)
            captions = self._outcomes(wanted, self.engine.caption)
            rows = [self._captioned_row(file, captions, kept) for file in files]
            yield self._with_natives(rows, files) if context.wants_native else rows

    def _with_natives(self, rows: list[Row], files: Sequence[ScannedFile]) -> list[Row]:
        """Add the Arabic captions of the captioner itself, where no person's words stand."""
        context, arabic = self.context, ARABIC.code
        wanted = {
            context.caption_key(row.sha256, arabic): file
            for row, file in zip(rows, files, strict=True)
            if row.english and row.sha256 not in context.kept and arabic not in row.texts
        }
        natives = self._outcomes(wanted, partial(self.engine.caption, code=arabic))
        return [
            self._with_native(row, natives[key])
            if row.english and (key := context.caption_key(row.sha256, arabic)) in natives
            else row
            for row in rows
        ]

    def _with_native(self, row: Row, native: Outcome) -> Row:
        if isinstance(native, MarsamError):
            return row if row.is_kept else row.with_error(native)
        if not native.text:
            warnings = (*row.warnings, str(Notice.NATIVE_MISSING))
            return replace(row, native="", warnings=warnings)
        row = replace(row, native=native.text)
        warnings = tuple(dict.fromkeys((*row.warnings, *native.warnings)))
        if self.context.options.caption.arabic == ArabicCaption.NATIVE:
            row = replace(row, texts={**row.texts, ARABIC.code: native.text})
        return replace(row, warnings=warnings)

    def _outcomes(
        self, inputs: Mapping[str, Item], compute: Callable[[Mapping[str, Item]], Errors]
    ) -> Mapping[str, Outcome]:
        """Return the cached texts by key, after those that are missing were computed."""
        cached = self.context.cache.get(inputs)
        missing = {key: item for key, item in inputs.items() if key not in cached}
        errors = compute(missing) if missing else {}
        return cached | self.context.cache.get(missing) | errors

    def _captioned_row(
        self,
        file: ScannedFile,
        captions: Mapping[str, Outcome],
        alt_texts: Mapping[str, Mapping[str, str]],
    ) -> Row:
        path = file.path.relative_to(self.folder).as_posix()
        row = Row(path=printable_name(path), models=self.context.models)
        if file.info is None:
            return row.with_error(file.error or PictureError("This image cannot be read."))
        sha256, width, height = file.info
        row = replace(row, sha256=sha256, width=width, height=height)
        if kept := self.context.kept.get(sha256):
            row = replace(row.in_state(kept.state), texts=kept.texts, models=kept.models)
            row = replace(row, native=kept.native, agreement=kept.agreement, context=kept.context)
            return replace(row, warnings=() if kept.reviewed else kept.warnings)
        wanted = (ENGLISH.code, *self.context.options.languages)
        own = {code: alt_texts[sha256][code] for code in wanted if code in alt_texts[sha256]}
        notices = (str(Notice.ALT_TEXT_KEPT),) if own else ()
        if ENGLISH.code in own:
            # A person wrote it, not the captioner.
            models = {**row.models, "captioner": ""}
            is_complete = len(own) == len(wanted)
            return replace(row, texts=own, warnings=notices, models=models, reviewed=is_complete)
        caption = captions[self.context.caption_key(sha256)]
        if isinstance(caption, MarsamError):
            return row.with_error(caption)
        texts = {ENGLISH.code: caption.text, **own}
        return replace(row, texts=texts, warnings=(*caption.warnings, *notices))

    def _translate(self, chunks: Iterable[list[Row]]) -> Iterator[list[Row]]:
        for rows in chunks:
            for code in self.context.options.languages:
                rows = self._translate_into(code, rows)
            yield self._compared(rows) if self.context.wants_native else rows

    def _compared(self, rows: list[Row]) -> list[Row]:
        """Compare the captioner's Arabic captions with the English ones."""
        keys = {
            row.native: self.context.translation_key(row.native, ENGLISH.code, ARABIC.code)
            for row in rows
            if row.native and row.agreement is None and not row.is_kept
        }
        wanted = {key: text for text, key in keys.items()}
        to_english = partial(self.engine.translate, code=ENGLISH.code, source=ARABIC.code)
        backs = self._outcomes(wanted, to_english)

        def in_english(native: str) -> str:
            back = backs[keys[native]]
            if isinstance(back, MarsamError):
                raise back
            return back.text

        compared = []
        for row in rows:
            if row.native in keys and not row.error:
                agreement, notices = compare_native(row.native, row.english, in_english)
                warnings = tuple(dict.fromkeys((*row.warnings, *map(str, notices))))
                row = replace(row, agreement=agreement, warnings=warnings)
            compared.append(row)
        return compared

    def _translate_into(self, code: str, rows: list[Row]) -> list[Row]:
        wanted = {
            self.context.translation_key(row.english, code): row.english
            for row in rows
            if row.english and code not in row.texts
        }
        translations = self._outcomes(wanted, partial(self.engine.translate, code=code))
        return [self._translated_row(row, code, translations) for row in rows]

    def _translated_row(self, row: Row, code: str, translations: Mapping[str, Outcome]) -> Row:
        if not row.english or code in row.texts:  # an empty text was cleared by a reviewer
            return row
        translation = translations[self.context.translation_key(row.english, code)]
        if isinstance(translation, MarsamError):
            # A person's texts are kept, even where a further language cannot be added.
            return row if row.is_kept else row.with_error(translation)
        warnings = tuple(dict.fromkeys((*row.warnings, *translation.warnings)))
        return replace(row, texts={**row.texts, code: translation.text}, warnings=warnings)

    def _paint(self, row: Row) -> Row:
        """Return the row with its new pictures; those that exist are not painted again."""
        options = self.context.options.paint
        if options is None or not row.english:
            return row
        # From the content by default, so that a resumed batch paints the same pictures.
        first = int(row.sha256[:7], 16) if options.seed is None else options.seed
        names = []
        for seed in range(first, first + options.pictures):
            path = self.pictures_folder / f"{row.sha256[:16]}-{seed}{_options_suffix(options)}.png"
            one = replace(options, pictures=1, seed=seed)
            try:
                if self._is_painted(path, row, one) or self._paint_one(path, row, one):
                    names.append(path.relative_to(self.pictures_folder.parent).as_posix())
            except PictureError as error:  # it changed or was deleted since it was captioned
                return row.with_error(error)
        return replace(row, pictures=tuple(names))

    def _paint_one(self, path: Path, row: Row, options: PaintOptions) -> bool:
        """Paint and save one picture; False when the safety checker blocked it."""
        start = None
        if options.strength is not None:
            start = open_picture(self.folder / row.path, side=CAPTION_SIDE)
        for event in self.painter.paint(_prompt(row), options, start):
            if isinstance(event, Painted) and event.picture.image is not None:
                record = metadata.record_of(event.picture, None)
                arabic = row.texts.get(ARABIC.code, "")
                warnings = " ".join(row.warnings)
                record = replace(record, english=row.english, arabic=arabic, warnings=warnings)
                with map_save_errors(self.pictures_folder):
                    metadata.save_with_record(event.picture.image, record, path)
                return True
        return False

    def _is_painted(self, path: Path, row: Row, options: PaintOptions) -> bool:
        try:
            record = metadata.read_record(path)
        except PictureError:
            return False
        sampling = self.painter.sampling(options.recipe)
        wanted = {
            "prompt": in_style(_prompt(row), options.style),
            "seed": options.seed,
            "recipe": options.recipe,
            "painter": self.painter.name,
            "scheduler": (sampling.scheduler or "").removesuffix("Scheduler"),
            "adapter": sampling.adapter,
        }
        return record is not None and all(
            value == getattr(record, name) for name, value in wanted.items()
        )


def _prompt(row: Row) -> str:
    """The caption for the painter: what looks like a weight in it is text."""
    return weighted_prompt(row.english, ())[0] or row.english


def _options_suffix(options: PaintOptions) -> str:
    """What tells the pictures of other options apart, by their names; nothing for the defaults."""
    defaults = PaintOptions()
    names = ("steps", "guidance_scale", "negative_prompt", "width", "height")
    given = {name: getattr(options, name) for name in names}
    if options.strength is not None:
        given["strength"] = options.strength
    if options.style:
        given["style"] = options.style
    if all(value == getattr(defaults, name) for name, value in given.items()):
        return ""
    return f"-{hashlib.sha256(json.dumps(given).encode()).hexdigest()[:8]}"


def _chunks(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    while chunk := list(islice(items, size)):
        yield chunk
