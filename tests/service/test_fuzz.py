"""Untrusted input causes no crash: every response is a documented one, and comes soon."""

import io
import json
import os
import random
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import schemathesis
import torch
from hypothesis import HealthCheck, Phase, given, settings
from PIL import Image
from safetensors.torch import load_file, save

from marsam.api.metrics import Metrics
from marsam.errors import ModelDamaged, PictureError, map_model_errors
from marsam.imaging.image_io import open_picture
from marsam.imaging.metadata import read_record
from marsam.journal.journal import Journal
from marsam.runs.scheduler import Scheduler
from marsam.server.app import create_app
from marsam.testing import fake_studio
from tests.conftest import Figure
from tests.service.conftest import Service

STRESS = bool(os.environ.get("MARSAM_STRESS"))
SEED = int(os.environ.get("MARSAM_SEED", "1"))
EXAMPLES = Path(__file__).parents[2] / "src" / "marsam" / "web" / "examples"


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[Scheduler]:
    scheduler = Scheduler(fake_studio(), Journal(tmp_path / "data"))
    yield scheduler
    scheduler.close()


def _encoded(picture: Image.Image, kind: str, **more: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **more)
    return buffer.getvalue()


def _structured(rng: random.Random) -> bytes:
    """A picture of an odd kind, sometimes damaged in a way that has a name."""
    size = (rng.randint(1, 60), rng.randint(1, 60))
    noise = np.random.default_rng(rng.getrandbits(32)).integers(0, 256, (size[1], size[0], 4))
    rgba = Image.fromarray(noise.astype(np.uint8), "RGBA")
    kinds = (
        lambda: _encoded(rgba.convert("P"), "PNG", transparency=rng.randrange(256)),
        lambda: _encoded(rgba.convert("1"), "PNG"),
        lambda: _encoded(rgba.convert("LA"), "PNG"),
        lambda: _encoded(Image.new("I;16", size, rng.randrange(65536)), "PNG"),
        lambda: _encoded(rgba.convert("CMYK"), "JPEG"),
        lambda: _encoded(rgba.convert("L"), "JPEG", progressive=True),
        lambda: _encoded(rgba.convert("RGB"), "JPEG", exif=rng.randbytes(rng.randint(0, 200))),
        lambda: _encoded(rgba, "WEBP", lossless=True),
        lambda: _encoded(rgba, "WEBP", save_all=True, append_images=[rgba, rgba]),
        lambda: _encoded(rgba, "PNG", save_all=True, append_images=[rgba]),
        lambda: _encoded(rgba.convert("RGB"), "GIF"),
        lambda: _encoded(rgba.convert("RGB"), "TIFF"),
        lambda: _encoded(rgba.convert("RGB"), "BMP"),
    )
    data = rng.choice(kinds)()
    damage = rng.random()
    if damage < 0.2:
        return data[: rng.randrange(len(data) + 1)]
    if damage < 0.3:  # a forged size
        forged = struct.pack(">II", rng.choice((1, 60_000, 2**31 - 1)), rng.choice((1, 60_000)))
        return data[:16] + forged + data[24:]
    if damage < 0.4:  # two files in one
        return data + rng.choice((b"<script>alert(1)</script>", b"PK\3\4", b"%PDF-1.7"))
    return data


def _mutated(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 8, 64))):
        place = rng.randrange(len(changed))
        match rng.randrange(4):
            case 0:
                changed[place] = rng.randrange(256)
            case 1:
                del changed[place : place + rng.randint(1, 32)]
            case 2:
                changed[place:place] = rng.randbytes(rng.randint(1, 32))
            case _:
                changed[place] ^= 1 << rng.randrange(8)
        if not changed:
            break
    return bytes(changed)


def _opened(data: bytes, outcomes: Counter[str]) -> float:
    started = time.monotonic()
    try:
        picture = open_picture(data)
        assert picture.mode == "RGB"
        outcomes["read"] += 1
    except PictureError:
        outcomes["refused"] += 1
    try:
        read_record(io.BytesIO(data))
    except PictureError:
        outcomes["record refused"] += 1
    return time.monotonic() - started


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_images(figure: Figure) -> None:
    rng, outcomes, slowest = random.Random(SEED), Counter[str](), 0.0
    bases = [path.read_bytes() for path in sorted(EXAMPLES.glob("*.png"))]
    bases += [path.read_bytes() for path in sorted((EXAMPLES / "finished").glob("*.png"))]
    with Image.open(EXAMPLES / "cat.png") as cat:
        bases += [_encoded(cat.convert("RGB").resize((64, 64)), kind) for kind in ("JPEG", "WEBP")]
    mutated, structured = (10_000, 2_000) if STRESS else (1_500, 600)
    for _ in range(mutated):
        slowest = max(slowest, _opened(_mutated(rng.choice(bases), rng), outcomes))
    for _ in range(structured):
        slowest = max(slowest, _opened(_structured(rng), outcomes))
    figure(
        f"pictures, {mutated} mutated and {structured} structured, seed {SEED}: "
        f"{dict(outcomes)}, crashes 0, slowest {slowest:.2f} s"
    )
    assert slowest < 5
    assert outcomes["read"] > 100
    assert outcomes["refused"] > 100


async def test_images_through_the_api(scheduler: Scheduler, figure: Figure) -> None:
    rng, found = random.Random(SEED), Counter[int]()
    transport = httpx.ASGITransport(app=create_app(scheduler, page=False, metrics=Metrics()))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for _ in range(2_000 if STRESS else 200):
            response = await client.post("/v1/captions", files={"picture": _structured(rng)})
            found[response.status_code] += 1
    figure(f"pictures through the API: {dict(found)}")
    assert set(found) <= {200, 413, 422}


def _text(rng: random.Random) -> str:
    alphabets = (
        "abcdefghijklmnopqrstuvwxyz ",
        "ابتثجحخدذرزسشصضطظعغفقكلمنهويءآأإةىئؤ ًٌٍَُِّْـ",
        "\u200f\u200e\u202e\u2066\u2069\ufeff\u0000\u001b\r\n\t",
        "🐱👩‍👩‍👧🏽🇸🇦\U0010ffff\ud7ff",
        "<script>alert('x')</script>=cmd|' /C calc'!A0{{7*7}}${jndi:x}%00../../",
    )
    return "".join(
        rng.choice(rng.choice(alphabets)) for _ in range(int(rng.paretovariate(0.6)) % 3000)
    )


async def test_texts(scheduler: Scheduler, figure: Figure) -> None:
    rng, found = random.Random(SEED), Counter[int]()
    count = 10_000 if STRESS else 600
    transport = httpx.ASGITransport(app=create_app(scheduler, page=False, metrics=Metrics()))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for number in range(count):
            text = _text(rng)
            if number % 10:
                response = await client.post("/v1/translations", json={"text": text})
            else:
                response = await client.post("/v1/runs", data={"prompt": text, "pictures": "1"})
            found[response.status_code] += 1
            if response.status_code == 422:
                assert set(response.json()) >= {"code", "message", "request_id"}
    figure(f"{count} texts, seed {SEED}: {dict(found)}")
    assert set(found) <= {200, 202, 422, 503}
    assert found[200] > count // 3


def test_weights(tmp_path: Path, figure: Figure) -> None:
    """Files of weights that lie about themselves are read whole or named damaged."""
    rng, outcomes = random.Random(SEED), Counter[str]()
    good = save({"a": torch.zeros(4, 4), "b": torch.ones(3, dtype=torch.float16)})
    length = struct.unpack("<Q", good[:8])[0]
    path = tmp_path / "model.safetensors"
    count = 5_000 if STRESS else 1_000
    for _ in range(count):
        header, rest = good[8 : 8 + length], good[8 + length :]
        match rng.randrange(3):
            case 0:
                data = _mutated(good, rng)
            case 1:
                data = struct.pack("<Q", rng.getrandbits(rng.choice((8, 32, 63)))) + header + rest
            case _:
                told = json.loads(header)
                told["a"][rng.choice(("dtype", "shape", "data_offsets"))] = rng.choice(
                    ("F64", [2**40, 2**40], [0, 2**62], [-1, 5], None, "x" * 999)
                )
                forged = json.dumps(told).encode()
                data = struct.pack("<Q", len(forged)) + forged + rest
        path.write_bytes(data)
        try:
            with map_model_errors("loading weights"):
                load_file(path)
            outcomes["read"] += 1
        except ModelDamaged:
            outcomes["damaged"] += 1
    figure(f"{count} files of weights, seed {SEED}: {dict(outcomes)}")
    assert outcomes["damaged"] > count // 3


def test_requests_generated_from_the_openapi_schema(
    serve: Callable[..., Service], figure: Figure
) -> None:
    """Schemathesis: requests made from the schema, most of them wrong on purpose."""
    service = serve()
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    found = Counter[int]()
    each = 460 if STRESS else 25
    for result in schema.get_all_operations():
        operation = result.ok()  # type: ignore[union-attr]
        if operation.path.endswith("/events"):
            continue  # waits for a run; asked below

        @settings(
            max_examples=each,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: schemathesis.Case[Any]) -> None:
            response = case.call(base_url=service.url, timeout=30)
            found[response.status_code] += 1
            assert response.status_code not in (500, 501, 502)
            if response.status_code >= 400:
                assert set(response.json()) >= {"code", "message", "request_id"}

        given(operation.as_strategy())(ask)()
    figure(f"{found.total()} requests made from the schema: {dict(sorted(found.items()))}")
    assert found.total() > 10 * each
