"""The requests of the page's script, by the names of the handlers."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx


class Page:
    """An open page.

    Args:
        address: of the server.
        visitor: ID that the browser keeps.
        session: Gradio's session hash.
        key: API key.
    """

    def __init__(
        self, address: str, visitor: str, *, session: str = "", key: str | None = None
    ) -> None:
        headers = {"X-API-Key": key} if key else {}
        self.http = httpx.Client(base_url=address, timeout=120, headers=headers)
        self.config = self.http.get("/config").json()
        self.visitor, self.session = visitor, session or f"page-{visitor[:4]}"

    def __enter__(self) -> "Page":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def handler(self, name: str) -> dict[str, Any]:
        """A handler of the page's configuration."""
        found: dict[str, Any] = next(
            d for d in self.config["dependencies"] if d["api_name"] == name
        )
        return found

    def settings(self, **given: Any) -> list[Any]:
        """What the boxes contain that ``paint`` reads, with other values by element ID."""
        props = {part["id"]: part["props"] for part in self.config["components"]}
        boxes = [props[part] for part in self.handler("paint_1")["inputs"]]
        values = [given.get(box.get("elem_id"), box.get("value")) for box in boxes]
        return ["" if value is None else value for value in values]

    def join(self, name: str, *data: Any, session: str | None = None) -> httpx.Response:
        """Put an event into the queue."""
        event = {
            "fn_index": self.handler(name)["id"],
            "data": data,
            "session_hash": session or self.session,
        }
        return self.http.post("/gradio_api/queue/join", json=event)

    def messages(self) -> Iterator[dict[str, Any]]:
        """The messages of the session's events, to the end of the last one."""
        session = {"session_hash": self.session}
        with self.http.stream("GET", "/gradio_api/queue/data", params=session) as lines:
            for line in lines.iter_lines():
                if line.startswith("data:"):
                    yield json.loads(line.removeprefix("data:"))

    def call(self, name: str, *data: Any) -> Any:
        """The last output of a handler."""
        self.join(name, *data).raise_for_status()
        for message in self.messages():
            if message["msg"] == "process_completed":
                assert message["success"], message
                return message["output"]
        raise AssertionError("there was no output")

    def load(self) -> dict[str, Any]:
        """Load the page; the values of its components, by the IDs of their elements."""
        props = {part["id"]: part["props"] for part in self.config["components"]}
        outputs = self.handler("load")["outputs"]
        data = self.call("load", self.visitor, "en", "")["data"]
        names = [props[part].get("elem_id") for part in outputs]
        return dict(zip(names, data, strict=True))

    def history(self) -> list[str]:
        """Load the page; the English texts of the visitor's work."""
        words = r'<span class="words">.*?<span lang="en"[^>]*>(.*?)</span>'
        return re.findall(words, self.load()["history"], re.DOTALL)

    def upload(self, file: Path | bytes) -> dict[str, Any]:
        """Upload a file, as the page does."""
        content = file if isinstance(file, bytes) else file.read_bytes()
        files = {"files": ("picture.png", content)}
        response = self.http.post("/gradio_api/upload", files=files)
        response.raise_for_status()
        return {"path": response.json()[0], "meta": {"_type": "gradio.FileData"}}
