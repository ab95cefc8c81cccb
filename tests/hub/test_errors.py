"""Errors of the hub and the network become a ``MarsamError`` of one sentence, with its cause."""

import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from huggingface_hub import constants

from marsam.errors import HubUnreachable, ModelError, ModelGated, ModelMissing, ModelNotFound
from marsam.hub.download import pull
from marsam.hub.locate import locate

from .conftest import point_to
from .fake_hub import FakeHub, Repository
from .tiny_models import BLIP, NLLB


def test_a_model_that_is_not_downloaded(hub: FakeHub) -> None:
    with pytest.raises(ModelMissing) as caught:
        locate("me/mine", stage="captioner")
    assert str(caught.value) == (
        "me/mine is not downloaded; download it with: marsam models pull me/mine"
    )
    assert not hub.requests


def test_an_unknown_id(hub: FakeHub) -> None:
    with pytest.raises(ModelNotFound, match="There is no model me/mine on http.*spelling"):
        pull("me/mine")


@pytest.mark.parametrize("source", ["", "./nothing/here", "a b/c", "one/two/three"])
def test_an_invalid_source(hub: FakeHub, source: str) -> None:
    with pytest.raises(ModelNotFound, match="is neither a folder nor a valid hub id"):
        pull(source)
    with pytest.raises(ModelNotFound, match="is neither a folder nor a valid hub id"):
        locate(source, stage="painter")
    assert not hub.requests


def test_a_gated_model(hub: FakeHub) -> None:
    hub.repositories["me/secret"] = Repository(hub.repositories[BLIP].files, gated=True)
    with pytest.raises(ModelGated, match="accept its licence at http.*/me/secret"):
        pull("me/secret")


@pytest.mark.parametrize("status", [500, 503])
def test_a_hub_that_is_down(hub: FakeHub, status: int) -> None:
    hub.status = status
    with pytest.raises(HubUnreachable, match=f"responds with error {status}; try again later"):
        pull(BLIP)
    assert len(hub.requests) == 1


def test_too_many_requests(hub: FakeHub) -> None:
    hub.status = 429
    with pytest.raises(HubUnreachable, match="too many requests"):
        pull(BLIP)


def test_an_invalid_token(hub: FakeHub) -> None:
    hub.status = 403
    with pytest.raises(ModelGated, match="check your token"):
        pull(BLIP)


def test_connection_refused(hub: FakeHub) -> None:
    hub.close()
    with pytest.raises(HubUnreachable, match="cannot be reached; check the connection") as caught:
        pull(BLIP)
    assert caught.value.__cause__ is not None


def test_a_server_that_never_responds(
    hub: FakeHub, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_to(silent, monkeypatch)
    monkeypatch.setattr("marsam.hub.download.HUB_TIMEOUT_S", 0.2)
    with pytest.raises(HubUnreachable, match="cannot be reached"):
        pull(BLIP)


def test_a_captive_portal_page(hub: FakeHub) -> None:
    hub.page = b"<html>Welcome to the hotel</html>"
    with pytest.raises(HubUnreachable, match="does not respond like a model hub"):
        pull(BLIP)


def test_offline_mode(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    pull(BLIP)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.requests.clear()

    with pytest.raises(HubUnreachable, match="HF_HUB_OFFLINE is set"):
        pull(NLLB)
    assert pull(BLIP) == locate(BLIP, stage="captioner")
    assert not hub.requests


def test_a_full_disk(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.file_download._chmod_and_move", full)
    with pytest.raises(ModelError, match="The disk is full"):
        pull(BLIP)


def test_a_cache_that_cannot_be_written(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file"))
    with pytest.raises(ModelError, match=f"{BLIP} could not be downloaded: "):
        pull(BLIP)


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that accepts connections and never responds."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        accepted: list[socket.socket] = []

        def accept() -> None:
            try:
                while True:
                    accepted.append(server.accept()[0])
            except OSError:
                return

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in accepted:
            connection.close()
