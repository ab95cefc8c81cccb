"""Limits of a page: what its clients may send to Gradio, and how much of it at the same time."""

import json
import math
import re
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marsam.errors import RetryLater
from marsam.slots import LOCAL_CLIENT, Places, Slots
from marsam.ui.blocks import MAX_EVENTS, UNEXPECTED, bilingual, log_request_error
from marsam.ui.i18n import Bilingual
from marsam.ui.uploads import OUT_OF_DATE, Refused, Uploads

MAX_EVENTS_PER_CLIENT = 32
"""Events in Gradio's queue: more than the runs that a client may have in the scheduler's."""
CONCURRENT_CALLS, MAX_CALLS = 24, 400
"""Requests that are answered at once, and those that also wait; of one client, half of them."""
MAX_STREAMS, MAX_HEARTBEATS = 200, 400
"""Connections that stay open: for results, and one of each open page; of one client, half of them.
With those of the API they are fewer than the 1024 files that a process may often open."""
MAX_BODY_BYTES = 200_000
"""Of a request that is no upload: many times the longest texts."""
BODY_TOO_LARGE = Bilingual("The request is too large.", "البيانات المرسلة كبيرة جدًا.")
NOT_FETCHED = Bilingual(
    "Send the file itself; nothing is fetched from the network.",
    "أرسل الملف نفسه؛ فلا يُجلب شيء من الشبكة.",
)
TOO_MANY = "Too many requests at the moment. Try again in a few seconds."
TOO_MANY_EVENTS = Bilingual(
    "Too many of your requests wait already. Try again in a little while.",
    "طلباتك المنتظرة كثيرة؛ حاول بعد قليل.",
)
_PREFIX = "/gradio_api"
_CALLS = ("/run/", "/api/")
_EVENTS = ("/queue/join", "/call/")
_STREAMS, _HEARTBEATS = ("/queue/data", "/call/", "/upload_progress"), ("/heartbeat/",)
_ELSEWHERE = re.compile(r"/file[=/]\s*https?:|/proxy=", re.IGNORECASE)
_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)


class PageLimits:
    """ASGI middleware around Gradio's app.

    Requests that the page never sends are refused, others are checked before Gradio gets them, and
    an error of Gradio's is one line in the log.

    Args:
        app: Gradio's app.
        page: the page, which knows the events in progress.
        uploads: whether pictures may be uploaded.
        documents: suffixes of documents that may be uploaded, too.
    """

    def __init__(
        self,
        app: ASGIApp,
        page: gr.Blocks,
        *,
        uploads: bool = True,
        documents: tuple[str, ...] = (),
    ) -> None:
        self.app, self.page = app, page
        self._uploads = Uploads(app, Path(page.GRADIO_CACHE), documents) if uploads else None
        self._calls = Slots(concurrent=CONCURRENT_CALLS, max_requests=MAX_CALLS)
        self._streams, self._heartbeats = Places(number=MAX_STREAMS), Places(number=MAX_HEARTBEATS)
        self._joining: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        response: Response | None = None
        try:
            await self._handle(scope, receive, send_and_note)
        except Refused as error:
            response = _response(scope, error.status, error.message, error.seconds)
        except RetryLater as error:
            response = _response(scope, 429, Bilingual(error.en, error.ar), error.seconds)
        except Exception as error:
            log_request_error(error)
            response = _response(scope, 500, UNEXPECTED)
        if response is not None and started:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        elif response is not None:
            await response(scope, receive, send)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        client = client_of(scope)
        path = path.removeprefix(_PREFIX).rstrip("/")
        if scope["method"] in ("GET", "HEAD"):
            # It would store the page's state in a file, or ask other servers for what they have.
            if path == "/deep_link" or _ELSEWHERE.match(path):
                raise Refused(404, OUT_OF_DATE)
            with ExitStack() as place:
                for paths, places in ((_STREAMS, self._streams), (_HEARTBEATS, self._heartbeats)):
                    if path.startswith(paths):
                        place.enter_context(places.place(client))
                if path == "/upload_progress" and self._uploads is not None:
                    await self._uploads.send_progress(scope, receive, send)
                else:
                    await self.app(scope, receive, send)
        elif path == "/upload" and self._uploads is not None:
            await self._uploads.receive_file(client, scope, receive, send)
        elif path.startswith(_EVENTS):
            body = await _read(receive)
            self._check_event(path, body)
            await self._start_event(client, scope, _replay(body, receive), send)
        elif path.startswith(_CALLS):
            async with self._calls.slot(client):
                body = await _read(receive)
                self._check_event(path, body)
                await self.app(scope, _replay(body, receive), send)
        elif path in ("/cancel", "/reset"):
            await self.app(scope, _replay(await _read(receive), receive), send)
        else:
            raise Refused(404, OUT_OF_DATE)

    def _check_event(self, path: str, body: bytes) -> None:
        """Refuse what would be an error in Gradio, and files that it would fetch from elsewhere."""
        event = _parse(body)
        if _names_url(event):
            raise Refused(422, NOT_FETCHED)
        name = path.rpartition("/")[2]
        if path.startswith("/call/v2/"):  # the values have names, in a mapping
            named, values = True, None
        else:
            named, values = path.startswith("/call/"), event.get("data")
        index = None if named else event.get("fn_index")
        functions = self.page.fns
        if index is None:
            found = [one for one in functions.values() if one.api_name == name]
            found = [one for one in found if not named or one.api_visibility == "public"]
        else:
            found = [functions[index]] if type(index) is int and index in functions else []
        needs_session = path == "/queue/join"
        is_valid = (
            found
            and (values is None) == path.startswith("/call/v2/")
            and (values is None or _fits(values, found[0], named=named))
            and all(_is_name(event.get(key)) for key in ("session_hash", "event_id"))
            and not (needs_session and event.get("session_hash") is None)
            # A text box sends its text, a checkbox its state.
            and isinstance(event.get("event_data"), dict | str | bool | None)
            and type(event.get("trigger_id")) in (int, type(None))
            and not event.get("batched")
        )
        if not is_valid:
            raise Refused(422, OUT_OF_DATE)

    async def _start_event(self, client: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Let an event into Gradio's queue, unless it has enough of the client's."""
        events = list(self.page._queue.event_ids_to_events.values())
        own = sum(client_of(event.request.scope) == client for event in events)
        most = MAX_EVENTS if client == LOCAL_CLIENT else MAX_EVENTS_PER_CLIENT
        if own + self._joining[client] >= most:
            raise Refused(429, TOO_MANY_EVENTS, seconds=5)
        if len(events) + self._joining.total() >= MAX_EVENTS:
            raise Refused(429, bilingual(TOO_MANY), seconds=5)
        self._joining[client] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._joining -= Counter([client])


def client_of(scope: Scope) -> str:
    """Whose request it is, as the security middleware found out; without it all are one client."""
    return str(scope.get("state", {}).get("client", LOCAL_CLIENT))


def _parse(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, OUT_OF_DATE) from error
    if not isinstance(found, dict):
        raise Refused(400, OUT_OF_DATE)
    return found


def _fits(values: object, function: Any, *, named: bool) -> bool:
    """Whether there is a value for each input; programs need not send those they cannot know."""
    public = sum(not block.skip_api for block in function.inputs)
    numbers = {len(function.inputs)} | ({public} if named else set())
    return isinstance(values, list) and len(values) in numbers


def _names_url(event: dict[str, Any]) -> bool:
    """Whether the path of a file in an event is an address, which Gradio would fetch."""
    left: list[Any] = [event]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            path = value.get("path")
            if isinstance(path, str) and re.match(r"\s*https?:", path, re.IGNORECASE):
                return True
            left += value.values()
        elif isinstance(value, list):
            left += value
    return False


def _is_name(value: object) -> bool:
    return value is None or (isinstance(value, str) and _NAME.fullmatch(value) is not None)


async def _read(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY_BYTES:
            raise Refused(413, BODY_TOO_LARGE)
    return body


def _replay(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that yields a body that was read before, then what follows it."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again


def _response(scope: Scope, status: int, message: Bilingual, seconds: float = 0) -> Response:
    """A refusal as the page's script shows it: HTML, of which it takes the reader's language."""
    headers = {"Retry-After": str(math.ceil(seconds))} if seconds else {}
    if scope["path"].rstrip("/").endswith("/upload"):
        return HTMLResponse(message.html, status, headers)
    return JSONResponse({"detail": message.html, "error": message.html}, status, headers)
