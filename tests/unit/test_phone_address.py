"""The address at which a phone opens the studio."""

import ipaddress
import socket

import pytest

from marsam.server.addresses import url_for_phones
from marsam.web.gallery import help_dialogs


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_a_server_of_this_machine_alone_has_none(host: str) -> None:
    assert url_for_phones(host, 7860) is None
    assert "data-dialog='phone'" not in help_dialogs(None).replace('"', "'")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("192.168.1.5", "http://192.168.1.5:7860"),
        ("fd00::5", "http://[fd00::5]:7860"),
        ("studio.local", "http://studio.local:7860"),
    ],
)
def test_an_address_that_phones_reach_is_shown_with_its_code(host: str, url: str) -> None:
    assert url_for_phones(host, 7860) == url
    shown = help_dialogs(url)
    assert url in shown
    assert "<svg" in shown


def test_a_public_address_comes_first() -> None:
    public = "https://example.org/marsam"
    assert url_for_phones("127.0.0.1", 7860, public) == public


def test_all_addresses_are_shown_as_that_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    url = url_for_phones("0.0.0.0", 7860)
    if url is not None:  # this machine has a network
        host, _, port = url.removeprefix("http://").rpartition(":")
        address = ipaddress.ip_address(host)
        assert port == "7860"
        assert not address.is_unspecified

    def no_network(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(socket.socket, "connect", no_network)
    assert url_for_phones("0.0.0.0", 7860) is None
