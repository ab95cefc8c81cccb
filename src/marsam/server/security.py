"""Who may ask a served Marsam anything: the outermost layer, before any route.

It is the same for the page, the API and everything mounted beside them, so that no route can be
forgotten.
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
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marsam.errors import OptionError
from marsam.imaging.image_io import MAX_BYTES

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
MAX_BODY = MAX_BYTES + 100_000
"""A picture, and the rest of its form."""
TRIES, WINDOW = 10, 60.0
"""Wrong keys from one address within so many seconds, after which it is not listened to."""
KEY_IN_BODY = ("/translate", "/languages")
"""Where LibreTranslate's clients put the key into the form, or into the query."""
SMALL = 1_000_000
"""Bytes of a body that may be read for its key."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address one listens on."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_key(host: str, keys: Iterable[str], *, insecure: bool) -> None:
    """Refuse to be reached from elsewhere without a key.

    Raises:
        OptionError: unless there is a key, or somebody said that none is wanted.
    """
    if not is_loopback(host) and not list(keys) and not insecure:
        raise OptionError(
            f"On {host} others could use this machine; set MARSAM_KEY to a secret key, or say "
            "--insecure."
        )


class Guard:
    """An ASGI layer that lets through what may pass, and names every request.

    ``state.client`` then tells whose request it is: of which key or, without keys, of which
    address; ``state.request_id`` is in every answer's ``X-Request-ID``.

    Args:
        app: what is guarded.
        keys: of which one must come along, as a bearer token, ``X-API-Key``, or the password of
            basic authentication (which browsers ask for); none lets everybody in.
        hosts: names under which the machine is asked, beside loopback's and plain addresses.
    """

    def __init__(
        self, app: ASGIApp, *, keys: frozenset[str] = frozenset(), hosts: Iterable[str] = ()
    ) -> None:
        self.app = app
        self.keys = [key.encode() for key in sorted(keys)]
        self.hosts = LOOPBACK | {host.lower() for host in hosts}
        self._wrong: dict[str, deque[float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        asked = HTTPConnection(scope)
        given = asked.headers.get("x-request-id", "")
        name = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        state = scope.setdefault("state", {})
        state["request_id"] = name

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-ID"] = name
            await send(message)

        refusal = self._from_elsewhere(asked.headers)
        if refusal is None:
            refusal = self._too_large(asked.headers)
        if refusal is None and self.keys:
            key, receive = await _given_key(scope, asked.headers, receive)
            refusal = self._locked(_address(scope), key)
        if refusal is not None:
            await _refuse(scope, receive, named, refusal, name)
            return
        state["client"] = _named(key) if self.keys else _local(scope)
        await self.app(scope, receive, named)

    def _from_elsewhere(self, headers: Headers) -> tuple[int, str, str] | None:
        """A page of another site that makes its reader's browser ask us."""
        host, name = _place(f"//{headers.get('host', '')}")
        if name not in self.hosts and not _is_address(name):
            return 403, "foreign_host", "This service is not known under that name."
        origin = headers.get("origin")
        if origin is not None and _place(origin)[0] != host:
            return 403, "foreign_origin", "Pages of other sites may not use this service."
        return None

    def _too_large(self, headers: Headers) -> tuple[int, str, str] | None:
        """A body that says beforehand that it is too large; FastAPI counts the others."""
        said = headers.get("content-length", "0")
        if said.isdecimal() and int(said) <= MAX_BODY:
            return None
        return 413, "too_large", f"A request has at most {MAX_BODY // 1_000_000} MB."

    def _locked(self, address: str, key: str) -> tuple[int, str, str] | None:
        now = time.monotonic()
        wrong = self._wrong.get(address)
        while wrong and wrong[0] < now - WINDOW:
            wrong.popleft()
        if wrong and len(wrong) >= TRIES:
            return 429, "too_many_attempts", "Too many wrong keys; wait a minute."
        given = key.encode(errors="replace")
        # All are compared, each in constant time: how long it takes tells nothing.
        if any([hmac.compare_digest(given, known) for known in self.keys]):  # noqa: C419
            return None
        if key:
            if len(self._wrong) > 10_000:  # addresses without end must not fill the memory
                self._wrong.clear()
            self._wrong.setdefault(address, deque()).append(now)
        return 401, "unauthorized", "This service wants a key."


def _place(url: str) -> tuple[str, str]:
    """Host and port of an address, and the host's name alone; nothing of what is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.netloc, parts.hostname or ""


def _is_address(name: str) -> bool:
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False


async def _given_key(scope: Scope, headers: Headers, receive: Receive) -> tuple[str, Receive]:
    """The key that came along, or nothing; and the body, if it had to be looked into."""
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip(), receive
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2], receive
        except ValueError:
            return "", receive
    if key := headers.get("x-api-key"):
        return key, receive
    if scope["type"] == "http" and scope["path"] in KEY_IN_BODY:
        if key := _key_in_form(scope["query_string"]):
            return key, receive
        return await _key_in_body(headers, receive)
    return "", receive


def _key_in_form(form: bytes) -> str:
    try:
        return parse_qs(form.decode(errors="replace"), max_num_fields=20).get("api_key", [""])[0]
    except ValueError:  # more than anybody asks for
        return ""


async def _key_in_body(headers: Headers, receive: Receive) -> tuple[str, Receive]:
    body, more = b"", True
    while more and len(body) < SMALL:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    try:
        if headers.get("content-type", "").startswith("application/json"):
            key = str(json.loads(body).get("api_key") or "")
        else:
            key = _key_in_form(body)
    except (ValueError, AttributeError, RecursionError):
        key = ""
    given = [{"type": "http.request", "body": body, "more_body": more}]

    async def again() -> Message:
        return given.pop() if given else await receive()

    return key, again


def _address(scope: Scope) -> str:
    return (scope.get("client") or ("unknown", 0))[0]


def _named(key: str) -> str:
    """Whose requests come with a key; the key itself is written down nowhere."""
    return f"key:{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def _local(scope: Scope) -> str:
    address = _address(scope)
    return "local" if is_loopback(address) else f"address:{address}"


async def _refuse(
    scope: Scope, receive: Receive, send: Send, refusal: tuple[int, str, str], request_id: str
) -> None:
    status, code, message = refusal
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": message})
        return
    headers = {"WWW-Authenticate": 'Basic realm="Marsam"'} if status == 401 else {}
    if status == 429:
        headers["Retry-After"] = str(round(WINDOW))
    told = {"code": code, "message": message, "request_id": request_id}
    await JSONResponse(told, status, headers)(scope, receive, send)
