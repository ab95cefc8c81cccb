"""Images on the network: from origins that a person named, within limits, and from nowhere else."""

import contextlib
import datetime
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from marsam.documents import fetching
from marsam.documents.fetching import ImageFetcher
from marsam.documents.origins import Origin, is_public
from marsam.documents.sources import url
from marsam.documents.uploads import fill_upload
from marsam.errors import OptionError, PictureError
from marsam.testing import CAPTION, fake_studio
from marsam.version import __version__
from tests.helpers.packages import packed
from tests.helpers.picture_server import PictureServer, serving

Names = Callable[..., list[str]]


@pytest.fixture
def server() -> Iterator[PictureServer]:
    with serving() as running:
        yield running


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """A function that gives a name its addresses; the list of names that were looked up."""
    known: dict[str, list[str]] = {}
    asked: list[str] = []
    look_up = socket.getaddrinfo

    def found(host: Any, port: Any, *args: Any, **options: Any) -> list[Any]:
        if host not in known:
            ipaddress.ip_address(host)  # no test asks a resolver
            return look_up(host, port, *args, **options)
        asked.append(host)
        lists = (look_up(address, port, *args, **options) for address in known[host])
        return [one for some in lists for one in some]

    def give(**addresses: list[str]) -> list[str]:
        known.update({name.replace("_", "."): some for name, some in addresses.items()})
        return asked

    monkeypatch.setattr(socket, "getaddrinfo", found)
    return give


def fetched(address: str, *origins: str) -> bytes:
    with closing(ImageFetcher(origins)) as fetcher:
        return fetcher.fetch(address)


def refused(address: str, *origins: str) -> str:
    """Why an image is not fetched; the sentence is in both languages."""
    with pytest.raises(PictureError) as raised:
        fetched(address, *origins)
    assert raised.value.ar != raised.value.en
    assert len(raised.value.en) < 250
    return raised.value.en


def test_an_image_is_fetched_from_a_named_origin(
    server: PictureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    address = f"{server.origin}/صور/a b/cat.png?v=1&w=ق#part"
    assert fetched(address, server.origin) == server.picture
    assert server.asked == ["/%D8%B5%D9%88%D8%B1/a%20b/cat.png?v=1&w=%D9%82"]
    assert server.headers["User-Agent"] == f"marsam/{__version__}"
    assert server.headers["Host"] == f"127.0.0.1:{server.port}"


def test_each_address_is_fetched_once_without_cookies_or_passwords(server: PictureServer) -> None:
    with closing(ImageFetcher([server.origin])) as fetcher:
        for end in ("/cat.png", "/cat.png#a", "/none.png", "/none.png", "/cat.png?b"):
            if "none" in end:
                with pytest.raises(PictureError, match=r"with error 404\."):
                    fetcher.fetch(server.origin + end)
            else:
                assert fetcher.fetch(server.origin + end) == server.picture
        assert server.asked == ["/cat.png", "/none.png", "/cat.png?b"]
        fetcher.fetch(f"http://me:secret@127.0.0.1:{server.port}/a/cat.png")
    assert {"Cookie", "Authorization"}.isdisjoint(server.headers)


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("http://127.0.0.1:{port}/cat.png", "https://127.0.0.1:{port}"),
        ("http://127.0.0.1:{port}/cat.png", "http://127.0.0.1"),
        ("http://localhost:{port}/cat.png", "http://127.0.0.1:{port}"),
        ("http://127.0.0.1:{port}/cat.png", "https://example.org"),
        ("//127.0.0.1:{port}/cat.png", "http://127.0.0.1:{port}"),
        ("file:///etc/passwd", "http://127.0.0.1:{port}"),
        ("http://127.0.0.1:port/cat.png", "http://127.0.0.1:{port}"),
    ],
)
def test_no_other_origin_is_asked(server: PictureServer, address: str, origin: str) -> None:
    said = refused(address.format(port=server.port), origin.format(port=server.port))
    assert "--fetch-from does not name" in said or "is no address" in said
    assert server.asked == []


def test_redirects_stay_within_the_named_origins(server: PictureServer) -> None:
    with serving() as other:
        server.redirects = {
            "/moved": "/again",
            "/again": f"{server.origin}/3",
            "/3": "cat.png",
            "/0": "/moved",
            "/away": f"{other.origin}/cat.png",
            "/file": "file:///etc/passwd",
            "/bad": "http://[::1",
        }
        assert fetched(f"{server.origin}/moved", server.origin) == server.picture
        assert "more than 3 times" in refused(f"{server.origin}/0", server.origin)
        said = refused(f"{server.origin}/away", server.origin)
        assert f"is at {other.origin}, which --fetch-from does not name" in said
        for path in ("/file", "/bad"):
            assert "is no address" in refused(f"{server.origin}{path}", server.origin)
        assert other.asked == []
        assert fetched(f"{server.origin}/away", server.origin, other.origin) == other.picture


PIECES = (
    *("ORIGIN", "http:", "https://", "//", "/", "[", "]", "@", ":", "?", "#", "%", "%zz", "\\"),
    *(" ", "\n", "\0", "\udc80", "é", "قطة", "..", "cat.png", "１", "a" * 300, "{{", "127.0.0.1"),
)


def test_no_address_breaks_a_run(server: PictureServer) -> None:
    with closing(ImageFetcher([server.origin])) as fetcher:

        @given(st.lists(st.sampled_from(PIECES), max_size=6), st.lists(st.sampled_from(PIECES)))
        def check(pieces: list[str], redirect: list[str]) -> None:
            address, location = (
                "".join(some).replace("ORIGIN", server.origin) for some in (pieces, redirect)
            )
            server.redirects["/moved"] = location.encode(errors="replace").decode("latin-1")
            for one in (address, url(address), f"{server.origin}/moved?{address}"):
                with contextlib.suppress(PictureError):
                    fetcher.fetch(one)

        check()


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/slow.png", "was not received within"),
        ("/slow-head.png", "was not received within"),
        ("/large.png", "larger than 20 MB"),
        ("/half.png", "was not received whole"),
        ("/none.png", "127.0.0.1 answers"),
    ],
)
def test_a_failure_is_said_in_one_sentence(
    server: PictureServer, monkeypatch: pytest.MonkeyPatch, path: str, sentence: str
) -> None:
    if path.startswith("/slow"):
        monkeypatch.setattr(fetching, "MAX_SECONDS", 0.2)
    assert sentence in refused(server.origin + path, server.origin)


def test_a_host_that_cannot_be_reached_is_tried_once(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        origin = f"http://127.0.0.1:{closed.getsockname()[1]}"
        assert refused(f"{origin}/a.png", origin) == (
            "127.0.0.1 cannot be reached: Connection refused."
        )
    asked = names(example_test=["127.0.0.1"])
    with closing(ImageFetcher(["https://example.test"])) as fetcher:
        for name in "ab":
            with pytest.raises(PictureError, match="private network"):
                fetcher.fetch(f"https://example.test/{name}.png")
    assert asked == ["example.test"]


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.0.0.5"], ["::1"], ["::ffff:127.0.0.1"], ["1.1.1.1", "192.168.1.1"]],
)
def test_a_name_does_not_lead_to_a_private_network(
    server: PictureServer, names: Names, addresses: list[str]
) -> None:
    names(example_test=addresses)
    origin = f"http://example.test:{server.port}"
    said = refused(f"{origin}/cat.png", origin)
    private = Origin("http", str(ipaddress.ip_address(addresses[-1])), 80)
    assert said.endswith(f"private network; if that is right, add --fetch-from {private}")
    assert server.asked == []


def test_a_private_address_that_is_named_is_permitted(server: PictureServer, names: Names) -> None:
    asked = names(pictures_test=["127.0.0.1"], localhost=["127.0.0.1"])
    origin = f"http://pictures.test:{server.port}"
    assert fetched(f"{origin}/cat.png", origin, "http://127.0.0.1") == server.picture
    # The name is looked up once: what was checked is what is connected to.
    assert asked == ["pictures.test"]
    assert server.headers["Host"] == f"pictures.test:{server.port}"
    local = f"http://LOCALHOST:{server.port}"
    assert fetched(f"{local}/cat.png", local) == server.picture


def test_a_failure_costs_that_image_alone(server: PictureServer) -> None:
    sources = (
        f"{server.origin}/cat.png",
        f"{server.origin}/half.png",
        f"{server.origin}/none.png",
        f"{server.origin}/page",
        "https://example.org/cat.png",
        f"{server.origin}/{{{{ name }}}}/cat.png",
        "cat.png",
    )
    page = "".join(f'<img src="{source}">' for source in sources)
    found = fill_upload(fake_studio(), page.encode(), "a.html", fetch_from=[server.origin])
    assert found.data == page.replace(">", f' alt="{CAPTION}">', 1).encode()
    one, *others = [str(image.reason) for image in found.images]
    assert one == "None"
    sentences = (
        "not received whole",
        "with error 404",
        "web page, not a picture",
        "does not name",
        "by a template",
        "File not found",
    )
    for reason, sentence in zip(others, sentences, strict=True):
        assert sentence in reason
    assert server.asked == ["/cat.png", "/half.png", "/none.png", "/page"]


def _book(body: str) -> bytes:
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile '
        'full-path="a.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata/><manifest><item id="a" '
        'href="a.xhtml" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/>'
        "</spine></package>"
    )
    chapter = f'<html xmlns="http://www.w3.org/1999/xhtml"><body>{body}</body></html>'
    return packed({"META-INF/container.xml": container, "a.opf": package, "a.xhtml": chapter})


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("a.html", "<base href='{origin}/a/'><img src='cat.png'>"),
        ("a.html", "<base href='{origin}/a/b.html'><img src='/a/cat.png'>"),
        ("a.md", "![]({origin}/a/cat.png)"),
        ("a.md", '<img src="{origin}/a/cat.png">'),
        ("a.epub", '<img src="{origin}/a/cat.png"/>'),
    ],
)
def test_images_of_all_formats_are_fetched(server: PictureServer, name: str, document: str) -> None:
    text = document.format(origin=server.origin)
    data = _book(text) if name == "a.epub" else text.encode()
    found = fill_upload(fake_studio(), data, name, fetch_from=[server.origin])
    assert [image.text for image in found.images] == [CAPTION]
    assert server.asked == ["/a/cat.png"]
    without = fill_upload(fake_studio(), data, name)
    assert without.data is None
    assert len(server.asked) == 1


def _certificate(folder: Path, host: str) -> Path:
    """A certificate that its owner signed, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{host}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return file


def test_certificates_are_checked_against_the_name(
    names: Names, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _certificate(tmp_path, "pictures.test")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file)
    names(pictures_test=["127.0.0.1"], other_test=["127.0.0.1"])
    with serving(tls) as server:
        origin, other = (f"https://{name}.test:{server.port}" for name in ("pictures", "other"))
        said = refused(f"{origin}/cat.png", origin, "https://127.0.0.1")
        assert said.startswith("pictures.test has no valid certificate: ")
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        assert fetched(f"{origin}/cat.png", origin, "https://127.0.0.1") == server.picture
        said = refused(f"{other}/cat.png", other, "https://127.0.0.1")
        assert said.startswith("other.test has no valid certificate: ")
        assert server.asked == ["/cat.png"]


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://example.org", "https://example.org"),
        ("HTTPS://Example.ORG:443/", "https://example.org"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("https://مثال.مصر", "https://xn--mgbh0fb.xn--wgbh1c"),
        ("http://[::0:1]:80", "http://[::1]"),
    ],
)
def test_an_origin_is_scheme_host_and_port(text: str, origin: str) -> None:
    assert str(Origin.parse(text)) == origin


@pytest.mark.parametrize(
    "text",
    [
        *("", "example.org", "//example.org", "ftp://example.org", "https://", "https://a b"),
        *("https://example.org/images", "https://example.org?a", "https://example.org/#a"),
        *("https://me@example.org", "https://me:secret@example.org", "https://*.example.org"),
        *("https://example.org:0", "https://example.org:port", "https://a..b", "https://[::1"),
    ],
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="--fetch-from must be like") as raised:
        ImageFetcher([text])
    assert raised.value.ar != raised.value.en


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("1.1.1.1", True),
        ("2606:4700:4700::1111", True),
        ("::ffff:1.1.1.1", True),
        ("64:ff9b::101:101", True),
        ("127.8.8.8", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("172.31.0.1", False),
        ("192.168.0.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
        ("fc00::1", False),
        ("fe80::1", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("2001:db8::1", False),
    ],
)
def test_which_addresses_are_of_the_internet(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public
