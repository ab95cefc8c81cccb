"""The images that a document refers to: read from beside it, never from the network."""

import base64
import binascii
import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

from marsam.documents.words import readable
from marsam.errors import PictureError
from marsam.imaging.image_io import FILE_TOO_LARGE, MAX_BYTES, read_bytes

SHOWN_CHARACTERS = 80
"""Of an address in a sentence."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_TEMPLATE = re.compile(r"\{\{|\{%|<\?|<%|\$\{")
_NETWORK = ("http", "https")
_SPACES = "\t\n\f\r "


class ImageFiles:
    """The images that a document may refer to.

    Args:
        path: where the document is.
        root: the folder that absolute paths start from, and that no path leaves; the document's own
            folder by default.
    """

    def __init__(self, path: Path, root: Path | None) -> None:
        self._folder = path.parent
        self._root = path.parent if root is None else root

    def read(self, address: str, *, base: str = "") -> bytes:
        """Read an image's file by its address in the document.

        Args:
            address: ``data:``, a path from the document's folder, or one from the root (``/…``);
                percent-encoded, and with or without a query and a fragment.
            base: the address that relative ones start from, as in ``<base href>``.

        Raises:
            PictureError: it is elsewhere, does not exist, or is larger than 20 MB.
        """
        address = address.strip(_SPACES)
        if not address:
            raise PictureError("The picture has no address.")
        scheme = _SCHEME.match(address)
        if scheme and scheme[1].lower() == "data":
            return read_bytes(_data(address))
        if _TEMPLATE.search(address):
            raise PictureError(
                "The address {address} is filled in by a template; check the finished page.",
                address=shown(address),
            )
        if address.startswith("//") or (scheme and scheme[1].lower() in _NETWORK):
            raise PictureError(
                "{address} is on the network, and nothing is fetched from there.",
                address=shown(address),
            )
        if scheme:
            raise _refused(address)
        return read_bytes(self._file(address, base))

    def _file(self, address: str, base: str) -> Path:
        """Where the file is, with symbolic links followed; never outside of the root."""
        try:
            path = os.fsdecode(unquote_to_bytes(_joined(base, address)))
            if "\\" in path or _SCHEME.match(path):
                raise _refused(address)
            start = self._root if path.startswith("/") else self._folder
            file = (start / path.lstrip("/")).resolve()
            is_inside, is_file = file.is_relative_to(self._root.resolve()), file.is_file()
        except (OSError, RuntimeError, ValueError) as error:  # loops of links, names with zeros
            raise PictureError("File not found: {file}.", file=shown(address)) from error
        if not is_inside:
            raise _refused(address)
        if not is_file:
            raise PictureError("File not found: {file}.", file=shown(address))
        return file


def url(address: str, *, base: str = "") -> str:
    """The address on the network of an image that a document refers to; empty if it has none.

    Args:
        address: in the document; ``//…`` without a base is taken for HTTPS.
        base: the address that relative ones start from, as in ``<base href>``.
    """
    if _TEMPLATE.search(address):
        return ""
    try:
        whole = urljoin(urljoin("https:", base.strip(_SPACES)), address.strip(_SPACES))
        parts = urlsplit(whole)
    except ValueError:
        return ""
    return whole if parts.scheme in _NETWORK and parts.netloc else ""


def shown(address: str) -> str:
    """An address as it is shown to people: not the content of a ``data:`` address."""
    address = readable(address.strip(_SPACES))
    if address[:5].lower() == "data:":
        kind, comma, _ = address[: 2 * SHOWN_CHARACTERS].partition(",")
        return f"{kind[:SHOWN_CHARACTERS]}{comma}…"
    return address if len(address) <= SHOWN_CHARACTERS else f"{address[: SHOWN_CHARACTERS - 1]}…"


def _joined(base: str, address: str) -> str:
    """The path of an address, from the folder of the base if it is relative."""
    path, start = urlsplit(address).path, urlsplit(base)
    if path.startswith("/"):
        return path
    folder = start.path.rpartition("/")[0]
    is_absolute = start.netloc or start.path.startswith("/")
    return f"/{folder.lstrip('/')}/{path}" if is_absolute else f"{folder or '.'}/{path}"


def _refused(address: str) -> PictureError:
    return PictureError(
        "{address} is not in the folder that the document's pictures may come from.",
        address=shown(address),
    )


def _data(address: str) -> bytes:
    """The content of a ``data:`` address."""
    if len(address) > 3 * MAX_BYTES + 1000:  # every byte may be percent-encoded
        raise PictureError(FILE_TOO_LARGE)
    kind, comma, content = address[5:].partition("#")[0].partition(",")
    data = unquote_to_bytes(content.encode(errors="replace"))
    if re.search(r";[\t\n\f\r ]*base64[\t\n\f\r ]*$", kind, re.IGNORECASE):
        data = data.translate(None, _SPACES.encode()).rstrip(b"=")
        try:
            return base64.b64decode(data + b"=" * (-len(data) % 4), validate=True)
        except binascii.Error as error:
            raise PictureError("The picture in the document is damaged.") from error
    if not comma:
        raise PictureError("The picture in the document is damaged.")
    return data
