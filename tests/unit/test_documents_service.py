"""Alt texts of documents by the HTTP API and in Python, on the fakes."""

import asyncio
import base64
import io
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from marsam.api.metrics import Metrics
from marsam.documents.fill import DocumentLanguage, FillOptions
from marsam.documents.uploads import MAX_IMAGES, check_upload, fill_upload
from marsam.errors import DocumentError, OptionError
from marsam.journal.journal import Journal
from marsam.runs.scheduler import Scheduler
from marsam.server.app import create_app
from marsam.testing import CAPTION, FakeCaptioner, fake_studio
from tests.helpers.picture_server import serving

ARABIC = "قطة على خلفية زرقاء"


def png(seed: int = 0) -> str:
    file = io.BytesIO()
    Image.effect_noise((40 + seed, 32), 90).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def page(*images: str, language: str = "en") -> bytes:
    return f'<html lang="{language}">{"".join(images)}</html>'.encode()


PAGE = page(f'<img src="{png()}">', '<img src="a.png" alt="my words">', '<img src="b.png">')


def studio() -> Any:
    return fake_studio(translations={CAPTION: ARABIC})


def test_a_document_is_filled_in_python() -> None:
    filled = fill_upload(studio(), PAGE, "about.html")
    assert filled.data is not None
    assert f'alt="{CAPTION}"'.encode() in filled.data
    assert filled.data.replace(f' alt="{CAPTION}"'.encode(), b"") == PAGE
    one, other = filled.images
    assert (one.text, one.reason) == (CAPTION, None)
    assert other.reason is not None
    both = fill_upload(
        studio(), PAGE, "about.html", options=FillOptions(language=DocumentLanguage.BOTH)
    )
    assert both.images[0].text == f"{CAPTION} · {ARABIC}"
    check = check_upload(PAGE, "about.html")
    assert [str(one.rule) for one in check.findings] == ["missing", "missing"]


def test_a_captioner_that_reads_requests_is_told_what_is_around_an_image() -> None:
    cat, dog = png(), png(1)
    around = f'<h2>Our trip</h2><p>We saw a cat.</p><a href="/cats"><img src="{cat}"></a>'
    again = f'<h2>Elsewhere</h2><img src="{cat}"><h2>Dogs</h2><img src="{dog}">'
    asked = fake_studio(arabic=ARABIC, translations={CAPTION: ARABIC})
    assert isinstance(asked.captioner, FakeCaptioner)
    filled = fill_upload(asked, page(around, again), "a.html")
    assert [one.text for one in filled.images] == [CAPTION] * 3
    # The same image is described once, as the first place shows it.
    assert [options.context for options in asked.captioner.asked] == [
        "Our trip | → /cats | … We saw a cat.",
        "Dogs",
    ]
    like_blip = studio()
    fill_upload(like_blip, page(around), "a.html")
    assert [options.context for options in like_blip.captioner.asked] == [""]


def test_files_of_the_server_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.effect_noise((40, 32), 90).save("secret.png")
    address = (tmp_path / "secret.png").as_posix()
    sources = ("secret.png", f"/{address}", address, f"file://{address}", "../secret.png")
    images = (f'<img src="{source}">' for source in sources)
    for name in ("a.html", f"{tmp_path}/a.html", "../../a.html", "..\\a.html"):
        filled = fill_upload(studio(), page(*images), name)
        assert filled.data is None
        assert not any(one.text for one in filled.images)


def test_what_is_refused() -> None:
    with pytest.raises(DocumentError, match="no document that Marsam reads"):
        check_upload(PAGE, "about.txt")
    with pytest.raises(OptionError, match="--table"):
        fill_upload(studio(), PAGE, "a.html", options=FillOptions(reviewed=True))
    many = page(*(f'<img src="{i}.png">' for i in range(MAX_IMAGES + 1)))
    with pytest.raises(DocumentError, match=f"at most {MAX_IMAGES}"):
        fill_upload(studio(), many, "a.html")


async def _post(folder: Path, *bodies: Any, **headers: str) -> list[httpx.Response]:
    scheduler = Scheduler(studio(), Journal(folder))
    app = create_app(scheduler, page=False, metrics=Metrics())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        responses = [await client.post("/v1/documents", headers=headers, **body) for body in bodies]
    scheduler.close()
    return responses


def test_the_api_returns_the_document_and_a_report(tmp_path: Path) -> None:
    encoded = base64.b64encode(PAGE).decode()
    form = {"files": {"document": ("about.html", PAGE)}, "data": {"name": "about.html"}}
    by_json, by_form, checked, marked = asyncio.run(
        _post(
            tmp_path,
            {"json": {"document": encoded, "name": "about.html"}},
            form,
            {"json": {"document": encoded, "name": "about.html", "fill": False}},
            {"json": {"document": encoded, "name": "about.html", "mark": True, "language": "ar"}},
        )
    )
    assert by_json.json() == by_form.json()
    found = by_json.json()
    assert base64.b64decode(found["document"]) == PAGE.replace(
        b'"><img src="a.png"', f'" alt="{CAPTION}"><img src="a.png"'.encode()
    )
    assert [one["text"] for one in found["images"]] == [CAPTION, None]
    assert found["images"][1]["reason"]
    assert [one["rule"] for one in found["findings"]] == ["missing", "missing"]
    assert (checked.json()["document"], checked.json()["images"]) == (None, [])
    assert marked.json()["images"][0]["text"] == f"وصف آلي: {ARABIC}"


def test_the_api_refuses_with_a_sentence(tmp_path: Path) -> None:
    encoded = base64.b64encode(PAGE).decode()
    bodies = (
        {"document": encoded, "name": "about.txt"},
        {"document": encoded, "name": "about.html", "language": "fr"},
        {"document": encoded, "name": "about.html", "overwrite": "some"},
        {"document": encoded, "name": "about.docx"},
        {"name": "about.html"},
    )
    for response in asyncio.run(_post(tmp_path, *({"json": body} for body in bodies))):
        assert response.status_code == 422
        assert response.json()["message"]
    arabic, report = asyncio.run(
        _post(
            tmp_path,
            {"json": bodies[0]},
            {"json": {"document": encoded, "name": "about.html"}},
            **{"Accept-Language": "ar"},
        )
    )
    assert arabic.json()["message"].startswith("لا يقرأ مرسم المستند")
    assert report.json()["findings"][0]["message"] == "بلا نص بديل"
    assert report.json()["images"][1]["reason"].startswith("لم يُعثر على الملف")
    (damaged,) = asyncio.run(_post(tmp_path, {"json": {"document": "!", "name": "about.html"}}))
    assert "not a file in base64" in damaged.json()["message"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.html", b"<b>" * 60_000),
        ("a.html", b"<img " + b"a " * 1_100_000 + b">"),
        ("a.md", b"![" * 60_000),
        ("a.markdown", b"- a\n" * 60_000),
    ],
)
def test_pages_that_take_long_to_parse_are_refused(name: str, data: bytes) -> None:
    with pytest.raises(DocumentError, match="too much markup"):
        check_upload(data, name)


def test_large_images_in_a_page_do_not_count_as_markup() -> None:
    picture = base64.b64encode(bytes(3_000_000)).decode()
    (found,) = check_upload(page(f'<img src="data:image/png;base64,{picture}">'), "a.html").findings
    assert str(found.rule) == "missing"


def test_the_api_fetches_nothing_from_the_network(tmp_path: Path) -> None:
    with serving() as server:
        sources = ("{}/cat.png", "{}/none.png", "//127.0.0.1:{}/cat.png")
        places = (server.origin, server.origin, server.port)
        images = (one.format(place) for one, place in zip(sources, places, strict=True))
        document = page(f'<base href="{server.origin}/">', *map("<img src={}>".format, images))
        document += b"<img src=cat.png>"
        body = {"document": base64.b64encode(document).decode(), "name": "a.html"}
        asked = (body, body | {"fetch_from": [server.origin]}, body | {"fill": False})
        plain, wished, checked = asyncio.run(_post(tmp_path, *({"json": one} for one in asked)))
        assert server.asked == []
    *remote, beside = [one["reason"] for one in plain.json()["images"]]
    assert all("nothing is fetched from there" in reason for reason in remote)
    assert "File not found" in beside
    assert wished.status_code == 422
    assert len(checked.json()["findings"]) == 4
