"""The page's named endpoints, called with ``gradio_client``, with the mini models."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

from marsam.imaging.metadata import read_record
from tests.helpers.serving import served

EXAMPLES = Path(__file__).parents[2] / "src" / "marsam" / "web" / "examples"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("studio")
    with served(folder) as address:
        client = Client(address, verbose=False, download_files=folder / "downloads")
        yield client
        client.close()


def test_the_endpoints_have_stable_names_and_plain_labels(client: Client) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    arguments = {
        name: [parameter["parameter_name"] for parameter in endpoint["parameters"]]
        for name, endpoint in endpoints.items()
    }
    assert arguments == {
        "/caption": ["picture"],
        "/translate": ["text", "source", "target"],
        "/paint": ["text", "pictures", "seed", "recipe", "style"],
        "/run": ["picture", "pictures", "seed", "recipe", "style"],
    }


def test_run_captions_translates_and_paints(client: Client) -> None:
    english, arabic, files = client.predict(
        handle_file(EXAMPLES / "cat.png"), pictures=2, seed=7, recipe="draft", api_name="/run"
    )
    assert english == "a cat on a blue background"
    assert arabic == "قطة على خلفية زرقاء"
    records = [read_record(file) for file in files]
    assert [record.seed for record in records if record] == [7, 8]
    assert {record.arabic for record in records if record} == {arabic}


def test_caption_and_translate(client: Client) -> None:
    picture = handle_file(EXAMPLES / "cat.png")
    captions = client.predict(picture, api_name="/caption")
    assert captions == ("a cat on a blue background", "قطة على خلفية زرقاء")
    assert client.predict("two fish", api_name="/translate") == "سمكتان"
    back = client.predict(
        "قطة على خلفية زرقاء", source="arb_Arab", target="eng_Latn", api_name="/translate"
    )
    assert back == "a cat on a blue background"


def test_an_arabic_prompt_is_painted(client: Client) -> None:
    english, _, files = client.predict(
        "قطة على خلفية زرقاء", pictures=1, seed=1, recipe="draft", api_name="/paint"
    )
    assert english == "a cat on a blue background"
    assert len(files) == 1


def test_a_style_that_the_painter_does_not_know_is_refused(client: Client) -> None:
    with pytest.raises(Exception, match="The painter in use knows no styles"):
        client.predict("a cat", pictures=1, seed=None, style="clay", api_name="/paint")


def test_a_damaged_picture_is_a_one_sentence_error(client: Client, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes((EXAMPLES / "sea.png").read_bytes()[:3000])
    with pytest.raises(Exception, match="damaged") as caught:
        client.predict(handle_file(bad), pictures=1, seed=1, recipe="draft", api_name="/run")
    assert "Traceback" not in str(caught.value)


def test_an_error_is_in_the_language_that_the_client_prefers(client: Client) -> None:
    arabic = Client(client.src, verbose=False, headers={"Accept-Language": "ar"})
    with pytest.raises(Exception, match="لا توجد لغة باسم"):
        arabic.predict("a cat", target="klingon", api_name="/translate")
    arabic.close()
