"""Requests to a service, for tests."""

import io
import time
from typing import Any

import httpx
from PIL import Image

from marsam.journal.records import FINAL_STATES


def image_bytes(red: int = 10, green: int = 20, blue: int = 30, *, kind: str = "PNG") -> bytes:
    """A small image: a black square on a colour."""
    buffer = io.BytesIO()
    picture = Image.new("RGB", (16, 16), (red, green, blue))
    picture.paste("black", (4, 4, 8, 8))  # something to see
    picture.save(buffer, kind)
    return buffer.getvalue()


def post_run(client: httpx.Client, *, image: bytes | None = None, **fields: Any) -> httpx.Response:
    """Create a run."""
    files = {"picture": ("../../etc/passwd.png", image)} if image is not None else None
    data = {name: str(value) for name, value in fields.items()}
    return client.post("/v1/runs", data=data, files=files)


def wait_for_end(client: httpx.Client, run: str, *, seconds: float = 30) -> dict[str, Any]:
    """Wait until a run has ended; its JSON."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        result: dict[str, Any] = client.get(f"/v1/runs/{run}").json()
        if result["state"] in FINAL_STATES:
            return result
        time.sleep(0.05)
    raise AssertionError(f"still {result['state']}")


def read_events(
    client: httpx.Client, run: str, *, last: int = 0
) -> list[tuple[int | None, str, str]]:
    """All events of a run: number, kind, data."""
    headers = {"Last-Event-ID": str(last)} if last else {}
    found: list[tuple[int | None, str, str]] = []
    with client.stream("GET", f"/v1/runs/{run}/events", headers=headers, timeout=30) as response:
        fields: dict[str, str] = {}
        for line in response.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "event" in fields:
                number = int(fields["id"]) if "id" in fields else None
                found.append((number, fields["event"], fields["data"]))
                fields = {}
    return found
