"""The address at which clients reach a server: behind a proxy it is not that of the socket."""

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from marsam.errors import OptionError

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_LOOPBACK = ("127.0.0.0/8", "::1")
_PROTO, _FOR, _HOST, _PREFIX = (
    "x-forwarded-proto",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-prefix",
)
_OF_GRADIO = "x-gradio-server"  # with which a client could choose the page's address


def ip_address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An IP address; None for a name."""
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether an address to listen on can be reached from this machine only."""
    address = ip_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def url_for_phones(host: str, port: int, public_url: str | None = None) -> str | None:
    """The URL at which a phone reaches a server; None when only this machine can.

    Args:
        host: address or name that the server listens on.
        port: TCP port that it listens on.
        public_url: where clients reach it, if that is known.
    """
    if public_url is not None:
        return public_url
    if is_loopback(host):
        return None
    address = ip_address(host)
    name = _own_address(address.version) if address and address.is_unspecified else host
    return name and server_url(name, port)


def server_url(host: str, port: int) -> str:
    """The URL of a server that listens on an address or name."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _own_address(version: int) -> str | None:
    """The address of this machine in its network; None without a network."""
    family, other = (
        (socket.AF_INET, "192.0.2.1") if version == 4 else (socket.AF_INET6, "2001:db8::1")
    )
    try:
        # An address of documentation: this looks up the route and sends nothing.
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((other, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return None


@dataclass(frozen=True)
class PublicUrl:
    """The URL of a server as its clients write it, such as ``https://example.org/marsam``."""

    scheme: str
    host: str
    path: str

    @classmethod
    def parse(cls, url: str) -> "PublicUrl":
        """Read a URL; OptionError when it is none."""
        try:
            parts = urlsplit(url)
            is_valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            is_valid = False
        if not is_valid or parts.username is not None or parts.query or parts.fragment:
            raise OptionError("--public-url must be like https://example.org or …/marsam.")
        return cls(parts.scheme, parts.netloc.lower(), parts.path.rstrip("/"))

    @property
    def name(self) -> str:
        """The host name without the port."""
        return urlsplit(f"//{self.host}").hostname or ""

    @property
    def origin(self) -> str:
        """What browsers send as Origin."""
        return f"{self.scheme}://{self.host}"

    def apply(self, scope: Scope) -> None:
        """Make all links of the response start with this URL."""
        scope["scheme"] = (
            self.scheme if scope["type"] == "http" else self.scheme.replace("http", "ws")
        )
        MutableHeaders(scope=scope)["host"] = self.host
        add_prefix(scope, self.path)


def add_prefix(scope: Scope, prefix: str) -> None:
    """Say that the application is mounted at a path, which a proxy may have taken off."""
    scope["root_path"] = prefix
    if prefix and not f"{scope['path']}/".startswith(f"{prefix}/"):
        scope["path"] = prefix + scope["path"]
        scope["raw_path"] = prefix.encode() + scope.get("raw_path", b"")


class ForwardedHeaders:
    """Take client, scheme, host and path of a request from what trusted proxies say about it.

    Such headers of other machines are removed. Programs of this machine may say that the scheme is
    HTTPS: it is true of a proxy, and of another program it changes only its own response.

    Args:
        app: the application.
        trusted: IP addresses and networks of proxies.

    Raises:
        OptionError: when one is neither an IP address nor a network.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[str] = ()) -> None:
        self.app = app
        try:
            self._trusted = [ipaddress.ip_network(one, strict=False) for one in trusted]
        except ValueError as error:
            raise OptionError("--trusted-proxy: {reason}.", reason=error) from error
        # Of several addresses in X-Forwarded-For it takes the last one that is not a proxy's.
        self._client_and_scheme = ProxyHeadersMiddleware(app, [*_LOOPBACK, *trusted])  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with the address at which it was made."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        peer = (scope.get("client") or ("", 0))[0]
        address = ip_address(peer)
        is_trusted = address is not None and any(address in network for network in self._trusted)
        headers = MutableHeaders(scope=scope)
        host, prefix = headers.get(_HOST, ""), headers.get(_PREFIX, "")
        kept = {_PROTO, _FOR} if is_trusted else {_PROTO} if is_loopback(peer) else set()
        for name in {_PROTO, _FOR, _HOST, _PREFIX, _OF_GRADIO} - kept:
            del headers[name]
        if is_trusted and host:
            headers["host"] = host.partition(",")[0].strip()
        if is_trusted and prefix.startswith("/"):
            add_prefix(scope, prefix.partition(",")[0].strip().rstrip("/"))
        await self._client_and_scheme(scope, receive, send)  # type: ignore[arg-type]
