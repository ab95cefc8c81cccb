"""Who does the work of a batch: looks at files, describes pictures, translates their words.

:class:`LocalEngine` does it in this process; ``marsam.cluster`` has one whose work is done by many
machines. What they make goes into the memory, where :class:`marsam.batch.pipeline.Describer`
finds it.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from PIL import Image

from marsam.background import parallel_map
from marsam.batch.cache import Seen, Words
from marsam.batch.known import Known
from marsam.errors import LanguageError, MarsamError, ModelError, PictureError
from marsam.imaging.image_io import open_picture, read_bytes
from marsam.options import CaptionOptions, TranslateOptions
from marsam.stages.protocols import Captioner, Translator
from marsam.studio import Studio

READERS = 2
"""Threads that read and decode files; Pillow decodes beside Python."""
TOGETHER = {"cpu": 8, "mps": 16, "cuda": 32}
"""Pictures described at once, by device."""
Given = TypeVar("Given")
Made = TypeVar("Made")
Failed = dict[str, MarsamError]
"""Why there are no words, by the key they would be kept under."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """A file that was looked at.

    Attributes:
        path: of the file.
        seen: what it holds; None when there is an error.
        error: why it is no picture.
        image: the picture, where it has to be described in this process.
        stamp: size and time (ns) of the file, when it was read and is not remembered yet.
    """

    path: Path
    seen: Seen | None = None
    error: PictureError | None = None
    image: Image.Image | None = None
    stamp: tuple[int, int] | None = None


class Engine(Protocol):
    """Does the work of a batch, and keeps in the memory what it makes.

    Attributes:
        few: files that are worth handling together.
    """

    few: int

    def looks(self, paths: Iterable[Path]) -> Iterator[Look]:
        """Look at files, in their order; what is remembered of a file is not read again."""
        ...

    def describe(self, pictures: Mapping[str, Look]) -> Failed:
        """Have pictures described, by the key under which a caption is then in the memory.

        Raises:
            ModelError: when the captioner cannot be used.
        """
        ...

    def translate(self, texts: Mapping[str, str], code: str) -> Failed:
        """Have English translated, by the key under which the words are then in the memory.

        Raises:
            ModelError: when the translator cannot be used.
            LanguageError: when it does not know the language.
        """
        ...

    def stop(self) -> None:
        """No more is wanted; called from another thread, which waits until all have come back."""
        ...


class LocalEngine:
    """Does it in this process.

    Args:
        studio: whose captioner and translator do the work.
        known: what is known, and where the rest is kept.
    """

    def __init__(self, *, studio: Studio, known: Known) -> None:
        self._studio, self._known = studio, known
        self.few = TOGETHER[studio.device.kind if studio.device else "cpu"]

    def looks(self, paths: Iterable[Path]) -> Iterator[Look]:
        """Look at files, by several threads, a few before they are wanted."""
        return parallel_map(self._look, paths, workers=READERS, max_queued=self.few)

    def describe(self, pictures: Mapping[str, Look]) -> Failed:
        """Describe pictures, all at once."""
        images = {key: look.image for key, look in pictures.items() if look.image}
        told, failed = captioned(self._studio.captioner, images, self._known.options.caption)
        self._known.memory.keep(told)
        return failed

    def translate(self, texts: Mapping[str, str], code: str) -> Failed:
        """Translate texts, all at once."""
        told, failed = translated(self._studio.translator, texts, self._known.translate(code))
        self._known.memory.keep(told)
        return failed

    def stop(self) -> None:
        """What is begun takes seconds, and its words are worth keeping."""

    def _look(self, path: Path) -> Look:
        try:
            seen = self._known.memory.seen(path)
        except OSError:
            seen = None
        if seen is not None and self._known.is_described(seen.sha256):
            return Look(path=path, seen=seen)
        return look_at(path)


def look_at(path: Path) -> Look:
    """Read and decode a file; what is wrong with it is in the answer."""
    if any("\udc80" <= letter <= "\udcff" for letter in str(path)):  # bytes that are no letters
        return Look(
            path=path, error=PictureError("The name of this file is no Unicode; rename it.")
        )
    try:
        state = path.stat()
        data = read_bytes(path)
        image = open_picture(data)
    except PictureError as error:
        return Look(path=path, error=error)
    except OSError:
        return Look(path=path, error=PictureError(f"The file {path.name} cannot be read."))
    seen = Seen(hashlib.sha256(data).hexdigest(), *image.size)
    return Look(path=path, seen=seen, image=image, stamp=(state.st_size, state.st_mtime_ns))


def captioned(
    captioner: Captioner, images: Mapping[str, Image.Image], options: CaptionOptions
) -> tuple[dict[str, Words], Failed]:
    """The best caption of each picture; of those that fail, why.

    Raises:
        ModelError: when the captioner cannot be used.
    """

    def words(given: Sequence[Image.Image]) -> list[Words]:
        found = captioner.caption_many(given, options)
        return [Words(one[0].text, tuple(map(str, one[0].warnings))) for one in found]

    return _each(words, images)


def translated(
    translator: Translator, texts: Mapping[str, str], options: TranslateOptions
) -> tuple[dict[str, Words], Failed]:
    """Each text in another language; of those that fail, why.

    Raises:
        ModelError: when the translator cannot be used.
        LanguageError: when it does not know the language.
    """

    def words(given: Sequence[str]) -> list[Words]:
        found = translator.translate_many(given, options)
        return [Words(one.text, tuple(map(str, one.warnings))) for one in found]

    return _each(words, texts)


def _each(
    work: Callable[[Sequence[Given]], list[Made]], given: Mapping[str, Given]
) -> tuple[dict[str, Made], Failed]:
    """What ``work`` makes of each, all at once; halved when it fails, so that one spoils no other.

    Raises:
        ModelError: which would come back for every one; a LanguageError likewise.
    """
    if not given:
        return {}, {}
    try:
        return dict(zip(given, work(list(given.values())), strict=True)), {}
    except (ModelError, LanguageError):
        raise
    except MarsamError as error:  # too much for the memory, or something about one of them
        if len(given) == 1:
            return {}, dict.fromkeys(given, error)
    keys = list(given)
    made: dict[str, Made] = {}
    failed: Failed = {}
    for half in (keys[: len(keys) // 2], keys[len(keys) // 2 :]):
        good, bad = _each(work, {key: given[key] for key in half})
        made |= good
        failed |= bad
    return made, failed
