"""Listen on sockets until the server is stopped."""

import errno
import logging
import socket
import sys
from asyncio import CancelledError
from collections.abc import Callable, Sequence
from threading import Thread
from types import FrameType

import segno
from starlette.types import ASGIApp

from marsam.errors import OptionError, reason_of
from marsam.logs import RepeatFilter
from marsam.server.addresses import ForwardedHeaders, server_url

SHUTDOWN_TIMEOUT_S = 3
"""Time that open requests get to finish after an interrupt."""


def listen(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    phone_url: str | None = None,
    trusted_proxies: Sequence[str] = (),
    on_start: Callable[[], object] = lambda: None,
    on_stop: Callable[[], object] = lambda: None,
) -> None:
    """Serve an application until it is interrupted; then uvicorn sends the signal once more.

    Args:
        app: the application.
        host: address or name to listen on.
        port: TCP port.
        phone_url: address for phones, to print as well.
        trusted_proxies: addresses and networks of proxies in front of the server.
        on_start: called in a thread when the server listens; its error ends the server.
        on_stop: called in a thread at the first signal to stop, before open requests have ended.

    Raises:
        OptionError: when the address cannot be listened on.
        Exception: what ``on_start`` raised.
    """
    import uvicorn

    from marsam.server.request_timeouts import RequestTimeouts

    failures: list[BaseException] = []

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            Thread(target=self.call_on_start, daemon=True).start()

        def call_on_start(self) -> None:
            try:
                on_start()
            except BaseException as error:  # raised again in the main thread
                failures.append(error)
                self.should_exit = True

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            if not self.should_exit:
                Thread(target=on_stop, daemon=True).start()
            super().handle_exit(sig, frame)

    app = ForwardedHeaders(app, trusted_proxies)
    # Bound before the address is printed: another program may have the port.
    sockets = _bind(host, port)
    config = uvicorn.Config(
        app,
        http=RequestTimeouts,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
    )
    # Uvicorn logs each malformed request, and a traceback for each page open at the end.
    for log_filter in (_is_no_end, RepeatFilter()):
        logging.getLogger("uvicorn.error").addFilter(log_filter)
    _print_addresses(server_url(host, port), phone_url)
    Server(config).run(sockets=sockets)
    if failures:
        raise failures[0]


def _print_addresses(url: str, phone_url: str | None) -> None:
    print(f"Marsam: {url}", flush=True)  # noqa: T201
    if phone_url is None:
        return
    print(f"On a phone: {phone_url}", flush=True)  # noqa: T201
    if sys.stdout.isatty():
        segno.make(phone_url).terminal(compact=True)


def _is_no_end(record: logging.LogRecord) -> bool:
    """Whether a message is about something else than a request that the end of the server ended."""
    error = record.exc_info[1] if record.exc_info else None
    ended = str(record.msg).endswith("timeout graceful shutdown exceeded")
    return not isinstance(error, CancelledError) and not ended


def _bind(host: str, port: int) -> list[socket.socket]:
    """One listening socket for each address of a host name that this machine has."""
    sockets: list[socket.socket] = []
    absent: OSError | None = None
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in dict.fromkeys((family, address) for family, *_, address in infos):
            try:
                sockets.append(socket.create_server(address, family=family))
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                absent = error
        if absent is not None and not sockets:
            raise absent
    except OSError as error:
        for one in sockets:
            one.close()
        raise OptionError(
            "Cannot listen on {host}, port {port} ({reason}). Choose another port with --port.",
            host=host,
            port=port,
            reason=reason_of(error),
        ) from error
    return sockets
