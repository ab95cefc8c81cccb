"""Uploads to a page: one file a request, counted for each client, and the disk is never full."""

import re
import shutil
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import anyio
from gradio.routes import file_upload_statuses
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, QueryParams
from starlette.formparsers import MultiPartException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marsam.errors import DiskFull
from marsam.imaging.file_kinds import is_picture
from marsam.imaging.image_io import MAX_BYTES
from marsam.slots import LOCAL_CLIENT, Slots
from marsam.ui.blocks import bilingual
from marsam.ui.i18n import Bilingual

CONCURRENT_UPLOADS, MAX_UPLOADS = 16, 200
"""Uploads that are read, and that are read or wait; of one client, half of them."""
UPLOADS_PER_DAY, UPLOAD_BYTES_PER_DAY = 3000, 10_000_000_000
"""Of one client: Gradio keeps uploads for a day."""
MIN_FREE_BYTES = 500_000_000
"""What uploads leave free on the disk."""
MAX_CLIENTS = 10_000
"""Clients whose uploads are counted; this bounds the memory."""
DAY_S = 86_400.0
PROGRESS_S, PROGRESS_POLL_S = 5.0, 0.1
"""How long before and after an upload the page may ask for its progress."""
MAX_HEAD_BYTES, MAX_BOUNDARY_BYTES, SIGNATURE_BYTES = 8_000, 70, 4_096

ONE_FILE = Bilingual("Send one file at a time.", "أرسل ملفًا واحدًا في كل مرة.")
OUT_OF_DATE = Bilingual("The page is out of date. Load it again.", "هذه الصفحة قديمة؛ أعد تحميلها.")
TOO_LARGE = Bilingual("The file is too large.", "الملف كبير جدًا.")
TOO_MANY_UPLOADS = Bilingual(
    "Too many files were sent from here today. Try again later.",
    "أُرسلت من هنا ملفات كثيرة جدًا اليوم؛ حاول لاحقًا.",
)


class Refused(Exception):
    """A request is refused with a status, a sentence, and the seconds to wait if it may help."""

    def __init__(self, status: int, message: Bilingual, *, seconds: float = 0) -> None:
        super().__init__(message.en)
        self.status, self.message, self.seconds = status, message, seconds


@dataclass
class _Used:
    at: float
    files: float = 0.0
    bytes: float = 0.0


class Allowances:
    """What each client may upload in a day; what was used comes back evenly within a day."""

    def __init__(self) -> None:
        self._used: OrderedDict[str, _Used] = OrderedDict()  # the least recently used first

    def require(self, client: str) -> None:
        """Raise Refused when the client has used all of it."""
        if (used := self._used.get(client)) is None:
            return
        now = time.monotonic()
        days, used.at = (now - used.at) / DAY_S, now
        used.files = max(0.0, used.files - days * UPLOADS_PER_DAY)
        used.bytes = max(0.0, used.bytes - days * UPLOAD_BYTES_PER_DAY)
        excess = max(
            (used.files + 1) / UPLOADS_PER_DAY, (used.bytes + MAX_BYTES) / UPLOAD_BYTES_PER_DAY
        )
        if excess > 1:
            raise Refused(429, TOO_MANY_UPLOADS, seconds=(excess - 1) * DAY_S)

    def use(self, client: str, size: int) -> None:
        """Count a file of so many bytes."""
        used = self._used.setdefault(client, _Used(time.monotonic()))
        self._used.move_to_end(client)
        used.files, used.bytes = used.files + 1, used.bytes + size
        if len(self._used) > MAX_CLIENTS:
            self._used.popitem(last=False)


class Uploads:
    """Passes uploads on to Gradio's app while they are one file that is wanted, within the limits.

    Args:
        app: Gradio's app.
        folder: where it stores uploads.
        documents: suffixes of the documents that are wanted besides pictures.
    """

    def __init__(self, app: ASGIApp, folder: Path, documents: tuple[str, ...] = ()) -> None:
        self.app, self.folder, self.documents = app, folder, documents
        self._slots = Slots(concurrent=CONCURRENT_UPLOADS, max_requests=MAX_UPLOADS)
        self._allowances = Allowances()
        self._tracked: dict[str, float] = {}  # until when the progress of an upload is known

    async def receive_file(self, client: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle an upload.

        Raises:
            Refused: when it is not one file, or one too many.
            RetryLater: when too many uploads wait.
        """
        async with self._slots.slot(client):
            if client != LOCAL_CLIENT:  # the owner of the machine; the disk is the limit
                self._allowances.require(client)
            if shutil.disk_usage(self.folder).free < MIN_FREE_BYTES:
                raise Refused(507, bilingual(DiskFull.public_message))
            upload = _Upload(receive, Headers(scope=scope), self.documents)

            async def send_unless_refused(message: Message) -> None:
                if upload.refused is None:
                    await send(message)

            upload_id = _upload_id(scope)
            self._track(upload_id, float("inf"))
            try:
                await self.app(scope, upload.receive, send_unless_refused)
            finally:
                self._track(upload_id, time.monotonic() + PROGRESS_S)
                self._allowances.use(client, upload.size)
            if upload.refused is not None:
                raise upload.refused

    async def send_progress(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell the page how far its upload is; Refused when there is none of the name."""
        upload_id = _upload_id(scope)
        # Gradio would remember every name that it is asked about.
        for _ in range(round(PROGRESS_S / PROGRESS_POLL_S)):
            if upload_id in self._tracked:
                await self.app(scope, receive, send)
                return
            await anyio.sleep(PROGRESS_POLL_S)  # the page asks while it sends the file
        raise Refused(404, OUT_OF_DATE)

    def _track(self, upload_id: str, until: float) -> None:
        now = time.monotonic()
        for known in [known for known, end in self._tracked.items() if end < now]:
            del self._tracked[known]
            file_upload_statuses.stop_tracking(known)
            file_upload_statuses._signals.pop(known, None)
        if upload_id:
            self._tracked[upload_id] = until


class _Upload:
    """The body of an upload, checked while Gradio receives it.

    ``refused`` says what is wrong with it. Gradio then gets the error upon which it removes its
    file; it would leave the file when the client goes away. Of what is neither a picture nor a
    document Gradio gets only the first bytes, from which the page tells what it is.
    """

    def __init__(self, receive: Receive, headers: Headers, documents: tuple[str, ...]) -> None:
        kind, options = parse_options_header(headers.get("content-type", ""))
        self._boundary = b"--" + options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not 2 < len(self._boundary) <= MAX_BOUNDARY_BYTES:
            raise Refused(400, ONE_FILE)
        self._receive_body, self._documents = receive, documents
        self.refused: Refused | None = None
        self.size, self._limit = 0, MAX_BYTES + MAX_HEAD_BYTES
        self._boundaries = 0
        self._tail = b""
        self._is_wanted: bool | None = None  # not known yet

    async def receive(self) -> Message:
        """The next part of the body for Gradio."""
        try:
            data, is_last = await self._next()
            if self._is_wanted is None:
                while not is_last and len(data) < MAX_HEAD_BYTES + SIGNATURE_BYTES:
                    more, is_last = await self._next()
                    data += more
                data = self._checked_start(data)
            elif not self._is_wanted:
                data = b""
        except Refused as error:
            self.refused = error
            raise MultiPartException(error.message.en) from error
        return {"type": "http.request", "body": data, "more_body": not is_last}

    async def _next(self) -> tuple[bytes, bool]:
        """The next part of the body, and whether it is the last."""
        message = await self._receive_body()
        if message["type"] == "http.disconnect":
            raise MultiPartException("The client has gone.")
        data, is_last = message.get("body", b""), not message.get("more_body", False)
        self.size += len(data)
        if self.size > self._limit:
            raise Refused(413, TOO_LARGE)
        # A file cannot contain the boundary: there is one before it and one behind it.
        recent = self._tail + data
        self._boundaries += recent.count(self._boundary)
        self._tail = recent[1 - len(self._boundary) :]
        if self._boundaries > 2 or (is_last and self._boundaries < 2):
            raise Refused(400, ONE_FILE)
        return data, is_last

    def _checked_start(self, data: bytes) -> bytes:
        """The start of the body after a look at the file; cut off if that is not wanted."""
        head, separator, content = data.partition(b"\r\n\r\n")
        disposition = re.search(rb"(?im)^content-disposition:(.*)$", head)
        _, options = parse_options_header(disposition[1].strip() if disposition else b"")
        name = options.get(b"filename", b"").decode(errors="replace")
        is_complete = separator and len(head) <= MAX_HEAD_BYTES
        if not is_complete or options.get(b"name") != b"files" or not re.search(r"\w", name):
            raise Refused(400, ONE_FILE)
        end = b"\r\n" + self._boundary + b"--\r\n"
        self._limit = MAX_BYTES + len(head + separator + end)
        self._is_wanted = (
            is_picture(content)
            or len(content) <= SIGNATURE_BYTES + len(end)
            or name.lower().endswith(self._documents)
        )
        return data if self._is_wanted else head + separator + content[:SIGNATURE_BYTES] + end


def _upload_id(scope: Scope) -> str:
    """The name that the page gives to an upload, to ask for its progress; or nothing."""
    query = QueryParams(scope["query_string"])
    upload_id = query.get("upload_id", "")
    if upload_id and not re.fullmatch(r"[\w.-]{1,64}", upload_id, re.ASCII):
        raise Refused(400, OUT_OF_DATE)
    return upload_id
