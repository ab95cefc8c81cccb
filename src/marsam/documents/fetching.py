"""Fetches images from origins that a person named, within limits."""

import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from urllib.parse import quote, urljoin, urlsplit

import httpcore

from marsam.documents.network import PublicNetwork, Unreachable
from marsam.documents.origins import Origin
from marsam.documents.sources import shown
from marsam.errors import PictureError, reason_of
from marsam.imaging.image_io import FILE_TOO_LARGE, MAX_BYTES, map_save_errors
from marsam.messages import InBothLanguages, Message
from marsam.version import __version__

MAX_SECONDS = 20.0
"""Of one image, from the connection to its last byte."""
MAX_REDIRECTS = 3
IDLE_SECONDS = 4.0
"""After which a connection is not used again; many servers close it after five."""
_REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS: Mapping[bytes | str, bytes | str] = {
    "User-Agent": f"marsam/{__version__}",
    "Accept": "image/*",
    "Accept-Encoding": "identity",
}
_SAFE = "/?%:@!$&'()*+,;=~"
"""What addresses contain besides letters and digits."""


def fetching(origins: Sequence[str]) -> AbstractContextManager["ImageFetcher | None"]:
    """A fetcher for a block; None where no origin is named."""
    return closing(ImageFetcher(origins)) if origins else nullcontext()


class ImageFetcher:
    """Fetches the images at some origins, each address once; to be closed.

    Only the address, and who asks, is sent: no cookies, no passwords. Proxies that the environment
    names are not used, since they would look up addresses that must be checked here. An origin that
    cannot be reached is not tried again.

    Args:
        origins: such as ``https://example.org``.

    Raises:
        OptionError: one is no origin.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(map(Origin.parse, origins))
        self._network = PublicNetwork({origin.host for origin in self._origins})
        self._connections = httpcore.ConnectionPool(
            keepalive_expiry=IDLE_SECONDS, network_backend=self._network
        )
        self._folder = TemporaryDirectory(prefix="marsam-images-")
        self._fetched: dict[str, Path | InBothLanguages] = {}
        """The file, or why there is none."""
        self._unreachable: dict[Origin, InBothLanguages] = {}
        self._lock = Lock()

    def close(self) -> None:
        """Close the connections, and remove the files."""
        self._connections.close()
        self._folder.cleanup()

    def fetch(self, address: str) -> bytes:
        """Return an image's file.

        Raises:
            PictureError: it is at another origin, cannot be received, or is too large.
        """
        address = address.partition("#")[0]
        with self._lock:
            if address not in self._fetched:
                self._fetched[address] = self._file(address)
            found = self._fetched[address]
        if isinstance(found, Path):
            return found.read_bytes()
        raise PictureError(found)

    def _file(self, address: str) -> Path | InBothLanguages:
        self._network.deadline = time.monotonic() + MAX_SECONDS
        try:
            data = self._received(address)
        except PictureError as error:
            return error.message
        file = Path(self._folder.name, str(len(self._fetched)))
        with map_save_errors(file.parent):
            file.write_bytes(data)
        return file

    def _received(self, address: str) -> bytes:
        """Follow redirects to the image."""
        url = address
        for _ in range(MAX_REDIRECTS + 1):
            origin = self._named_origin(url)
            if origin in self._unreachable:
                raise PictureError(self._unreachable[origin])
            answer = self._answer(url, origin)
            if isinstance(answer, bytes):
                return answer
            url = _joined(url, answer)
        raise PictureError(
            "{address} leads from one address to another more than {limit} times.",
            address=shown(address),
            limit=MAX_REDIRECTS,
        )

    def _named_origin(self, url: str) -> Origin:
        try:
            origin = Origin.of(url)
        except ValueError as error:
            raise PictureError("{address} is no address.", address=shown(url)) from error
        if origin not in self._origins:
            raise PictureError(
                "{address} is at {origin}, which --fetch-from does not name.",
                address=shown(url),
                origin=origin,
            )
        return origin

    def _answer(self, url: str, origin: Origin) -> bytes | str:
        """An image's file, or the address that a redirect leads to."""
        try:
            return self._exchange(url, origin)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            sentence = self._unreachable[origin] = _why(error, origin.host)
            raise PictureError(sentence) from error
        except httpcore.TimeoutException as error:
            raise PictureError(
                "{address} was not received within {seconds} seconds.",
                address=shown(url),
                seconds=round(MAX_SECONDS),
            ) from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise PictureError("{address} was not received whole.", address=shown(url)) from error

    def _exchange(self, url: str, origin: Origin) -> bytes | str:
        parts = urlsplit(url)
        target = quote(parts.path or "/", _SAFE, errors="replace")
        if parts.query:
            target += "?" + quote(parts.query, _SAFE, errors="replace")
        with self._connections.stream(
            "GET",
            httpcore.URL(scheme=origin.scheme, host=origin.host, port=origin.port, target=target),
            headers={"Host": origin.netloc, **_HEADERS},
        ) as response:
            headers = {name.lower(): value for name, value in response.headers}
            if response.status in _REDIRECTS and b"location" in headers:
                return headers[b"location"].decode(errors="replace")
            if response.status != 200:
                raise PictureError(
                    "{host} answers {address} with error {status}.",
                    host=origin.host,
                    address=shown(url),
                    status=response.status,
                )
            data = bytearray()
            for piece in response.iter_stream():
                data += piece
                if len(data) > MAX_BYTES:
                    raise PictureError(FILE_TOO_LARGE)
            return bytes(data)


def _joined(url: str, location: str) -> str:
    """Where a redirect leads."""
    try:
        return urljoin(url, location)
    except ValueError:
        return location  # it is no address, as is said next


def _why(error: Exception, host: str) -> InBothLanguages:
    """Why no connection is made."""
    if isinstance(error, Unreachable):
        return error.sentence
    cause = next(iter(error.args), None)  # httpcore passes on the error of the system
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Message(
            "{host} has no valid certificate: {reason}.", host=host, reason=cause.verify_message
        )
    if isinstance(cause, OSError) and not isinstance(cause, TimeoutError):
        return Message("{host} cannot be reached: {reason}.", host=host, reason=reason_of(cause))
    return Message("{host} cannot be reached: it does not answer.", host=host)
