"""A folder's pictures described: read, captioned, translated and painted, all at the same time."""

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

from PIL import Image

from marsam import metadata
from marsam.batch.ahead import ahead, pooled
from marsam.batch.memory import Memory, Seen, Words, caption_key, translation_key
from marsam.batch.rows import Row
from marsam.errors import LanguageError, MarsamError, ModelError, PictureError
from marsam.folders import revision
from marsam.images import open_picture, read_bytes
from marsam.languages import ARABIC, ENGLISH
from marsam.options import BatchOptions
from marsam.results import Painted
from marsam.studio import Studio

READERS = 2
"""Threads that read and decode files; Pillow decodes beside Python."""
TOGETHER = {"cpu": 8, "mps": 16, "cuda": 32}
"""Pictures described at once, by device."""
Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True)
class _Look:
    """A file that was looked at; ``image`` is there when it has to be described."""

    row: Row
    image: Image.Image | None = None
    file: tuple[Path, int, int, Seen] | None = None
    """What to remember of it, when it was read."""


@dataclass(frozen=True, kw_only=True)
class Describer:
    """Turns files into rows.

    Attributes:
        studio: whose stages do the work.
        memory: what is known already.
        folder: rows name their pictures from here.
        reviewed: rows somebody has read, by hash: their words stay as they are.
        album: where new pictures go; rows name them from its parent.
    """

    studio: Studio
    memory: Memory
    folder: Path
    options: BatchOptions
    album: Path
    reviewed: Mapping[str, Row] = field(default_factory=dict)

    def rows(self, paths: Iterable[Path]) -> Generator[Row]:
        """A row for every file, in their order; closing it stops the work, and nothing is lost.

        Raises:
            ModelError: when a model cannot be used.
            LanguageError: when the translator does not know one of the languages.
            JournalError: when nothing can be remembered.
        """
        few = TOGETHER[self.studio.device.kind] if self.studio.device else TOGETHER["cpu"]
        # 1. Files are read and decoded,
        looks = pooled(self._look, paths, workers=READERS, few=few)
        # 2. described, several at once, while the next are read,
        described = ahead(self._described(_chunks(looks, few)), 2)
        # 3. translated while the next are described,
        translated = ahead(self._translated(described), 2)
        # 4. and painted from, if that was asked for.
        for rows in translated:
            for row in rows:
                yield self._painted(row)

    def _look(self, path: Path) -> _Look:
        row = Row(path=path.relative_to(self.folder).as_posix(), models=self._models)
        try:
            seen, image, file = self.memory.seen(path), None, None
            if seen is None or not self._is_described(seen.sha256):
                state = path.stat()
                data = read_bytes(path)
                image = open_picture(data)
                seen = Seen(hashlib.sha256(data).hexdigest(), *image.size)
                file = (path, state.st_size, state.st_mtime_ns, seen)
        except PictureError as error:
            return _Look(row=row.failed(error))
        except OSError:
            return _Look(row=row.failed(PictureError(f"The file {path.name} cannot be read.")))
        named = replace(row, sha256=seen.sha256, width=seen.width, height=seen.height)
        return _Look(row=named, image=image, file=file)

    def _described(self, chunks: Iterable[Sequence[_Look]]) -> Iterator[list[Row]]:
        for looks in chunks:
            self.memory.note([look.file for look in looks if look.file])
            said = self.memory.recall(self._caption_key(look.row.sha256) for look in looks)
            new: dict[str, Image.Image] = {}  # the same picture may be there twice
            for look in looks:
                key = self._caption_key(look.row.sha256)
                if look.image and key not in said and look.row.sha256 not in self.reviewed:
                    new[key] = look.image
            told, failed = _each(self._captions, new)
            self.memory.keep(told)
            said |= told
            yield [self._with_caption(look.row, said, failed) for look in looks]

    def _captions(self, images: Sequence[Image.Image]) -> list[Words]:
        found = self.studio.captioner.caption_many(images, self.options.caption)
        return [Words(one[0].text, tuple(map(str, one[0].warnings))) for one in found]

    def _with_caption(
        self, row: Row, said: Mapping[str, Words], failed: Mapping[str, MarsamError]
    ) -> Row:
        if row.error:
            return row
        if known := self.reviewed.get(row.sha256):
            return replace(row, texts=known.texts, models=known.models, reviewed=True)
        key = self._caption_key(row.sha256)
        if key in failed:
            return row.failed(failed[key])
        text, warnings = said[key]
        return replace(row, texts={ENGLISH.code: text}, warnings=warnings)

    def _translated(self, chunks: Iterator[list[Row]]) -> Iterator[list[Row]]:
        for rows in chunks:
            done = rows
            for code in self.options.languages:
                done = self._in_language(done, code)
            yield done

    def _in_language(self, rows: list[Row], code: str) -> list[Row]:
        options = replace(self.options.translate, source=ENGLISH.code, target=code)
        model = self._models["translator"]
        wanted = {
            translation_key(row.english, model, options): row.english
            for row in rows
            if row.english and not row.texts.get(code)
        }
        said = self.memory.recall(wanted)
        told, failed = _each(
            lambda texts: [
                Words(one.text, tuple(map(str, one.warnings)))
                for one in self.studio.translator.translate_many(texts, options)
            ],
            {key: text for key, text in wanted.items() if key not in said},
        )
        self.memory.keep(told)
        said |= told
        done = []
        for row in rows:
            key = translation_key(row.english, model, options)
            if key in failed and not row.texts.get(code):
                done.append(row.failed(failed[key]))
            elif key in said and not row.texts.get(code):
                text, warnings = said[key]
                warnings = tuple(dict.fromkeys((*row.warnings, *warnings)))
                done.append(replace(row, texts={**row.texts, code: text}, warnings=warnings))
            else:
                done.append(row)
        return done

    def _painted(self, row: Row) -> Row:
        """The row with new pictures; those that are there already are not painted again."""
        if self.options.paint is None or not row.english:
            return row
        first = self.options.paint.seed
        if first is None:  # the same again whenever the batch is gone on with
            first = int(row.sha256[:7], 16)
        paths = []
        for seed in range(first, first + self.options.paint.pictures):
            path = self.album / f"{row.sha256[:16]}-{seed}.png"
            if self._is_painted(path, row, seed) or self._paint(path, row, seed):
                paths.append(path.relative_to(self.album.parent).as_posix())
        return replace(row, pictures=tuple(paths))

    def _paint(self, path: Path, row: Row, seed: int) -> bool:
        """Paint one picture; False when it was withheld."""
        options = self.options.paint
        if options is None:
            raise AssertionError("pictures are painted when they were asked for")
        one = replace(options, pictures=1, seed=seed)
        for event in self.studio.painter.paint(row.english, one):
            if isinstance(event, Painted) and event.picture.image is not None:
                record = metadata.record_of(event.picture, None)
                record = replace(record, arabic=row.texts.get(ARABIC.code, ""))
                metadata.embed(event.picture.image, record, path)
                return True
        return False

    def _is_painted(self, path: Path, row: Row, seed: int) -> bool:
        try:
            record = metadata.read(path) if path.is_file() else None
        except PictureError:
            return False
        options = self.options.paint
        return (
            record is not None
            and options is not None
            and (record.prompt, record.seed, record.recipe) == (row.english, seed, options.recipe)
            and record.painter == self.studio.painter.name
        )

    @property
    def _models(self) -> dict[str, str]:
        stages = {"captioner": self.studio.captioner, "translator": self.studio.translator}
        return {kind: named(stage) for kind, stage in stages.items()}

    def _caption_key(self, sha256: str) -> str:
        return caption_key(sha256, self._models["captioner"], self.options.caption)

    def _is_described(self, sha256: str) -> bool:
        return sha256 in self.reviewed or bool(self.memory.recall([self._caption_key(sha256)]))


def _chunks(items: Iterator[Made], few: int) -> Iterator[list[Made]]:
    while chunk := list(islice(items, few)):
        yield chunk


def named(stage: object) -> str:
    """A stage's model as ``name@revision``; what has no folder here has no revision."""
    name, folder = getattr(stage, "name", ""), getattr(stage, "folder", None)
    return f"{name}@{revision(folder)}" if folder else name


def _each(
    work: Callable[[Sequence[Given]], list[Made]], given: Mapping[str, Given]
) -> tuple[dict[str, Made], dict[str, MarsamError]]:
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
    failed: dict[str, MarsamError] = {}
    for half in (keys[: len(keys) // 2], keys[len(keys) // 2 :]):
        good, bad = _each(work, {key: given[key] for key in half})
        made |= good
        failed |= bad
    return made, failed
