"""LibreTranslate's routes, asked as Mastodon, Linguist and libretranslatepy ask them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import libretranslatepy
import pytest

from marsam.api.metrics import Metrics
from marsam.journal.journal import Journal
from marsam.runs.scheduler import Scheduler
from marsam.server.app import create_app
from marsam.testing import FakeTranslator, fake_studio
from tests.service.conftest import Service

KEY = "a secret of sixteen"
AR = "[arb_Arab]"
CAT = "قطة على خلفية زرقاء"


@pytest.fixture
def client(shared: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shared.url, timeout=30) as client:
        yield client


@pytest.fixture
def two_languages(tmp_path: Path) -> Iterator[httpx.AsyncClient]:
    """A service whose translator knows English and Arabic."""
    translator = FakeTranslator(languages=("arb_Arab", "eng_Latn"))
    scheduler = Scheduler(replace(fake_studio(), translator=translator), Journal(tmp_path))
    app = create_app(scheduler, page=False, metrics=Metrics())
    transport = httpx.ASGITransport(app=app)
    yield httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
    scheduler.close()


def translated(client: httpx.Client, q: Any, **fields: Any) -> Any:
    body = {"q": q, "source": "en", "target": "ar"} | fields
    return client.post("/translate", json=body).raise_for_status().json()["translatedText"]


def test_mastodon(serve: Callable[..., Service]) -> None:
    """A post with a mention, a link, a hashtag and an option of a poll, as its server sends it."""
    service = serve(KEYS=KEY)
    post = (
        '<p><span class="h-card" translate="no"><a href="https://example.org/@amal" '
        'class="u-url mention">@<span>amal</span></a></span> two fish &amp; a cat<br />'
        '<a href="https://example.org/tags/cats" rel="tag">#<span>cats</span></a></p>'
    )
    texts = [post, "", "a dog"]
    languages = httpx.get(f"{service.url}/languages", headers={"Authorization": f"Bearer {KEY}"})
    codes = {one["code"]: one["targets"] for one in languages.json()}
    assert "ar" in codes["en"]
    body = {"q": texts, "source": "en", "target": "ar", "format": "html", "api_key": KEY}
    said = httpx.post(f"{service.url}/translate", json=body).raise_for_status().json()
    assert said == {
        "translatedText": [
            post.replace(" two fish &amp; a cat", f" {AR} two fish &amp; a cat").replace(
                "<span>cats</span>", f"<span>{AR} cats</span>"
            ),
            "",
            f"{AR} a dog",
        ]
    }
    detected = body | {"source": "auto", "q": ["<p>قطة</p>"], "target": "en"}
    said = httpx.post(f"{service.url}/translate", json=detected).json()
    assert said["translatedText"] == ["<p>[eng_Latn] قطة</p>"]
    assert said["detectedLanguage"] == [{"confidence": 50.0, "language": "ar"}]


def test_linguist(serve: Callable[..., Service]) -> None:
    """FormData, as its manual's example sends it."""
    url = f"{serve(KEYS=KEY).url}/translate"
    fields = {"q": "two fish", "source": "en", "target": "ar", "api_key": KEY}
    parts: list[Any] = [(name, (None, value)) for name, value in fields.items()]
    said = httpx.post(url, files=parts)
    assert said.json() == {"translatedText": f"{AR} two fish"}
    parts.append(("q", (None, "a dog")))
    said = httpx.post(url, files=parts)
    assert said.json() == {"translatedText": [f"{AR} two fish", f"{AR} a dog"]}


def test_libretranslatepy(serve: Callable[..., Service]) -> None:
    api = libretranslatepy.LibreTranslateAPI(serve(KEYS=KEY).url, api_key=KEY)
    assert api.translate("two fish", "en", "ar") == f"{AR} two fish"
    assert api.translate("Two fish", "auto", "ar") == f"{AR} Two fish"
    assert api.detect(CAT) == [{"confidence": pytest.approx(99.7, abs=1), "language": "ar"}]
    codes = [one["code"] for one in api.languages()]
    assert {"ar", "en", "zh-Hans", "zh-Hant", "pt"} <= set(codes)


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", "text/json"]
)
def test_json_by_any_name(client: httpx.Client, kind: str) -> None:
    content = b'{"q": "two fish", "source": "en", "target": "ar", "format": null}'
    said = client.post("/translate", content=content, headers={"Content-Type": kind})
    assert said.json() == {"translatedText": f"{AR} two fish"}


def test_repeated_texts_in_a_form_or_the_query_are_a_list(client: httpx.Client) -> None:
    data = {"q": ["a dog", "two fish"], "source": "en", "target": "ar"}
    wanted = {"translatedText": [f"{AR} a dog", f"{AR} two fish"]}
    assert client.post("/translate", data=data).json() == wanted
    assert client.post("/translate", params=data).json() == wanted


def test_empty_texts_and_spaces_stay(client: httpx.Client) -> None:
    assert translated(client, "") == ""
    assert translated(client, []) == []
    assert translated(client, ["", " \n", "a dog", "7", "😀"]) == [
        "",
        " \n",
        f"{AR} a dog",
        "7",
        "😀",
    ]
    assert translated(client, " a dog\n") == f" {AR} a dog\n"


def test_a_text_in_the_target_language_stays(client: httpx.Client) -> None:
    assert translated(client, " a  dog ", target="en") == " a  dog "
    assert translated(client, CAT, source="auto", target="ar") == CAT
    html = "<P>a  dog</p >&eacute;"
    assert translated(client, html, target="en", format="html") == html
    both = translated(client, ["a dog", CAT], source="auto", target="ar")
    assert both == [f"{AR} a dog", CAT]


@pytest.mark.parametrize(
    ("code", "nllb"),
    [
        ("zh", "zho_Hans"),
        ("zt", "zho_Hant"),
        ("zh-Hant", "zho_Hant"),
        ("zh_TW", "zho_Hant"),
        ("zh-HK", "zho_Hant"),
        ("zh-CN", "zho_Hans"),
        ("pb", "por_Latn"),
        ("pt-BR", "por_Latn"),
        ("pt_PT", "por_Latn"),
        ("fr-CA", "fra_Latn"),
        ("es-419", "spa_Latn"),
        ("ar-SA", "arb_Arab"),
        ("nb", "nob_Latn"),
        ("no", "nob_Latn"),
        ("fra_Latn", "fra_Latn"),
    ],
)
def test_codes_of_all_versions(client: httpx.Client, code: str, nllb: str) -> None:
    assert translated(client, "a dog", target=code) == f"[{nllb}] a dog"


def test_html_keeps_everything_but_the_texts(client: httpx.Client) -> None:
    html = (
        '<!doctype html><title>two fish</title><style>p > b {}</style><p class="a dog">\n  a '
        "dog\n  runs &lt;fast&gt; <code>a dog</code>&nbsp;<i translate=no>two fish</i>"
        "<script>say('a dog')</script><br/><b>7</b> 😀 قطة</p>"
    )
    assert translated(client, html, format="html") == (
        f'<!doctype html><title>{AR} two fish</title><style>p > b {{}}</style><p class="a dog"> '
        f"{AR} a dog runs &lt;fast&gt; <code>a dog</code>&nbsp;<i translate=no>two fish</i>"
        "<script>say('a dog')</script><br/><b>7</b> 😀 قطة</p>"
    )


def test_long_texts_are_split_after_lines_and_sentences(client: httpx.Client) -> None:
    lines = "a dog runs\n" * 400
    assert translated(client, lines).replace(f"{AR} ", "") == lines
    assert translated(client, lines).count(AR) == 3
    sentences = "The dog runs. " * 300
    assert translated(client, sentences).replace(f"{AR} ", "") == sentences
    html = f"<p>{sentences}</p>"
    assert translated(client, html, format="html").replace(f"{AR} ", "") == html


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"q": ["a"] * 51}, "q must have at most 50 texts (got 51)."),
        ({"q": "a\n" * 50_001}, "q must have at most 100000 characters (got 100002)."),
        ({"q": "a" * 2001}, "at most 2000 fit"),
        ({"format": "markdown"}, "format must be 'text' or 'html'."),
        ({"target": "klingon"}, "Unknown language 'klingon'"),
        ({"target": "sr-Latn"}, "Unknown language 'sr-Latn'"),
        ({"q": 7}, "q must be a text."),
        ({"q": ["a dog", "a dragon"]}, "do not know"),
        ({"q": "𐤀𐤁", "source": "auto"}, "The language of this text is not clear; name the source."),
    ],
)
def test_what_cannot_be_translated_is_refused(
    client: httpx.Client, body: dict[str, Any], says: str
) -> None:
    refused = client.post("/translate", json={"q": "a", "source": "en", "target": "ar"} | body)
    assert refused.status_code == 422
    assert says in refused.json()["error"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("two fish", ("en", 97.5)),
        (CAT, ("ar", 99.7)),
        ("قطة", ("ar", 50.0)),
        ("Il fait beau aujourd'hui.", ("fr", 96.0)),
        ("γάτα", ("el", 100.0)),
        ("ネコが見える", ("ja", 100.0)),
        ("a dog", ("en", 0.0)),
        ("7 😀", ("en", 0.0)),
        ("𐤀𐤁", ("en", 0.0)),
    ],
)
def test_detect(client: httpx.Client, text: str, found: tuple[str, float]) -> None:
    said = client.post("/detect", json={"q": text}).raise_for_status().json()
    assert (said[0]["language"], said[0]["confidence"]) == (
        found[0],
        pytest.approx(found[1], abs=1),
    )
    confidences = [one["confidence"] for one in said]
    assert confidences == sorted(confidences, reverse=True)
    assert client.post("/detect", data={"q": text}).json() == said


async def test_languages_are_those_of_the_translator(two_languages: httpx.AsyncClient) -> None:
    async with two_languages as client:
        assert (await client.get("/languages")).json() == [
            {"code": "ar", "name": "Modern Standard Arabic", "targets": ["ar", "en"]},
            {"code": "en", "name": "English", "targets": ["ar", "en"]},
        ]
        asked = {"q": "a dog", "source": "en", "target": "fr"}
        assert (await client.post("/translate", json=asked)).status_code == 422
        for text, says in (
            ("γάτα", "seems to be in Greek, which the translator does not know"),
            ("两条鱼", "seems to be in Chinese (Simplified)"),
            ("Il fait beau aujourd'hui.", "seems to be in French"),
            ("گربه روی میز", "seems to be in Persian"),
            ("𐤀𐤁", "not clear; name the source"),
        ):
            asked = {"q": text, "source": "auto", "target": "ar"}
            refused = await client.post("/translate", json=asked)
            assert refused.status_code == 422
            assert says in refused.json()["error"]
            (found,) = (await client.post("/detect", json={"q": text})).json()
            assert found == {"confidence": 0.0, "language": "en"}
        asked = {"q": "a dog", "source": "auto", "target": "ar"}
        assert (await client.post("/translate", json=asked)).json() == {
            "translatedText": f"{AR} a dog",
            "detectedLanguage": {"confidence": 0.0, "language": "en"},
        }


def test_settings_for_frontends(client: httpx.Client) -> None:
    said = client.get("/frontend/settings").json()
    assert said["language"]["source"] == {"code": "auto", "name": "Auto Detect"}
    assert said["language"]["target"] == {"code": "ar", "name": "Modern Standard Arabic"}
    assert said["supportedFilesFormat"] == [".txt", ".html", ".htm"]
    assert (said["charLimit"], said["keyRequired"]) == (100_000, False)
    said = client.post(
        "/translate", json={"q": "a dog", "source": "en", "target": "ar", "alternatives": 3}
    ).json()
    assert said == {"translatedText": f"{AR} a dog", "alternatives": []}


def test_fields_without_effect_are_named(client: httpx.Client) -> None:
    body = {"q": "a dog", "source": "en", "target": "ar", "api_key": "x", "formality": "more"}
    assert client.post("/translate", json=body).json() == {
        "translatedText": f"{AR} a dog",
        "ignored": ["formality"],
    }


def test_files_are_translated(client: httpx.Client) -> None:
    def sent(name: str, content: str | bytes, source: str = "en") -> httpx.Response:
        files = {"file": (name, content)}
        return client.post("/translate_file", files=files, data={"source": source, "target": "ar"})

    url = (
        sent("قصة.TXT", "\ufeffa dog\n\ntwo fish\n").raise_for_status().json()["translatedFileUrl"]
    )
    file = httpx.get(url)
    assert file.text == f"{AR} a dog\n\ntwo fish\n"
    assert file.headers["content-type"] == "text/plain; charset=utf-8"
    assert file.headers["content-disposition"] == 'attachment; filename="translated.txt"'
    html = sent("page.html", "<p>a dog</p>", "auto").json()["translatedFileUrl"]
    assert httpx.get(html).text == f"<p>{AR} a dog</p>"
    for name, content, says in (
        ("a.docx", "a dog", "file must end in .txt, .html, .htm"),
        ("a.txt", b"\xff\xfe\x00", "file must be text in UTF-8."),
        ("a.txt", "a" * 100_001, "at most 100000 characters"),
    ):
        refused = sent(name, content)
        assert refused.status_code == 422
        assert says in refused.json()["error"]
    missing = client.get("/download_file/nothing.txt")
    assert missing.status_code == 404
    assert "no such file" in missing.json()["error"]
