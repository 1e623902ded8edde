"""Only ever type-checked: what an application and a plugin author may rely on."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import assert_type

from anyvideo import (
    AllModelsFailed,
    AsyncClient,
    Client,
    Cost,
    Event,
    Job,
    MediaInfo,
    ModelSpec,
    Plan,
    ProviderInfo,
    Quote,
    Video,
)
from anyvideo.provider import Order, ProviderPlugin, Ref, Submission, Update, VideoProvider


def application() -> None:
    with Client(store="memory:", keys={"acme": "key", "other": lambda: "key"}) as client:
        video = client.generate(
            "a red fox",
            image=Path("lake.png"),
            duration=5,
            aspect_ratio="16:9",
            models=["svd", "cogvideox"],
            max_cost="3.00",
            timeout=600,
        )
        assert_type(video, Video)
        assert_type(video.save("fox.mp4"), Path)
        assert_type(video.cost, Cost)
        assert_type(video.cost.amount, Decimal)
        assert_type(video.info, MediaInfo)
        assert_type(client.plan("a fox"), Plan)
        assert_type(client.plan("a fox").candidates[0].quote, Quote)
        assert_type(client.submit("a fox", max_cost=Decimal(1)), Job)
        assert_type(client.models(), list[ModelSpec])
        assert_type(client.providers(), list[ProviderInfo])
        client.generate("a fox", on_timeout="cancel")
        client.generate("a fox", on_timeout="explode")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        client.generate("a fox", model="svd")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def asynchronous(on_event: Callable[[Event], None]) -> None:
    async with AsyncClient(on_event=on_event) as client:
        assert_type(await client.generate("a fox", image=b"..."), Video)
        assert_type(await client.jobs(status="running"), list[Job])
        assert_type(await client.cancel("job_1"), Job)
        try:
            await client.wait("job_1")
        except AllModelsFailed as error:
            assert_type(error.job_id, str)


async def plugin(provider: VideoProvider, order: Order, ref: Ref, facts: ProviderPlugin) -> None:
    assert_type(await provider.submit(order), Submission)
    assert_type(await provider.fetch(ref), Update)
    assert_type(facts.needs_key, bool)
