"""How much of one client Gradio's queue takes."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from marsam.slots import LOCAL_CLIENT
from marsam.ui.blocks import MAX_EVENTS
from marsam.ui.limits import MAX_EVENTS_PER_CLIENT, PageLimits
from marsam.ui.uploads import Refused


def page_with(*clients: str) -> Any:
    """A page with an event in progress for each of the clients."""
    scopes = [{"state": {"client": client}} for client in clients]
    events = {i: SimpleNamespace(request=SimpleNamespace(scope=s)) for i, s in enumerate(scopes)}
    return SimpleNamespace(_queue=SimpleNamespace(event_ids_to_events=events))


def start_event(page: Any, client: str) -> bool:
    """Whether an event of the client reaches Gradio."""
    reached = False

    async def gradio(*_: object) -> None:
        nonlocal reached
        reached = True

    limits = PageLimits(gradio, page, uploads=False)
    asyncio.run(limits._start_event(client, {}, gradio, gradio))  # type: ignore[arg-type]
    return reached


def test_a_client_has_its_share_of_the_events() -> None:
    page = page_with(*["key:busy"] * MAX_EVENTS_PER_CLIENT)
    with pytest.raises(Refused) as refused:
        start_event(page, "key:busy")
    assert (refused.value.status, refused.value.seconds) == (429, 5)
    assert start_event(page, "key:other")


def test_events_are_bounded_in_all() -> None:
    others = [f"key:{i % 10}" for i in range(MAX_EVENTS)]
    for client in ("key:new", LOCAL_CLIENT):
        with pytest.raises(Refused):
            start_event(page_with(*others), client)
        assert start_event(page_with(*others[1:]), client)
    own = [LOCAL_CLIENT] * (MAX_EVENTS - 1)  # may be many visitors behind a proxy
    assert start_event(page_with(*own), LOCAL_CLIENT)
