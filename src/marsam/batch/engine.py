"""The work of a batch: scan files, caption images, translate captions.

:class:`LocalEngine` works in this process; ``marsam.cluster`` has one that works on many machines.
Both store their results in the cache, where :class:`marsam.batch.pipeline.BatchPipeline` reads
them.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

from PIL import Image

from marsam.background import parallel_map
from marsam.batch.cache import BatchContext, Errors, FileInfo, Outcome, ScannedFile, TextResult
from marsam.errors import LanguageError, MarsamError, ModelError, PictureError, reason_of
from marsam.imaging.image_io import CAPTION_SIDE, open_picture, read_bytes, upright_size
from marsam.options import CaptionOptions, TranslateOptions
from marsam.results import Caption, Translation
from marsam.stages.protocols import Captioner, Translator
from marsam.studio import Studio
from marsam.text.languages import ENGLISH

READER_THREADS = 2
"""Threads that read and decode images; Pillow decodes without the interpreter lock."""
CAPTION_BATCH_SIZE = {"cpu": 8, "mps": 16, "cuda": 32}
"""Images captioned in one batch, by device."""
Input = TypeVar("Input")
Output = TypeVar("Output")
CaughtError = TypeVar("CaughtError", bound=Exception)


class Engine(Protocol):
    """Does the work of a batch, and stores the results in the cache."""

    batch_size: int
    """Files to process together."""

    def scan(self, paths: Iterable[Path]) -> Iterator[ScannedFile]:
        """Scan files, in order; files that the cache knows are not read again."""

    def caption(self, images: Mapping[str, ScannedFile], code: str = ENGLISH.code) -> Errors:
        """Caption images in a language, by the cache key of each caption.

        Raises:
            ModelError: when the captioner cannot be used.
        """

    def translate(self, texts: Mapping[str, str], code: str, source: str = ENGLISH.code) -> Errors:
        """Translate texts into a language, by the cache key of each translation.

        Raises:
            ModelError: when the translator cannot be used.
            LanguageError: when it does not know the language.
        """

    def stop(self) -> None:
        """Cancel; called from another thread, which then waits for the calls above to return."""


class LocalEngine:
    """An engine that works in this process, with the captioner and translator of a studio."""

    def __init__(self, *, studio: Studio, context: BatchContext) -> None:
        self._studio, self._context = studio, context
        self.batch_size = CAPTION_BATCH_SIZE[studio.device.kind if studio.device else "cpu"]

    def scan(self, paths: Iterable[Path]) -> Iterator[ScannedFile]:
        """Scan files in several threads, at most one batch early."""
        return parallel_map(
            self._scan_if_new, paths, workers=READER_THREADS, max_queued=self.batch_size
        )

    def caption(self, images: Mapping[str, ScannedFile], code: str = ENGLISH.code) -> Errors:
        """Caption the images in one batch, or in one for each text around them."""
        options = self._context.options.caption_in(code)
        decoded: defaultdict[str, dict[str, Image.Image]] = defaultdict(dict)
        for key, file in images.items():
            if file.image:
                decoded[file.context or options.context][key] = file.image
        outcomes: dict[str, Outcome] = {}
        for context, group in decoded.items():
            in_context = replace(options, context=context)
            outcomes |= caption_all(self._studio.captioner, group, in_context)
        return self._context.cache.put(outcomes)

    def translate(self, texts: Mapping[str, str], code: str, source: str = ENGLISH.code) -> Errors:
        """Translate texts in one batch."""
        options = self._context.options.translate_into(code, source)
        return self._context.cache.put(translate_all(self._studio.translator, texts, options))

    def stop(self) -> None:
        """Do nothing: a running batch ends within seconds, and its results are worth keeping."""

    def _scan_if_new(self, path: Path) -> ScannedFile:
        info = self._context.cache.file_info(path)
        context = self._context
        is_known = info is not None and context.english(info.sha256) is not None
        if info is not None and is_known and not context.needs_native(info.sha256):
            return ScannedFile(path=path, info=info)
        return scan_file(path)


def scan_file(path: Path) -> ScannedFile:
    """Read and decode a file; an error is part of the result."""
    if any("\udc80" <= char <= "\udcff" for char in str(path)):  # surrogate escapes
        unnamed = PictureError("The name of this file is not valid Unicode; rename the file.")
        return ScannedFile(path=path, error=unnamed)
    try:
        stat, data = path.stat(), read_bytes(path)
        image = open_picture(data, side=CAPTION_SIDE)
    except PictureError as error:
        return ScannedFile(path=path, error=error)
    except OSError as error:
        unreadable = PictureError(
            "Cannot read {file}: {reason}.", file=path.name, reason=reason_of(error)
        )
        return ScannedFile(path=path, error=unreadable)
    info = FileInfo(hashlib.sha256(data).hexdigest(), *upright_size(data))
    return ScannedFile(
        path=path,
        info=info,
        image=image,
        stat=(stat.st_size, stat.st_mtime_ns),
        alt_texts=image.info.get("alt_texts", {}),
    )


def caption_all(
    captioner: Captioner, images: Mapping[str, Image.Image], options: CaptionOptions
) -> dict[str, Outcome]:
    """Return the best caption of each image, or why it failed; raise as :meth:`Engine.caption`."""

    def run(batch: Sequence[Image.Image]) -> list[Caption]:
        return [best for best, *_ in captioner.caption_many(batch, options)]

    return _outcomes(run, images)


def translate_all(
    translator: Translator, texts: Mapping[str, str], options: TranslateOptions
) -> dict[str, Outcome]:
    """Return the translation of each text, or why it failed; raise as :meth:`Engine.translate`."""
    return _outcomes(lambda batch: translator.translate_many(batch, options), texts)


def _outcomes(
    run: Callable[[Sequence[Input]], Sequence[Caption | Translation]], inputs: Mapping[str, Input]
) -> dict[str, Outcome]:
    def texts(batch: Sequence[Input]) -> list[TextResult]:
        return [TextResult(one.text, tuple(map(str, one.warnings))) for one in run(batch)]

    fatal = ModelError, LanguageError
    outputs = bisect_on_error(texts, list(inputs.values()), catch=MarsamError, fatal=fatal)
    return dict(zip(inputs, outputs, strict=True))


def bisect_on_error(
    run: Callable[[Sequence[Input]], Sequence[Output]],
    inputs: Sequence[Input],
    *,
    catch: type[CaughtError],
    fatal: tuple[type[Exception], ...] = (),
) -> list[Output | CaughtError]:
    """Run a batch; halve it where it fails, so that an error affects no other input.

    Args:
        run: computes one output for each input.
        inputs: the batch.
        catch: errors that take the place of an output. Too little memory is one of them: a
            smaller batch may succeed.
        fatal: errors that are raised, because they would occur for every input.
    """
    if not inputs:
        return []
    try:
        return [*run(inputs)]
    except fatal:
        raise
    except catch as error:
        if len(inputs) == 1:
            return [error]
    middle = len(inputs) // 2
    return [
        output
        for half in (inputs[:middle], inputs[middle:])
        for output in bisect_on_error(run, half, catch=catch, fatal=fatal)
    ]
