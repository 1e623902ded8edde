"""Many clips that are finished at once: few are brought home at a time, and what expires first is first."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from anyvideo import AsyncClient, Event, EventKind, Plugins, Video, load_settings
from anyvideo.provider import Ref, Update, hookimpl
from anyvideo.testing.clock import VirtualClock
from anyvideo.testing.fakes import FakeProvider, _Backend, _FakeJob

pytestmark = pytest.mark.anyio


class Fleeting(_Backend):
    """A fake vendor whose results live as many minutes as each prompt says; none: nobody knows how long."""

    async def _succeeded(self, ref: Ref, job: _FakeJob) -> Update:
        update = await super()._succeeded(ref, job)
        minutes = int((job.order.fit.inputs["prompt"] or "0").split()[-1])
        until = self.context.clock.now() + timedelta(minutes=minutes) if minutes else None
        return replace(update, outputs=tuple(replace(one, expires_at=until) for one in update.outputs))


@dataclass
class Gate:
    """An application's check that holds the clips up until so many are in it and all others wait for it."""

    wanted: int
    expected: int
    ready: set[str] = field(default_factory=set)
    inside: int = 0
    most: int = 0
    moved: threading.Condition = field(default_factory=threading.Condition)

    @hookimpl
    def anyvideo_check_video(self, video: Video) -> None:
        with self.moved:
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.moved.notify_all()
            assert self.moved.wait_for(self._open, 20), "the others were never ready"
            self.inside -= 1

    def tell(self, job_id: str) -> None:
        """A result is ready at the vendor."""
        with self.moved:
            self.ready.add(job_id)
            self.moved.notify_all()

    def _open(self) -> bool:
        return len(self.ready) == self.expected and self.most >= self.wanted


@dataclass
class Desk:
    """A client on the fake vendor."""

    folder: Path
    gate: Gate
    fetched: list[str] = field(default_factory=list)

    def client(self, toml: str = "") -> AsyncClient:
        (self.folder / "anyvideo.toml").write_text(toml)
        fake = FakeProvider("fake")
        plugin = replace(fake.plugin(), open=lambda context: Fleeting(fake, context))
        return AsyncClient(
            store=self.folder / "jobs.db",
            settings=load_settings(environ={"ANYVIDEO_MODELS": "fake"}, folder=self.folder),
            plugins=Plugins.of(plugin, hooks=[self.gate]),
            clock=VirtualClock(),
            on_event=self.heard,
        )

    def heard(self, event: Event) -> None:
        if event.state == "output_ready":
            self.gate.tell(event.job_id)
        if event.kind is EventKind.DOWNLOADING:
            self.fetched.append(event.job_id)


def shuffled(count: int, seed: int) -> list[int]:
    """So many lives in minutes, each another one."""
    lives = [7 * number for number in range(1, count + 1)]
    random.Random(seed).shuffle(lives)
    return lives


@pytest.mark.parametrize("seed", range(3))
async def test_what_expires_first_is_brought_home_first(tmp_path: Path, seed: int) -> None:
    """Whichever comes by while nothing else is known is first; all that wait are taken by their expiry."""
    lives = [*shuffled(12, seed), 0]
    desk = Desk(tmp_path, Gate(wanted=1, expected=len(lives)))
    async with desk.client("downloads = 1") as client:
        jobs = [await client.submit(f"lives {minutes}", duration=1) for minutes in lives]
        for job in jobs:
            await client.wait(job)
    by_id = {job.id: minutes for job, minutes in zip(jobs, lives, strict=True)}
    waited = [by_id[job_id] for job_id in desk.fetched[1:]]
    assert waited == sorted(waited, key=lambda minutes: minutes or 10_000)
    assert desk.gate.most == 1


async def test_a_batch_brings_few_home_at_once_and_goes_on_asking(tmp_path: Path) -> None:
    """Four by default: the rest of the line's width is not shared by dozens that all expire together."""
    desk = Desk(tmp_path, Gate(wanted=4, expected=20))
    clips = [{"prompt": f"lives {minutes}", "duration": 1} for minutes in shuffled(20, 0)]
    async with desk.client() as client:
        result = await client.batch(clips, concurrency=20)
    assert result.successful == 20
    assert desk.gate.most == 4
