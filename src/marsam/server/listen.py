"""Listen on sockets, and read the API keys of a server."""

import errno
import socket
from pathlib import Path

from starlette.types import ASGIApp

from marsam import environment
from marsam.errors import OptionError

MIN_KEY_CHARACTERS = 16
SHUTDOWN_TIMEOUT_S = 5
"""Time that open requests get to finish after an interrupt."""


def load_keys(file: Path | None) -> frozenset[str]:
    """Read API keys from a file, one a line; without a file, the key in ``MARSAM_KEY``.

    Raises:
        OptionError: when the file cannot be read or holds no key, or when a key is too short.
    """
    if file is None:
        lines = [environment.KEY.get() or ""]
    else:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise OptionError(f"The keys in {file.name} cannot be read.") from error
    keys = frozenset(filter(None, (line.strip() for line in lines)))
    if file is not None and not keys:
        raise OptionError(f"{file.name} contains no key. Write one key on each line.")
    if any(len(key) < MIN_KEY_CHARACTERS for key in keys):
        raise OptionError(
            f"A key needs at least {MIN_KEY_CHARACTERS} characters. "
            "Create one with: openssl rand -hex 16"
        )
    return keys


def listen(app: ASGIApp, *, host: str, port: int) -> None:
    """Serve an application until it is interrupted.

    Raises:
        OptionError: when the address cannot be listened on.
    """
    import uvicorn

    # Bound before the address is printed: another program may have the port.
    sockets = _bind(host, port)
    config = uvicorn.Config(
        app, log_level="warning", server_header=False, timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S
    )
    print(f"Marsam: http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)  # noqa: T201
    uvicorn.Server(config).run(sockets=sockets)


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
