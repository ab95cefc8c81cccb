"""Requests that are answered at once: bounded, and no client keeps the others waiting."""

import asyncio

import pytest

from marsam.api.slots import LOCAL_CLIENT, Slots
from marsam.errors import QueueFull, QuotaExceeded


async def hold(slots: Slots, client: str, order: list[str], release: asyncio.Event) -> None:
    async with slots.slot(client):
        order.append(client)
        await release.wait()


async def test_a_client_has_half_of_the_slots_and_the_next_one_is_for_others() -> None:
    slots, order, release = Slots(concurrent=2, max_requests=24), list[str](), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for client in "aaaaaaaaaab":
            tasks.create_task(hold(slots, client, order, release))
        await asyncio.sleep(0.01)
        assert order == ["a", "b"]
        release.set()
    assert len(order) == 11


async def test_more_than_the_bound_is_refused_at_once() -> None:
    slots, order, release = Slots(concurrent=2, max_requests=4), list[str](), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for client in "aabc":
            tasks.create_task(hold(slots, client, order, release))
        await asyncio.sleep(0.01)
        with pytest.raises(QueueFull):
            await hold(slots, "d", order, release)
        release.set()
    release.clear()
    async with asyncio.TaskGroup() as tasks:
        for client in "aa":
            tasks.create_task(hold(slots, client, order, release))
        await asyncio.sleep(0.01)
        with pytest.raises(QuotaExceeded):
            await hold(slots, "a", order, release)
        release.set()
    assert sorted(order) == ["a", "a", "a", "a", "b", "c"]


async def test_a_request_that_fails_or_is_cancelled_frees_its_slot() -> None:
    slots, order, release = Slots(concurrent=2, max_requests=4), list[str](), asyncio.Event()
    with pytest.raises(ZeroDivisionError):
        async with slots.slot("a"):
            raise ZeroDivisionError
    waiting = [asyncio.create_task(hold(slots, "a", order, release)) for _ in range(2)]
    await asyncio.sleep(0.01)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    release.set()
    await asyncio.wait_for(hold(slots, "a", order, release), timeout=5)
    assert order == ["a", "a"]


async def test_requests_of_this_machine_may_be_those_of_many_clients() -> None:
    slots, order, release = Slots(concurrent=2, max_requests=4), list[str](), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(hold(slots, LOCAL_CLIENT, order, release))
        await asyncio.sleep(0.01)
        assert len(order) == 2
        release.set()
    assert len(order) == 4
