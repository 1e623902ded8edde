"""A vendor's answer arrived, and the store could not take it: the handle must not be lost."""

from __future__ import annotations

import sqlite3
from typing import Any

import anyio
import pytest

from anyvideo import AllModelsFailed, AsyncClient, Event, JobStatus, OutcomeUnknown
from anyvideo.jobs.points import watcher
from anyvideo.testing.clock import VirtualClock

from .conftest import House

pytestmark = pytest.mark.anyio


async def test_a_handle_that_could_not_be_written_at_first_is_written_later(house: House) -> None:
    """The table is away for a moment, right when the answer comes: every write fails."""
    limited: list[sqlite3.Connection] = []

    def fill(point: str) -> None:
        if point == "W3.before" and not limited:
            blocker = sqlite3.connect(house.folder / "jobs.db", isolation_level=None)
            blocker.execute("ALTER TABLE jobs RENAME TO jobs_away")
            limited.append(blocker)

    token = watcher.set(fill)
    try:
        async with house.client() as client:
            job = await client.submit("a fox", models="runway/gen4.5")
            while not limited:
                await house.clock.sleep(1)
            await house.clock.sleep(5)
            limited[0].execute("ALTER TABLE jobs_away RENAME TO jobs")
            video = await client.wait(job)
    finally:
        watcher.reset(token)
        for connection in limited:
            connection.close()
    assert house.posts() == 1
    assert len(house.charges()) == 1
    assert video.attempts[0].ref is not None
    assert video.attempts[0].ref.job_id == house.charges()[0].provider_job_id


async def test_a_handle_comes_home_after_another_process_took_the_job_over(house: House) -> None:
    """The answer comes after the lease was lost: the other one holds the job as unknown by then."""
    taken: list[bool] = []

    def overtake(point: str) -> None:
        if point == "W3.before" and not taken:
            taken.append(True)
            with sqlite3.connect(house.folder / "jobs.db", isolation_level=None) as other:
                other.execute("UPDATE jobs SET lease_owner = NULL, epoch = epoch + 1")

    token = watcher.set(overtake)
    try:
        async with house.client() as client:
            job = await client.submit("a fox", models="runway/gen4.5")
            video = await client.wait(job)
            assert (await client.job(job)).status is JobStatus.SUCCEEDED
    finally:
        watcher.reset(token)
    assert house.posts() == 1
    assert video.attempts[0].ref is not None
    assert video.attempts[0].ref.job_id == house.charges()[0].provider_job_id


async def test_a_handle_that_comes_home_too_late_is_written_down_and_told(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Runway, and `resubmit`: by the time the first answer is written another clip was bought and failed."""
    answered, may_go_on = anyio.Event(), anyio.Event()
    told: list[Event] = []
    wish: dict[str, Any] = {"models": "runway/gen4.5", "duration": 5}
    async with house.client(clock=VirtualClock(), on_event=told.append) as stopped:
        stop_before_w3(stopped, answered, may_go_on)
        job = await stopped.submit("a fox", **wish, on_unknown="resubmit", max_duplicate_cost="5.00")
        await answered.wait()
        house.server.fault("runway", "failed")
        await house.clock.sleep(120)
        async with house.client() as other:
            with pytest.raises(AllModelsFailed):
                await other.wait(job, timeout=3000)
        may_go_on.set()
        with pytest.raises(AllModelsFailed):
            await stopped.wait(job, timeout=60)
        lost, failed = (await stopped.job(job)).attempts
    paid = house.charges()[0].provider_job_id
    assert lost.ref is not None
    assert lost.ref.job_id == paid
    assert lost.hold_micros, "whether it was paid is still for a person to say"
    assert failed.ref is not None
    assert failed.ref.job_id != paid
    assert any(paid in str(event.message) for event in told)
    assert paid in caplog.text


async def test_of_two_unknown_attempts_the_one_whose_job_is_known_is_followed(house: House) -> None:
    answered, may_go_on = anyio.Event(), anyio.Event()
    async with house.client(clock=VirtualClock()) as stopped:
        stop_before_w3(stopped, answered, may_go_on)
        wish: dict[str, Any] = {"on_unknown": "resubmit", "max_duplicate_cost": "1.00"}
        job = await stopped.submit("a fox", models="runway/gen4.5", duration=5, **wish)
        await answered.wait()
        house.server.fault("runway", "disconnect_after_accept", times=1)
        await house.clock.sleep(120)
        first = house.charges()[0].provider_job_id
        async with house.client() as other:
            with pytest.raises(OutcomeUnknown):
                await other.wait(job, timeout=3000)
        may_go_on.set()
        video = await stopped.wait(job)
        unknown, delivered = (await stopped.job(job)).attempts
    assert (unknown.number, delivered.number, unknown.ref) == (2, 1, None)
    assert delivered.ref is not None
    assert delivered.ref.job_id == first
    assert video.path.exists()
    assert unknown.hold_micros
    assert house.posts() == len(house.charges()) == 2


def stop_before_w3(client: AsyncClient, answered: anyio.Event, may_go_on: anyio.Event) -> None:
    """The process is stopped between the vendor's answer and its writing, until it may go on."""
    store = client._store
    adopt = store.adopt

    async def slowly(*arguments: Any, **named: Any) -> Any:
        answered.set()
        await may_go_on.wait()
        return await adopt(*arguments, **named)

    store.adopt = slowly  # type: ignore[method-assign]
