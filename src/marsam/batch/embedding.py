"""Copies of images with the texts in their metadata, written by ExifTool.

ExifTool writes all formats without decoding the pixels, and keeps the other metadata.
"""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from marsam.batch.cache import ResultCache
from marsam.batch.rows import Row
from marsam.batch.sidecars import write_owned
from marsam.errors import OptionError
from marsam.imaging.image_io import read_bytes
from marsam.imaging.xmp import writer_mark
from marsam.notices import Notice
from marsam.text.languages import language

SECONDS_PER_IMAGE = 60
"""ExifTool takes a fraction of a second."""


@dataclass(frozen=True)
class EmbeddedCopies:
    """A folder of copies, each under the path that its image has in the folder of images.

    Attributes:
        folder: where the copies are written; not the folder of the images.
        program: the path of ExifTool.
    """

    folder: Path
    program: str

    @classmethod
    def into(cls, folder: Path, images: Path) -> "EmbeddedCopies":
        """Prepare a folder for the copies.

        Raises:
            OptionError: without ExifTool, or when the copies would replace the images.
        """
        if folder.resolve() == images.resolve():
            raise OptionError("--embed writes copies. Choose another folder for them.")
        if (program := shutil.which("exiftool")) is None:
            raise OptionError("--embed needs ExifTool; install it from exiftool.org.")
        return cls(folder, program)

    def write(self, image: Path, row: Row, cache: ResultCache) -> bool:
        """Write the copy of an image; False when a foreign file has its name.

        The texts are the description (XMP) and the alt text (IPTC); a text about an image that the
        models do not know is a description only.

        Raises:
            OptionError: when it cannot be written, or ExifTool does not write its format.
        """
        tags = ["XMP-dc:Description"]
        if str(Notice.OUT_OF_WORLD) not in row.warnings:
            tags.append("XMP-iptcCore:AltTextAccessibility")
        # An empty text was cleared; without a language the other languages would be deleted, too.
        values = {language(code).tag: " ".join(text.split()) for code, text in row.texts.items()}
        values["x-default"] = next(filter(None, values.values()), "")
        arguments = [f"-{name}-{tag}={text}" for name in tags for tag, text in values.items()]
        if not row.is_kept:
            arguments.append(f"-XMP-photoshop:CaptionWriter={writer_mark(row.texts)}")
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, f"image{image.suffix.lower()}")
            source.write_bytes(read_bytes(image))
            command = [self.program, "-q", "-overwrite_original", "-@", "-", str(source)]
            try:
                done = subprocess.run(  # noqa: S603 - the texts are read from stdin
                    command,
                    input="\n".join(arguments).encode(),
                    capture_output=True,
                    timeout=SECONDS_PER_IMAGE,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise OptionError("ExifTool did not end with {image}.", image=image.name) from error
            if done.returncode != 0:
                reason = done.stderr.decode("utf-8", "replace").partition(" - ")[0].strip()
                raise OptionError(
                    "ExifTool cannot write {image}: {reason}.", image=image.name, reason=reason
                )
            return write_owned(self.folder / row.path, source.read_bytes(), cache)
