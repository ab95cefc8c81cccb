"""Texts beside the images, such as ``photo.jpg.txt`` or, for photo programs, ``photo.xmp``.

By default the sidecar's name contains the image's whole name, so that ``photo.jpg`` and
``photo.png`` do not share one. A file that Marsam did not write is never overwritten.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from marsam.atomic import atomic_path, partial_path
from marsam.batch.cache import ResultCache
from marsam.batch.rows import Row
from marsam.errors import OptionError, reason_of
from marsam.imaging.metadata import xmp_packet
from marsam.notices import Notice
from marsam.text.languages import language

FORMATS = ("txt", "xmp")
_FIELD = re.compile(r"\{(?:name|stem|language)\}")
_PATTERN = re.compile(
    rf"(?=.*\{{(?:name|stem)\}})(?:{_FIELD.pattern}|[^{{}}/\\\x00-\x1f])+\.(?:{'|'.join(FORMATS)})"
)


@dataclass(frozen=True)
class Sidecars:
    """Where and how sidecars are written.

    Attributes:
        pattern: a file name that ends in ``.txt`` or ``.xmp``. ``{name}`` is the image's name,
            ``{stem}`` its name without the suffix. ``{language}`` is the tag of a language, such as
            ``en``: each language gets a file of its own.
        only: NLLB code of the only language that is written; None for all of them.
    """

    pattern: str
    only: str | None = None
    _owners: dict[Path, Path] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def parse(cls, pattern: str, only: str | None = None) -> "Sidecars":
        """Read a pattern, or one of ``FORMATS``, which stands for ``{name}.FORMAT``.

        Raises:
            OptionError: for anything else.
        """
        pattern = f"{{name}}.{pattern}" if pattern in FORMATS else pattern
        if not _PATTERN.fullmatch(pattern):
            raise OptionError(
                "--sidecar is txt, xmp or a file name such as {stem}.txt, {stem}.xmp or "
                "{stem}.{language}.txt."
            )
        return cls(pattern, only)

    def write(self, image: Path, row: Row, cache: ResultCache) -> bool:
        """Write an image's texts beside it; False when a foreign file has a sidecar's name.

        Raises:
            OptionError: when a sidecar cannot be written, or belongs to another image, too.
        """
        written = [write_owned(*file, cache) for file in self.files(image, row)]
        return all(written)

    def files(self, image: Path, row: Row) -> Iterator[tuple[Path, bytes]]:
        """Yield the path and the content of each sidecar.

        Raises:
            OptionError: when a sidecar belongs to another image, too.
        """
        texts = {
            language(code).tag: text
            for code, text in row.texts.items()
            if self.only in (None, code)
        }
        groups = [{tag: text} for tag, text in texts.items()]
        for group in groups if "{language}" in self.pattern else [texts]:
            path = image.with_name(self._name(image, next(iter(group), "")))
            if self._owners.setdefault(path, image) != image:
                raise OptionError(
                    "{path} would belong to {other} and {image}; use a pattern with {{name}}.",
                    path=path,
                    other=self._owners[path].name,
                    image=image.name,
                )
            yield path, _content(path.suffix, group, row).encode()

    def _name(self, image: Path, tag: str) -> str:
        values = {"{name}": image.name, "{stem}": image.stem, "{language}": tag}
        return _FIELD.sub(lambda found: values[found[0]], self.pattern)


def _content(suffix: str, texts: Mapping[str, str], row: Row) -> str:
    if suffix == ".xmp":
        more = "<marsam:decorative>True</marsam:decorative>\n" if row.decorative else ""
        return xmp_packet(texts.items(), more, warnings=row.warnings)
    # One line for each language, English first.
    text = "".join(f"{' '.join(text.split())}\n" for text in texts.values() if text)
    if str(Notice.OUT_OF_WORLD) in row.warnings:
        text += f"({Notice.OUT_OF_WORLD.en})\n({Notice.OUT_OF_WORLD.ar})\n"
    return text


def write_owned(path: Path, content: bytes, cache: ResultCache) -> bool:
    """Write a file that only Marsam writes; False when a foreign file has that name.

    Raises:
        OptionError: when it cannot be written.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        if path.exists():
            existing = path.read_bytes()
            if existing == content:
                return True
            if not cache.owns_sidecar(path, hashlib.sha256(existing).hexdigest()):
                return False
        # Recorded first: after a crash in between, the file still counts as Marsam's.
        cache.record_sidecar(path, sha256)
        with atomic_path(path, partial_path(path, name=sha256[:16] + path.suffix)) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise OptionError(
            "Cannot write {path}: {reason}.", path=path, reason=reason_of(error)
        ) from error
    return True
