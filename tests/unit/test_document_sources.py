"""Images that documents refer to: what is read, and what is refused."""

import base64
import os
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marsam.documents.sources import ImageFiles
from marsam.errors import PictureError
from marsam.imaging.image_io import MAX_BYTES

PNG = b"\x89PNG picture"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site with pictures, and a secret file beside it."""
    (tmp_path / "secret.png").write_bytes(b"secret")
    root = tmp_path / "site"
    (root / "pictures").mkdir(parents=True)
    (root / "articles").mkdir()
    for name in ("cat.png", "صورة القط.png", "a?b#c.png", "50%.png"):
        (root / "pictures" / name).write_bytes(PNG)
    return root


def files(site: Path) -> ImageFiles:
    return ImageFiles(site / "articles" / "cats.html", site)


@pytest.mark.parametrize(
    "address",
    [
        "../pictures/cat.png",
        "/pictures/cat.png",
        " /pictures/cat.png\n",
        "../pictures/cat.png?v=2#part",
        "/articles/../pictures/./cat.png",
        "/pictures/صورة القط.png",
        "/pictures/" + quote("صورة القط.png"),
        "../pictures/a%3Fb%23c.png",
        "/pictures/50%.png",
        "/pictures/50%25.png",
        "%2E%2E/pictures/cat.png",
    ],
)
def test_a_path_is_read_as_a_browser_reads_it(site: Path, address: str) -> None:
    assert files(site).read(address) == PNG


@pytest.mark.parametrize(
    ("base", "address"),
    [
        ("../pictures/", "cat.png"),
        ("/pictures/", "cat.png"),
        ("https://example.org/pictures/index.html", "cat.png"),
        ("https://example.org/", "pictures/cat.png"),
        ("/elsewhere/", "/pictures/cat.png"),
    ],
)
def test_relative_paths_start_from_the_base_of_the_page(
    site: Path, base: str, address: str
) -> None:
    assert files(site).read(address, base=base) == PNG


def test_without_a_root_pictures_come_from_the_folder_of_the_document(site: Path) -> None:
    alone = ImageFiles(site / "pictures" / "page.html", None)
    assert alone.read("cat.png") == alone.read("/cat.png") == PNG
    with pytest.raises(PictureError, match="is not in the folder"):
        ImageFiles(site / "articles" / "page.html", None).read("../pictures/cat.png")


@pytest.mark.parametrize(
    "address",
    [
        "data:image/png;base64," + base64.b64encode(PNG).decode(),
        "data:image/png;base64,\n " + base64.b64encode(PNG).decode().rstrip("="),
        "DATA:image/png;charset=utf-8; BASE64," + quote(base64.b64encode(PNG).decode()),
        "data:image/png," + quote(PNG),
        "data:," + quote(PNG) + "#part",
    ],
)
def test_a_picture_in_its_address_is_read(site: Path, address: str) -> None:
    assert files(site).read(address) == PNG


@pytest.mark.parametrize(
    "address",
    [
        "../../secret.png",
        "/../secret.png",
        "%2e%2e/%2E%2E/secret.png",
        "..%2f..%2fsecret.png",
        "/pictures/../../secret.png",
        "/outside/secret.png",
        "/link.png",
        "..\\..\\secret.png",
        "/pictures/..%5c..%5csecret.png",
        "C:\\secret.png",
        "c:/secret.png",
        "\\\\host\\share\\secret.png",
        "file:///secret.png",
        "FILE:secret.png",
        "/c%3A/../../secret.png",
        "javascript:alert(1)",
        "blob:https://example.org/1",
    ],
)
def test_nothing_outside_of_the_root_is_read(site: Path, address: str) -> None:
    (site / "outside").symlink_to(site.parent)
    (site / "link.png").symlink_to(site.parent / "secret.png")
    with pytest.raises(PictureError, match="is not in the folder"):
        files(site).read(address)


PIECES = (
    *("..", ".", "/", "%2e", "%2F", "\\", "%5c", "secret.png", "site", "a", "\0", "%00", "//"),
    *("file:", "?", "#", "C:", "é", "outside", "{{", " "),
)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_no_address_leads_to_a_secret(
    tmp_path_factory: pytest.TempPathFactory, address: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "secrets"
    (folder / "site" / "a").mkdir(parents=True, exist_ok=True)
    (folder / "secret.png").write_bytes(b"secret")
    with pytest.raises(PictureError):
        ImageFiles(folder / "site" / "a" / "page.html", folder / "site").read(address)


@pytest.mark.parametrize(
    "address", ["http://example.org/a.png", "HTTPS://example.org/a.png", "//example.org/a.png"]
)
def test_nothing_is_fetched_from_the_network(site: Path, address: str) -> None:
    with pytest.raises(PictureError, match="nothing is fetched"):
        files(site).read(address)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("", "has no address"),
        (" \n", "has no address"),
        ("/pictures/dog.png", "File not found: /pictures/dog.png."),
        ("/pictures/", "File not found"),
        ("/pictures/cat%00.png", "File not found"),
        ("/" + "a" * 5000, "File not found"),
        ("/loop.png", "File not found"),
        ("/pipe.png", "File not found"),
        ("data:image/png;base64,%%%", "damaged"),
        ("data:image/png;base64,AAAAA", "damaged"),
        ("data:image/png", "damaged"),
        ("data:image/png;base64,\udce9\ud800", "damaged"),
        ("{{ site.url }}/a.png", "filled in by a template"),
        ("<?php echo $picture ?>", "filled in by a template"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(
    site: Path, address: str, sentence: str
) -> None:
    (site / "loop.png").symlink_to(site / "loop.png")
    os.mkfifo(site / "pipe.png")
    with pytest.raises(PictureError, match=sentence) as raised:
        files(site).read(address)
    assert len(str(raised.value)) < 250
    assert raised.value.ar != raised.value.en


def test_a_picture_of_more_than_20_mb_is_refused(site: Path) -> None:
    (site / "large.png").write_bytes(bytes(MAX_BYTES + 1))
    large = base64.b64encode(bytes(MAX_BYTES + 1)).decode()
    for address in (
        "/large.png",
        f"data:image/png;base64,{large}",
        "data:," + "%41" * (MAX_BYTES + 1),
    ):
        with pytest.raises(PictureError, match="larger than 20 MB"):
            files(site).read(address)
