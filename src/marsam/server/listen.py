"""Listen on sockets until the server is stopped."""

import errno
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from threading import Thread
from types import FrameType

from starlette.types import ASGIApp

from marsam.errors import OptionError
from marsam.server.addresses import ForwardedHeaders

SHUTDOWN_TIMEOUT_S = 3
"""Time that open requests get to finish after an interrupt."""


def listen(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    trusted_proxies: Sequence[str] = (),
    on_stop: Callable[[], object] = lambda: None,
) -> None:
    """Serve an application until it is interrupted.

    Args:
        app: the application.
        host: address or name to listen on.
        port: TCP port.
        trusted_proxies: addresses and networks of proxies in front of the server.
        on_stop: called in a thread at the first signal to stop, before open requests have ended.

    Raises:
        OptionError: when the address cannot be listened on.
    """
    import uvicorn

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            if not self.should_exit:
                Thread(target=on_stop, daemon=True).start()
            super().handle_exit(sig, frame)

    app = ForwardedHeaders(app, trusted_proxies)
    # Bound before the address is printed: another program may have the port.
    sockets = _bind(host, port)
    config = uvicorn.Config(
        app,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
    )
    print(f"Marsam: http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)  # noqa: T201
    # After the shutdown uvicorn sends itself the signal again; to be stopped is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Server(config).run(sockets=sockets)


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
        reason = error.strerror or str(error)
        raise OptionError(
            f"Cannot listen on {host}, port {port} ({reason}). Choose another port with --port."
        ) from error
    return sockets
