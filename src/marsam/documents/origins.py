"""Origins on the network, and the addresses that a name may lead to."""

import ipaddress
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

import idna

from marsam.errors import OptionError

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port of an address (RFC 6454).

    Attributes:
        scheme: ``http`` or ``https``.
        host: in lower case; a name with other letters than ASCII as IDNA has it.
        port: also where the address leaves it out.
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, address: str) -> Self:
        """The origin of an address; ValueError if it has none, or is not of HTTP."""
        parts = urlsplit(address)
        host, port = _host(parts.hostname or ""), parts.port
        if parts.scheme not in _PORTS or port == 0:
            raise ValueError(address)
        return cls(parts.scheme, host, _PORTS[parts.scheme] if port is None else port)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an origin as a person writes it.

        Raises:
            OptionError: it is none, or has more in it, such as a path or a password.
        """
        with suppress(ValueError):
            origin, parts = cls.of(text), urlsplit(text)
            more = (parts.path.removeprefix("/"), parts.query, parts.fragment, "@" in parts.netloc)
            if not any(more):
                return origin
        raise OptionError(
            "--fetch-from must be like https://example.org or http://localhost:8000, without a "
            "path."
        )

    @property
    def netloc(self) -> str:
        """Host and port, the latter where it is not the scheme's."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


def is_public(address: IpAddress) -> bool:
    """Whether an address is one of the Internet, and none of this machine or a network near it."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(address.packed[-4:])
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _host(name: str) -> str:
    """A host as it is asked for; ValueError if it is none."""
    with suppress(ValueError):
        return str(ipaddress.ip_address(name))
    host = name.lower() if name.isascii() else idna.encode(name, uts46=True).decode()
    if not _HOST.fullmatch(host):
        raise ValueError(name)
    return host
