"""Authentication and limits: the outermost middleware of every server, so no route is left out."""

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
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
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
Rejection = tuple[int, str, str]
"""Status, code and message of the response to a request that is not passed on."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def is_loopback(host: str) -> bool:
    """Whether an address to listen on can be reached from this machine only."""
    address = _ip_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def require_key(host: str, keys: Iterable[str], *, insecure: bool) -> None:
    """Refuse (OptionError) to listen for other machines with neither a key nor ``insecure``."""
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
        headers = Headers(scope=scope)
        address = (scope.get("client") or ("unknown", 0))[0]
        request_id = headers.get("x-request-id", "")
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = secrets.token_hex(8)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        state["client"] = "local" if is_loopback(address) else f"address:{address}"

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        rejection = self._check_host_and_origin(headers) or self._check_body_size(headers)
        if rejection is None and self.keys:
            key, receive = await _read_key(scope, headers, receive)
            rejection = self._check_key(address, key)
            # A hash, so that the journal holds no key.
            digest = hashlib.sha256(key.encode(errors="replace")).hexdigest()
            state["client"] = f"key:{digest[:12]}"
        if rejection is not None:
            await _reject(scope, receive, send_with_id, rejection)
        else:
            await self.app(scope, receive, send_with_id)

    def _check_host_and_origin(self, headers: Headers) -> Rejection | None:
        """Reject DNS rebinding and cross-site requests."""
        host, name = _host_and_name(f"//{headers.get('host', '')}")
        if name not in self.hosts and _ip_address(name) is None:
            return 403, "foreign_host", "This host name is not allowed."
        origin = headers.get("origin")
        if origin is not None and _host_and_name(origin)[0] != host:
            return 403, "foreign_origin", "Requests from other sites are not allowed."
        return None

    def _check_body_size(self, headers: Headers) -> Rejection | None:
        """Reject a body whose Content-Length is too large; FastAPI counts the bytes of others."""
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) <= MAX_BODY_BYTES:
            return None
        limit = MAX_BODY_BYTES // 1_000_000
        return 413, "too_large", f"The request is too large: at most {limit} MB."

    def _check_key(self, address: str, key: str) -> Rejection | None:
        now = time.monotonic()
        times = self._wrong_keys.get(address, deque())
        if len(times) == MAX_WRONG_KEYS and times[0] >= now - WRONG_KEY_WINDOW_S:
            return 429, "too_many_attempts", "Too many wrong keys. Try again in a minute."
        candidate = key.encode(errors="replace")
        # A list, not a generator: comparing all keys takes the same time whichever one matches.
        if any([hmac.compare_digest(candidate, known) for known in self.keys]):  # noqa: C419
            return None
        if key:
            if len(self._wrong_keys) > MAX_ADDRESSES:
                self._wrong_keys.clear()
            self._wrong_keys.setdefault(address, deque(maxlen=MAX_WRONG_KEYS)).append(now)
        return 401, "unauthorized", "A valid API key is required."


def _host_and_name(url: str) -> tuple[str, str]:
    """Host with port, and host name alone; empty strings for an invalid URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.netloc, parts.hostname or ""


def _ip_address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


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
        if key := _api_key(scope["query_string"]):
            return key, receive
        return await _key_from_body(headers, receive)
    return "", receive


def _api_key(fields: bytes, *, is_json: bool = False) -> str:
    """The field ``api_key`` of a form or of JSON; "" if there is none, or too many fields."""
    try:
        if is_json:
            return str(json.loads(fields).get("api_key") or "")
        return parse_qs(fields.decode(errors="replace"), max_num_fields=20).get("api_key", [""])[0]
    except (ValueError, AttributeError, RecursionError):
        return ""


async def _key_from_body(headers: Headers, receive: Receive) -> tuple[str, Receive]:
    body, more = b"", True
    while more and len(body) < MAX_KEY_BODY_BYTES:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    is_json = headers.get("content-type", "").startswith("application/json")
    read = [{"type": "http.request", "body": body, "more_body": more}]

    async def replay() -> Message:
        return read.pop() if read else await receive()

    return _api_key(body, is_json=is_json), replay


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
