"""Authentication and limits: the outermost middleware of every server, so no route is left out."""

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as AsgiMessage

from marsam.api.dependencies import MAX_BASE64_CHARACTERS
from marsam.api.links import Links
from marsam.api.responses import error_body, language_headers, status_of
from marsam.errors import OptionError, RetryLater
from marsam.imaging.image_io import MAX_BYTES
from marsam.messages import InBothLanguages, Message, in_language, preferred_language
from marsam.server.addresses import LOOPBACK_NAMES, PublicUrl, ip_address, is_loopback
from marsam.server.keys import WRONG_KEY_WINDOW_S, Keys, read_key
from marsam.slots import KEY_CLIENT, LOCAL_CLIENT, Places

MAX_FORM_BYTES, MAX_BODY_BYTES = MAX_BYTES + 100_000, MAX_BASE64_CHARACTERS + 100_000
"""The largest image in a form, or in base64, and the other fields of its request."""
LARGE_BODY_BYTES = 1_000_000
MAX_LARGE_BODIES = 16
"""Requests with a larger body that are handled at the same time; they are in the memory."""
OPEN_PATHS = ("/healthz",)
"""Paths that need no key: a probe has none, and learns only that the server responds."""
HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}
Rejection = tuple[int, str, InBothLanguages]
"""Status, code and message of the response to a request that is not passed on."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def require_key(host: str, keys: Iterable[str], *, insecure: bool) -> None:
    """Refuse (OptionError) to listen for other machines with neither a key nor ``insecure``."""
    if not is_loopback(host) and not list(keys) and not insecure:
        raise OptionError(
            "Refusing to listen on {host} without authentication. Set MARSAM_KEY (or use "
            "--key-file), or pass --insecure.",
            host=host,
        )


class SecurityMiddleware:
    """Check host, origin, body size and API key of every request, and give it an ID.

    Sets ``state.client``, the key or (without keys) the address a request comes from,
    ``state.request_id``, which every response carries as ``X-Request-ID``, and ``state.links``.

    Args:
        app: the protected application.
        keys: API keys. A request carries one as bearer token, ``X-API-Key`` header, or password of
            basic authentication (which browsers ask for). Empty disables authentication.
        hosts: names to accept in the Host header, beside loopback names and IP addresses. With
            keys all are accepted: who has none is refused anyway.
        origins: origins of other web sites and of browser extensions that may use the API and
            frame the page.
        public_url: where clients reach the server, if that is not in their requests.
        on_reject: gets the code of every rejection; for metrics.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        keys: Iterable[str] = (),
        hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
        public_url: PublicUrl | None = None,
        on_reject: Callable[[str], None] = lambda _code: None,
    ) -> None:
        self.app, self.public_url, self.on_reject = app, public_url, on_reject
        keys = list(keys)
        self.keys, self.links = Keys(keys), Links(keys) if keys else None
        self.hosts = LOOPBACK_NAMES | {host.lower() for host in hosts}
        self.origins = {origin.rstrip("/").lower() for origin in origins}
        ancestors = " ".join(["'self'", *sorted(self.origins)])
        self._headers = HEADERS | {"Content-Security-Policy": f"frame-ancestors {ancestors}"}
        self._large_bodies = Places(
            number=MAX_LARGE_BODIES,
            all_taken=Message("Too many uploads at the moment. Try again."),
            share_taken=Message("Too many of your uploads at a time; send them in turn."),
        )
        self._with_cors = CORSMiddleware(
            self._handle,
            allow_origins=self.origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["Idempotent-Replayed", "Location", "Retry-After", "X-Request-ID"],
        )
        if public_url is not None:
            self.hosts |= {public_url.name}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or reject it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        origin = Headers(scope=scope).get("origin", "").lower()
        handle = self._with_cors if origin in self.origins else self._handle
        await handle(scope, receive, send)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        address = (scope.get("client") or ("unknown", 0))[0]
        request_id = headers.get("x-request-id", "")
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = secrets.token_hex(8)
        state = scope.setdefault("state", {})
        state["request_id"], state["links"] = request_id, self.links
        state["client"] = LOCAL_CLIENT if is_loopback(address) else f"address:{address}"

        async def send_with_headers(message: AsgiMessage) -> None:
            if message["type"] == "http.response.start":
                response = MutableHeaders(scope=message)
                response["X-Request-ID"] = request_id
                for name, value in self._headers.items():
                    response.setdefault(name, value)
            await send(message)

        rejection = self._check_origin(scope, headers) or _check_body_size(headers)
        if rejection is None and self.keys and not self._is_open(scope):
            key, receive = await read_key(scope, headers, receive)
            if not self.keys.accept(key):
                rejection = self._reject_key(address, key)
            # A hash, so that the journal holds no key.
            digest = hashlib.sha256(key.encode(errors="replace")).hexdigest()
            state["client"] = f"{KEY_CLIENT}{digest[:12]}"
        if rejection is None:
            rejection = await self._pass_on(scope, receive, send_with_headers)
        if rejection is not None:
            self.on_reject(rejection[1])
            await _reject(scope, receive, send_with_headers, rejection)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> Rejection | None:
        """Pass a request on, unless too many large bodies are being handled."""
        with ExitStack() as place:
            if _has_large_body(Headers(scope=scope)):
                try:
                    place.enter_context(self._large_bodies.place(scope["state"]["client"]))
                except RetryLater as error:
                    return status_of(error), "too_many_uploads", error.message
            if self.public_url is not None:
                self.public_url.apply(scope)
            await self.app(scope, receive, send)
        return None

    def _check_origin(self, scope: Scope, headers: Headers) -> Rejection | None:
        """Reject DNS rebinding and requests from other sites."""
        host, name = _host_and_name(headers.get("host", ""))
        if not self.keys and name not in self.hosts and ip_address(name) is None:
            return (
                403,
                "foreign_host",
                Message(
                    "This host name is not allowed. Name it with --host-name or MARSAM_HOST_NAMES."
                ),
            )
        origin = headers.get("origin")
        if origin is None:
            # Pictures and frames of other pages have no Origin, but browsers tell where they are.
            is_foreign = headers.get("sec-fetch-site") == "cross-site" and not (
                headers.get("sec-fetch-mode") == "navigate"
                and headers.get("sec-fetch-dest") == "document"
                and scope.get("method") in ("GET", "HEAD")
            )
        else:
            own = {f"http://{host}", f"https://{host}"}
            own |= {self.public_url.origin} if self.public_url else set()
            is_foreign = origin.lower() not in own | self.origins
        if is_foreign:
            return (
                403,
                "foreign_origin",
                Message(
                    "Requests from other sites are not allowed. Behind a proxy, set --public-url; "
                    "to allow a site, use --origin."
                ),
            )
        return None

    def _is_open(self, scope: Scope) -> bool:
        """Whether a request needs no key: a health check, or a signed link to a picture."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path.startswith("/v1/pictures/") and scope.get("method") in ("GET", "HEAD"):
            return self.links is not None and self.links.is_valid(path, scope["query_string"])
        return path in OPEN_PATHS

    def _reject_key(self, address: str, key: str) -> Rejection:
        if key and self.keys.count_wrong(address):
            sentence = Message("Too many wrong keys. Try again in a minute.")
            return 429, "too_many_attempts", sentence
        return 401, "unauthorized", Message("A valid API key is required.")


def _check_body_size(headers: Headers) -> Rejection | None:
    """Reject a body whose Content-Length is too large; FastAPI counts the bytes of others."""
    length = headers.get("content-length", "0")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    limit = MAX_BODY_BYTES if kind.endswith("json") else MAX_FORM_BYTES
    if length.isdecimal() and int(length) <= limit:
        return None
    sentence = Message("The request is too large: at most {limit} MB.", limit=limit // 1_000_000)
    return 413, "too_large", sentence


def _has_large_body(headers: Headers) -> bool:
    length = headers.get("content-length")
    return int(length) > LARGE_BODY_BYTES if length else "transfer-encoding" in headers


def _host_and_name(netloc: str) -> tuple[str, str]:
    """Host with port, and host name alone; empty strings where it is not valid."""
    try:
        parts = urlsplit(f"//{netloc}")
        is_valid = parts.username is None and parts.netloc == netloc
    except ValueError:
        is_valid = False
    return (netloc.lower(), parts.hostname or "") if is_valid else ("", "")


async def _reject(scope: Scope, receive: Receive, send: Send, rejection: Rejection) -> None:
    status, code, message = rejection
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": message.en})
        return
    headers = {"WWW-Authenticate": 'Basic realm="Marsam"'} if status == 401 else {}
    if status in (429, 503):
        headers["Retry-After"] = str(
            round(WRONG_KEY_WINDOW_S) if code == "too_many_attempts" else 2
        )
    request_id = scope["state"]["request_id"]
    language = preferred_language(Headers(scope=scope).get("accept-language", ""))
    text = in_language(message, language)
    headers |= language_headers(language)
    body = error_body(scope["path"], status, code, text, request_id)
    await JSONResponse(body, status, headers)(scope, receive, send)
