"""Authentication and request limits: the outermost ASGI middleware.

The same middleware protects the studio page, the API and the review page, so no route can be
left out.
"""

import base64
import hashlib
import hmac
import ipaddress
import json
import re
import secrets
import time
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marsam.errors import OptionError
from marsam.imaging.image_io import MAX_BYTES

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
MAX_BODY_BYTES = MAX_BYTES + 100_000
"""The largest image, and the other fields of its form."""
MAX_WRONG_KEYS, WRONG_KEY_WINDOW_S = 10, 60.0
"""Wrong keys from one address within this time; after that, its requests get status 429."""
KEY_IN_BODY_PATHS = ("/translate", "/languages")
"""Routes whose LibreTranslate clients send the key as ``api_key`` in the body or the query."""
MAX_KEY_BODY_BYTES = 1_000_000
"""How much of a body is read to find ``api_key``."""
MAX_ADDRESSES = 10_000
"""Addresses whose wrong keys are counted at the same time; this bounds the memory."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Rejection(NamedTuple):
    """Why a request is not passed on."""

    status: int
    code: str
    message: str


def is_loopback(host: str) -> bool:
    """Whether an address to listen on can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_key(host: str, keys: Iterable[str], *, insecure: bool) -> None:
    """Refuse to listen for other machines without authentication.

    Raises:
        OptionError: when there is neither a key nor ``insecure``.
    """
    if not is_loopback(host) and not list(keys) and not insecure:
        raise OptionError(
            f"Refusing to listen on {host} without authentication. Set MARSAM_KEY "
            "(or use --key-file), or pass --insecure."
        )


class SecurityMiddleware:
    """Check host, origin, body size and API key of every request, and give it an ID.

    Sets ``state.client``, the key or (without keys) the address a request comes from, and
    ``state.request_id``, which every response carries as ``X-Request-ID``.

    Args:
        app: the protected application.
        keys: API keys. A request carries one as bearer token, ``X-API-Key`` header, or password of
            basic authentication (which browsers ask for). Empty disables authentication.
        hosts: names to accept in the Host header, beside loopback names and IP addresses.
    """

    def __init__(
        self, app: ASGIApp, *, keys: frozenset[str] = frozenset(), hosts: Iterable[str] = ()
    ) -> None:
        self.app = app
        self.keys = [key.encode() for key in sorted(keys)]
        self.hosts = LOOPBACK_NAMES | {host.lower() for host in hosts}
        self._wrong_keys: dict[str, deque[float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or reject it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = HTTPConnection(scope).headers
        request_id = headers.get("x-request-id", "")
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = secrets.token_hex(8)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        rejection = self._check_host_and_origin(headers) or self._check_body_size(headers)
        if rejection is None and self.keys:
            key, receive = await _read_key(scope, headers, receive)
            rejection = self._check_key(_address(scope), key)
        if rejection is not None:
            await _reject(scope, receive, send_with_id, rejection)
            return
        state["client"] = _client_of_key(key) if self.keys else _client_of_address(scope)
        await self.app(scope, receive, send_with_id)

    def _check_host_and_origin(self, headers: Headers) -> Rejection | None:
        """Reject DNS rebinding and cross-site requests."""
        host, name = _host_and_name(f"//{headers.get('host', '')}")
        if name not in self.hosts and not _is_ip_address(name):
            return Rejection(403, "foreign_host", "This host name is not allowed.")
        origin = headers.get("origin")
        if origin is not None and _host_and_name(origin)[0] != host:
            return Rejection(403, "foreign_origin", "Requests from other sites are not allowed.")
        return None

    def _check_body_size(self, headers: Headers) -> Rejection | None:
        """Reject a body whose Content-Length is too large; FastAPI counts the bytes of others."""
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) <= MAX_BODY_BYTES:
            return None
        limit = MAX_BODY_BYTES // 1_000_000
        return Rejection(413, "too_large", f"The request is too large: at most {limit} MB.")

    def _check_key(self, address: str, key: str) -> Rejection | None:
        now = time.monotonic()
        times = self._wrong_keys.get(address)
        while times and times[0] < now - WRONG_KEY_WINDOW_S:
            times.popleft()
        if times and len(times) >= MAX_WRONG_KEYS:
            return Rejection(
                429, "too_many_attempts", "Too many wrong keys. Try again in a minute."
            )
        candidate = key.encode(errors="replace")
        # A list, not a generator: comparing all keys takes the same time whichever one matches.
        if any([hmac.compare_digest(candidate, known) for known in self.keys]):  # noqa: C419
            return None
        if key:
            if len(self._wrong_keys) > MAX_ADDRESSES:
                self._wrong_keys.clear()
            self._wrong_keys.setdefault(address, deque()).append(now)
        return Rejection(401, "unauthorized", "A valid API key is required.")


def _host_and_name(url: str) -> tuple[str, str]:
    """Host with port, and host name alone; empty strings for an invalid URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.netloc, parts.hostname or ""


def _is_ip_address(name: str) -> bool:
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False


async def _read_key(scope: Scope, headers: Headers, receive: Receive) -> tuple[str, Receive]:
    """The key of a request, or ""; and a ``receive`` that still yields the whole body."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip(), receive
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2], receive
        except ValueError:
            return "", receive
    if key := headers.get("x-api-key"):
        return key, receive
    if scope["type"] == "http" and scope["path"] in KEY_IN_BODY_PATHS:
        if key := _key_from_form(scope["query_string"]):
            return key, receive
        return await _key_from_body(headers, receive)
    return "", receive


def _key_from_form(form: bytes) -> str:
    try:
        return parse_qs(form.decode(errors="replace"), max_num_fields=20).get("api_key", [""])[0]
    except ValueError:  # too many fields
        return ""


async def _key_from_body(headers: Headers, receive: Receive) -> tuple[str, Receive]:
    body, more = b"", True
    while more and len(body) < MAX_KEY_BODY_BYTES:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    try:
        if headers.get("content-type", "").startswith("application/json"):
            key = str(json.loads(body).get("api_key") or "")
        else:
            key = _key_from_form(body)
    except (ValueError, AttributeError, RecursionError):
        key = ""
    read = [{"type": "http.request", "body": body, "more_body": more}]

    async def replay() -> Message:
        return read.pop() if read else await receive()

    return key, replay


def _address(scope: Scope) -> str:
    return (scope.get("client") or ("unknown", 0))[0]


def _client_of_key(key: str) -> str:
    """The client's name for a key; a hash, so that the journal holds no key."""
    return f"key:{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def _client_of_address(scope: Scope) -> str:
    address = _address(scope)
    return "local" if is_loopback(address) else f"address:{address}"


async def _reject(scope: Scope, receive: Receive, send: Send, rejection: Rejection) -> None:
    status, code, message = rejection
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": message})
        return
    headers = {"WWW-Authenticate": 'Basic realm="Marsam"'} if status == 401 else {}
    if status == 429:
        headers["Retry-After"] = str(round(WRONG_KEY_WINDOW_S))
    body = {"code": code, "message": message, "request_id": scope["state"]["request_id"]}
    await JSONResponse(body, status, headers)(scope, receive, send)
