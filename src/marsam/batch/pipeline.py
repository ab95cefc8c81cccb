"""A folder's pictures described: read, captioned, translated and painted, all at the same time."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

from marsam.background import prefetch
from marsam.batch.cache import Words
from marsam.batch.engine import Engine, Failed, Look
from marsam.batch.known import Known
from marsam.batch.rows import Row, spelled
from marsam.errors import PictureError
from marsam.imaging import metadata
from marsam.imaging.image_io import map_save_errors
from marsam.results import Painted
from marsam.stages.protocols import Painter
from marsam.text.languages import ARABIC, ENGLISH

Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True)
class Describer:
    """Turns files into rows.

    Attributes:
        engine: does the work, here or on many machines.
        known: what is wanted, and what is known already.
        painter: paints new pictures, where they are wanted.
        folder: rows name their pictures from here.
        album: where new pictures go; rows name them from its parent.
    """

    engine: Engine
    known: Known
    painter: Painter
    folder: Path
    album: Path

    def rows(self, paths: Iterable[Path]) -> Generator[Row]:
        """A row for every file, in their order; closing it stops the work, and nothing is lost.

        Raises:
            ModelError: when a model cannot be used.
            LanguageError: when the translator does not know one of the languages.
            JournalError: when nothing can be remembered.
        """
        # 1. Files are read and decoded,
        looks = self.engine.looks(paths)
        # 2. described, several at once, while the next are read,
        described = prefetch(self._described(_chunks(looks, self.engine.few)), 2)
        # 3. translated while the next are described,
        translated = prefetch(self._translated(described), 2, on_close=self.engine.stop)
        # 4. and painted from, if that was asked for.
        for rows in translated:
            for row in rows:
                yield self._painted(row)

    def _described(self, chunks: Iterable[Sequence[Look]]) -> Iterator[list[Row]]:
        known = self.known
        for looks in chunks:
            known.memory.note(
                (look.path, *look.stamp, look.seen) for look in looks if look.stamp and look.seen
            )
            wanted: dict[str, Look] = {}  # the same picture may be there twice
            for look in looks:
                if look.seen and look.seen.sha256 not in known.reviewed:
                    wanted[known.caption_key(look.seen.sha256)] = look
            said = known.memory.recall(wanted)
            new = {key: look for key, look in wanted.items() if key not in said}
            failed = self.engine.describe(new) if new else {}
            said |= known.memory.recall(new)
            yield [self._with_caption(look, said, failed) for look in looks]

    def _with_caption(self, look: Look, said: Mapping[str, Words], failed: Failed) -> Row:
        path = look.path.relative_to(self.folder).as_posix()
        row = Row(path=spelled(path), models=self.known.models)
        if look.seen is None:
            return row.failed(look.error or PictureError("This picture cannot be read."))
        sha256, width, height = look.seen
        row = replace(row, sha256=sha256, width=width, height=height)
        if read := self.known.reviewed.get(sha256):
            return replace(row, texts=read.texts, models=read.models, reviewed=True)
        key = self.known.caption_key(sha256)
        if key in failed:
            return row.failed(failed[key])
        text, warnings = said[key]
        return replace(row, texts={ENGLISH.code: text}, warnings=warnings)

    def _translated(self, chunks: Iterator[list[Row]]) -> Iterator[list[Row]]:
        for rows in chunks:
            done = rows
            for code in self.known.options.languages:
                done = self._in_language(done, code)
            yield done

    def _in_language(self, rows: list[Row], code: str) -> list[Row]:
        known = self.known
        wanted = {
            known.translation_key(row.english, code): row.english
            for row in rows
            if row.english and code not in row.texts
        }
        said = known.memory.recall(wanted)
        new = {key: text for key, text in wanted.items() if key not in said}
        failed = self.engine.translate(new, code) if new else {}
        said |= known.memory.recall(new)
        return [self._with_translation(row, code, said, failed) for row in rows]

    def _with_translation(
        self, row: Row, code: str, said: Mapping[str, Words], failed: Failed
    ) -> Row:
        if not row.english or code in row.texts:  # an empty one was emptied by hand
            return row
        key = self.known.translation_key(row.english, code)
        if key in failed:
            # What somebody has read over stays, even where a further language cannot be added.
            return row if row.reviewed else row.failed(failed[key])
        text, warnings = said[key]
        warnings = tuple(dict.fromkeys((*row.warnings, *warnings)))
        return replace(row, texts={**row.texts, code: text}, warnings=warnings)

    def _painted(self, row: Row) -> Row:
        """The row with new pictures; those that are there already are not painted again."""
        paint = self.known.options.paint
        if paint is None or not row.english:
            return row
        first = paint.seed
        if first is None:  # the same again whenever the batch is gone on with
            first = int(row.sha256[:7], 16)
        paths = []
        for seed in range(first, first + paint.pictures):
            path = self.album / f"{row.sha256[:16]}-{seed}.png"
            if self._is_painted(path, row, seed) or self._paint(path, row, seed):
                paths.append(path.relative_to(self.album.parent).as_posix())
        return replace(row, pictures=tuple(paths))

    def _paint(self, path: Path, row: Row, seed: int) -> bool:
        """Paint one picture; False when it was withheld."""
        options = self.known.options.paint
        if options is None:
            raise AssertionError("pictures are painted when they were asked for")
        one = replace(options, pictures=1, seed=seed)
        for event in self.painter.paint(row.english, one):
            if isinstance(event, Painted) and event.picture.image is not None:
                record = metadata.record_of(event.picture, None)
                record = replace(record, arabic=row.texts.get(ARABIC.code, ""))
                with map_save_errors(self.album):
                    metadata.save_with_record(event.picture.image, record, path)
                return True
        return False

    def _is_painted(self, path: Path, row: Row, seed: int) -> bool:
        try:
            record = metadata.read_record(path) if path.is_file() else None
        except PictureError:
            return False
        options = self.known.options.paint
        return (
            record is not None
            and options is not None
            and (record.prompt, record.seed, record.recipe) == (row.english, seed, options.recipe)
            and record.painter == self.painter.name
        )


def _chunks(items: Iterator[Made], few: int) -> Iterator[list[Made]]:
    while chunk := list(islice(items, few)):
        yield chunk
