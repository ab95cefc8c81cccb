"""API keys: those of a server, and the one that a request carries."""

import base64
import hmac
import ipaddress
import json
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from marsam import environment
from marsam.errors import OptionError

MIN_KEY_CHARACTERS = 16
MAX_WRONG_KEYS, WRONG_KEY_WINDOW_S = 10, 60.0
"""Wrong keys from one address within this time; more of them get status 429."""
MAX_ADDRESSES = 10_000
"""Addresses whose wrong keys are counted at the same time; this bounds the memory."""
KEY_IN_BODY_PATHS = ("/translate", "/translate_file", "/detect", "/languages")
"""Routes whose LibreTranslate clients send the key as ``api_key`` in the body or the query."""
MAX_KEY_BODY_BYTES = 1_000_000
"""How much of a body is read to find ``api_key``."""
_log = logging.getLogger(__name__)


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
            raise OptionError("The keys in {file} cannot be read.", file=file.name) from error
    keys = frozenset(filter(None, (line.strip() for line in lines)))
    if file is not None and not keys:
        raise OptionError("{file} contains no key. Write one key on each line.", file=file.name)
    if any(len(key) < MIN_KEY_CHARACTERS for key in keys):
        raise OptionError(
            "A key needs at least {limit} characters. Create one with: openssl rand -hex 16",
            limit=MIN_KEY_CHARACTERS,
        )
    return keys


class Keys:
    """The keys of a server, and how many wrong ones each address sent.

    A right key is always accepted: otherwise anybody could lock out all who share an address. Keys
    are too long to be guessed.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = [key.encode() for key in sorted(keys)]
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._keys)

    def accept(self, key: str) -> bool:
        """Whether a key is right."""
        candidate = key.encode(errors="replace")
        # A list, not a generator: comparing all keys takes the same time whichever one matches.
        return any([hmac.compare_digest(candidate, known) for known in self._keys])  # noqa: C419

    def count_wrong(self, address: str) -> bool:
        """Count a wrong key; whether the address has sent too many."""
        now, network = time.monotonic(), _network(address)
        times = self._wrong.setdefault(network, deque(maxlen=MAX_WRONG_KEYS))
        self._wrong.move_to_end(network)
        if len(self._wrong) > MAX_ADDRESSES:
            self._wrong.popitem(last=False)
        if len(times) == MAX_WRONG_KEYS and times[0] >= now - WRONG_KEY_WINDOW_S:
            return True
        times.append(now)
        if len(times) == MAX_WRONG_KEYS and times[0] >= now - WRONG_KEY_WINDOW_S:
            _log.warning("%d wrong API keys from %s within a minute.", MAX_WRONG_KEYS, network)
        return False


def _network(address: str) -> str:
    """An IPv4 address; of an IPv6 address its network, since one machine has all of that."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address


async def read_key(scope: Scope, headers: Headers, receive: Receive) -> tuple[str, Receive]:
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
    if scope["type"] == "http" and scope["path"].rstrip("/") in KEY_IN_BODY_PATHS:
        try:
            fields = parse_qs(scope["query_string"].decode(errors="replace"), max_num_fields=20)
        except ValueError:
            return "", receive
        if key := fields.get("api_key", [""])[0]:
            return key, receive
        return await _key_in_body(scope, headers, receive)
    return "", receive


async def _key_in_body(scope: Scope, headers: Headers, receive: Receive) -> tuple[str, Receive]:
    body, more = b"", True
    while more and len(body) < MAX_KEY_BODY_BYTES:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)

    def replay(*messages: Message) -> Receive:
        left = list(messages)

        async def receive_again() -> Message:
            return left.pop(0) if left else await receive()

        return receive_again

    start = {"type": "http.request", "body": body}
    rest = replay(start | {"more_body": more})
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind.endswith("json"):
            return str(json.loads(body).get("api_key") or ""), rest
        request = Request(scope, replay(start | {"more_body": False}))
        async with request.form(max_files=1, max_fields=100) as form:
            key = form.get("api_key")
            return (key if isinstance(key, str) else ""), rest
    except (ValueError, AttributeError, RecursionError, HTTPException):
        return "", rest
