"""A document that is a zip archive of XML parts and pictures."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from marsam.documents.document import AltText, DocumentImage
from marsam.documents.flow import Place
from marsam.documents.sources import ImageFiles, url
from marsam.documents.words import checked
from marsam.documents.xml_edit import MAX_TAGS, Edits, XmlPart
from marsam.documents.zip_container import ZipContainer
from marsam.errors import DocumentError, OptionError, PictureError
from marsam.imaging.image_io import read_bytes

MAX_XML_BYTES = 150_000_000
"""Of all XML parts together, which are kept in memory."""
_SIGNATURES = re.compile(r"_xmlsignatures/.|META-INF/(?:document|package)?signatures\.xml$")
"""Members with digital signatures: of OOXML; of OpenDocument and EPUB. Macros have their own."""

_WITH_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
"""Of addresses on the network, and of those that have the picture in them (``data:``)."""


class Parts:
    """The XML parts of a container, each parsed once.

    Args:
        data: the file.
        named_characters: as of :class:`XmlPart`.
    """

    def __init__(self, data: bytes, *, named_characters: bool = False) -> None:
        self.container = ZipContainer(data)
        self._named_characters = named_characters
        self._parts: dict[str, XmlPart] = {}
        self._tags = self._bytes = 0

    def __contains__(self, name: str) -> bool:
        return name in self.container

    def __getitem__(self, name: str) -> XmlPart:
        """Parse a part.

        Raises:
            DocumentError: it is missing, damaged or too large.
        """
        if name not in self._parts:
            content = self.container.read(name)
            self._bytes += len(content)
            if self._bytes > MAX_XML_BYTES:
                raise DocumentError(
                    "The document is too large when it is unpacked: {part}.", part=name
                )
            part = XmlPart(content, name, named_characters=self._named_characters)
            self._parts[name] = part
            self._tags += part.tags
            if self._tags > MAX_TAGS:
                raise DocumentError("The document is too large: it has too many tags.")
        return self._parts[name]


class PackageDocument:
    """A document that was read; the type is :class:`marsam.documents.document.Document`.

    A signed document is read as any other, and refused when it shall be written.
    """

    def __init__(self, parts: Parts, places: Iterable[Place]) -> None:
        self._parts = parts
        self._places = {place.image.key: place for place in places}

    @property
    def images(self) -> Sequence[DocumentImage]:
        """The images, in reading order."""
        return tuple(place.image for place in self._places.values())

    def read(self, image: DocumentImage) -> bytes:
        """Return an image's file.

        Raises:
            PictureError: it is not in the document, or it is too large. Nothing is read from
                beside the document.
        """
        place = self._places.get(image.key)
        if place and place.file in self._parts:
            try:
                return read_bytes(self._parts.container.read(place.file))
            except DocumentError as error:
                raise PictureError(error.message) from error
        if place and _WITH_SCHEME.match(place.address):
            return ImageFiles(Path(), None).read(place.address)
        raise PictureError(
            "The picture {source} is not in the document.", source=image.source or image.key
        )

    def url(self, image: DocumentImage) -> str:
        """Return the address on the network of an image's file; empty if it has none."""
        place = self._places.get(image.key)
        return url(place.address) if place else ""

    def with_alt_texts(self, texts: Mapping[str, AltText]) -> bytes:
        """Return the document with these alt texts, by key; all else is as it was.

        Raises:
            OptionError: a key is unknown, a text is empty, or nothing can be written at a place.
            DocumentError: the document is signed.
        """
        container = self._parts.container
        edits: defaultdict[str, Edits] = defaultdict(Edits)
        for key, text in texts.items():
            place = self._places.get(key)
            if place is None:
                raise OptionError("There is no picture {key} in the document.", key=key)
            place.write(edits[place.image.part], replace(text, text=checked(text)))
        edited = {name: self._parts[name].edited(some) for name, some in edits.items()}
        changed = {name: new for name, new in edited.items() if new != self._parts[name].data}
        if changed and any(map(_SIGNATURES.match, container.names)):
            raise DocumentError(
                "The document is signed, and a change would make its signature invalid; "
                "remove the signature first."
            )
        return container.replaced(changed)
