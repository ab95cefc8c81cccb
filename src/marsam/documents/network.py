"""Connections to the Internet alone: no name leads to this machine or a network near it."""

import ipaddress
import socket
import time
from collections.abc import Collection, Iterable
from typing import Any

import httpcore

from marsam.documents.origins import IpAddress, Origin, is_public
from marsam.errors import reason_of
from marsam.messages import InBothLanguages, Message

CONNECT_SECONDS = 5.0
_LOCALHOST = "localhost"


class Unreachable(httpcore.ConnectError):
    """No connection is made to a host, and why."""

    def __init__(self, sentence: InBothLanguages) -> None:
        super().__init__(sentence.en)
        self.sentence = sentence


class PublicNetwork(httpcore.NetworkBackend):
    """Connects to the addresses that it checked, so that a name cannot lead elsewhere meanwhile.

    Args:
        permitted: hosts that a person named. A private address is permitted if it is among them,
            whatever name leads to it; ``localhost`` permits this machine by that name.

    Attributes:
        deadline: when connections break off, in seconds of :func:`time.monotonic`.
    """

    def __init__(self, permitted: Collection[str]) -> None:
        self.deadline = 0.0
        self._permitted = permitted
        self._network = httpcore.SyncBackend()

    def seconds_left(self) -> float:
        """Until the deadline; httpcore.ReadTimeout when there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline counts
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of a host that answers.

        Raises:
            Unreachable: the host has a private address, or none.
            httpcore.ConnectError, httpcore.ConnectTimeout: no address answers.
        """
        failure: Exception = httpcore.ConnectError()
        for address in self._addresses(host, port):
            try:
                stream = self._network.connect_tcp(
                    str(address),
                    port,
                    timeout=min(CONNECT_SECONDS, self.seconds_left()),
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _TimedStream(stream, self)
        raise failure

    def _addresses(self, host: str, port: int) -> list[IpAddress]:
        """All addresses of a host, which are all public or permitted."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            reason = reason_of(error) if isinstance(error, OSError) else Message("no such name")
            raise Unreachable(
                Message("{host} cannot be reached: {reason}.", host=host, reason=reason)
            ) from error
        addresses = [ipaddress.ip_address(str(one[4][0])) for one in found]
        for address in addresses:
            if not self._may_reach(host, address):
                sentence = Message(
                    "{host} leads to {address}, an address of a private network; if that is "
                    "right, add --fetch-from {origin}",
                    host=host,
                    address=address,
                    origin=Origin("http", str(address), 80),
                )
                raise Unreachable(sentence)
        return addresses

    def _may_reach(self, host: str, address: IpAddress) -> bool:
        is_named = str(address) in self._permitted
        return is_public(address) or is_named or (host == _LOCALHOST and address.is_loopback)


class _TimedStream(httpcore.NetworkStream):
    """A connection whose every step ends at the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, network: PublicNetwork) -> None:
        self._stream, self._network = stream, network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, self._network.seconds_left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, self._network.seconds_left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: Any,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        left = self._network.seconds_left()
        return _TimedStream(
            self._stream.start_tls(ssl_context, server_hostname, left), self._network
        )

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
