"""The first page, asked as a program asks it, with the real models behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

gradio_client = pytest.importorskip("gradio_client")

from marsam import Studio  # noqa: E402
from marsam.web.page import EXAMPLES, build, launch_options  # noqa: E402


@pytest.fixture(scope="module")
def client(studio: Studio) -> Iterator[object]:
    page = build(studio)
    page.queue(max_size=8)
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, **launch_options())
    yield gradio_client.Client(url, verbose=False)
    page.close()


def test_results_appear_stage_by_stage(client: object) -> None:
    job = client.submit(  # type: ignore[attr-defined]
        gradio_client.handle_file(EXAMPLES[1]), 2, api_name="/run"
    )
    english, arabic, status, gallery = job.result(timeout=120)
    assert english == "a cat on a blue background"
    assert arabic == "قطة على خلفية زرقاء"
    assert status.startswith("Done. · تم.")
    assert len(gallery) == 2
    assert all(Path(shown["image"]).suffix == ".png" for shown in gallery)
    seen = [(bool(e), bool(a), len(g)) for e, a, _, g in job.outputs()]
    for stage in [(True, False, 0), (True, True, 0), (True, True, 1), (True, True, 2)]:
        assert stage in seen


def test_no_picture_is_one_sentence(client: object) -> None:
    with pytest.raises(Exception, match="Choose a picture first"):
        client.predict(None, 2, api_name="/run")  # type: ignore[attr-defined]


def test_a_bad_picture_is_one_sentence(client: object, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(Path(EXAMPLES[0]).read_bytes()[:3000])
    with pytest.raises(Exception, match="damaged") as caught:
        client.predict(gradio_client.handle_file(bad), 1, api_name="/run")  # type: ignore[attr-defined]
    assert "Traceback" not in str(caught.value)
