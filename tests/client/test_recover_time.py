"""How long `recover` takes: one deadline for all jobs, however many there are and wherever they hang."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import anyio
import pytest

from anyvideo import AsyncClient, Client, ConfigurationError, Plugins, load_settings
from anyvideo.provider import ProviderContext, ProviderPlugin, Ref, Update, VideoProvider
from anyvideo.testing.clock import VirtualClock
from anyvideo.testing.fakes import FakeProvider, _Backend, _FakeJob

pytestmark = pytest.mark.anyio
MANY = 8


class Slow(_Backend):
    """A vendor that outlives its clients, and that takes `late` seconds over the next look at a job; over a
    minute it never answers.
    """

    late: ClassVar[float] = 0.0

    async def fetch(self, ref: Ref) -> Update:
        late, Slow.late = Slow.late, 0.0
        clock = self.context.clock
        assert isinstance(clock, VirtualClock)
        clock.advance(late)
        if late > 60:
            await anyio.sleep_forever()
        return await super().fetch(ref)


def vendor(fake: FakeProvider) -> ProviderPlugin:
    jobs: dict[str, _FakeJob] = {}
    return replace(fake.plugin(), open=lambda context: Slow(fake, context, jobs=jobs))


def with_key(plugin: ProviderPlugin) -> ProviderPlugin:
    return replace(plugin, key_variables=("FAKE_KEY",), default_base_url="https://fake.example")


def without_certificate(context: ProviderContext) -> VideoProvider:
    raise ConfigurationError("its certificate is gone", field="certificate")


@pytest.fixture
def client(tmp_path: Path) -> Callable[..., AsyncClient]:
    def opened(clock: VirtualClock, *plugins: ProviderPlugin, **environ: str) -> AsyncClient:
        return AsyncClient(
            store=tmp_path / "jobs.db",
            plugins=Plugins.of(*plugins),
            settings=load_settings(environ=environ, folder=tmp_path),
            clock=clock,
        )

    Slow.late = 0.0
    return opened


async def test_jobs_that_hang_share_one_deadline(client: Callable[..., AsyncClient]) -> None:
    clock, fake = VirtualClock(), FakeProvider("fake").hangs()
    async with client(clock, fake.plugin()) as shop:
        for number in range(MANY):
            await shop.submit(f"fox {number}", models="fake/video")
        await clock.sleep(5)
        begun = clock.monotonic()
        found = await shop.recover(timeout=10)
        assert 10 <= clock.monotonic() - begun < 15
    assert [one.outcome for one in found] == ["running"] * MANY
    assert len(fake.orders) == MANY


def test_the_blocking_client_has_the_same_deadline(tmp_path: Path) -> None:
    clock, fake = VirtualClock(), FakeProvider("fake").hangs()
    settings = load_settings(environ={}, folder=tmp_path)
    with Client(store="memory:", plugins=Plugins.of(fake.plugin()), settings=settings, clock=clock) as shop:
        for number in range(MANY):
            shop.submit(f"fox {number}", models="fake/video")
        begun = clock.monotonic()
        found = shop.recover(timeout=30)
        assert 30 <= clock.monotonic() - begun < 45
    assert [one.outcome for one in found] == ["running"] * MANY


async def test_what_ends_in_time_is_told_though_others_hang_before_it(
    client: Callable[..., AsyncClient],
) -> None:
    clock = VirtualClock()
    hung, quick, gone = FakeProvider("hung").hangs(), FakeProvider("quick"), FakeProvider("gone").hangs()
    plugins = [vendor(hung), vendor(quick), vendor(gone)]
    models = ["hung/video", "hung/video", "quick/video", "gone/video", "hung/video"]
    async with client(clock, *plugins) as shop:
        jobs = [await shop.submit("a fox", models=model) for model in models]
        await clock.sleep(0.5)
    plugins[2] = replace(plugins[2], open=without_certificate)
    async with client(clock, *plugins) as shop:
        begun = clock.monotonic()
        found = {one.job.id: one for one in await shop.recover(timeout=60)}
        assert 60 <= clock.monotonic() - begun < 65
    outcomes = [found[job.id].outcome for job in jobs]
    assert outcomes == ["running", "running", "delivered", "stopped", "running"]
    assert "its certificate is gone" in (found[jobs[3].id].problem or "")


async def test_it_ends_with_its_last_job(client: Callable[..., AsyncClient]) -> None:
    clock = VirtualClock()
    async with client(clock, FakeProvider("fake").plugin()) as shop:
        for number in range(MANY):
            await shop.submit(f"fox {number}", models="fake/video")
        found = await shop.recover(timeout=3600)
        assert clock.monotonic() < 600
    assert [one.outcome for one in found] == ["delivered"] * MANY


@pytest.mark.parametrize(("late", "outcome"), [(20.0, "running"), (61.0, "elsewhere")])
async def test_the_deadline_counts_what_a_take_over_waits_for(
    client: Callable[..., AsyncClient], late: float, outcome: str
) -> None:
    clock, fake = VirtualClock(), FakeProvider("fake").hangs()
    plugin = with_key(vendor(fake))
    async with client(clock, plugin, FAKE_KEY="old") as shop:
        job = await shop.submit("a fox", models="fake/video")
        while (await shop.job(job)).attempts[-1].ref is None:
            await clock.sleep(0.5)
    async with client(clock, plugin, FAKE_KEY="new") as shop:
        Slow.late = late
        begun = clock.monotonic()
        [one] = await shop.recover(take_over=job, timeout=50)
        assert clock.monotonic() - begun < max(50, late) + 5
        assert one.outcome == outcome, one.problem
    async with client(clock, plugin, FAKE_KEY="new") as shop:
        [again] = await shop.recover(take_over=job, timeout=10)
    assert again.outcome == "running", again.problem
    assert len(fake.orders) == 1
