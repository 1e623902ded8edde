from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from anyvideo import Event, EventKind, InvalidRequest, MediaError, PluginError, Plugins, VideoRequest
from anyvideo.provider import hookimpl

from .conftest import Install

EVENT = Event(id="e1", kind=EventKind.PROGRESS, job_id="job_1", at=datetime(2026, 11, 21, tzinfo=UTC))
REQUEST = VideoRequest(prompt="a heron lifts off")


class Listener:
    def __init__(self) -> None:
        self.heard: list[Event] = []

    @hookimpl
    def anyvideo_on_event(self, event: Event) -> None:
        self.heard.append(event)


class Deaf:
    @hookimpl
    def anyvideo_on_event(self, event: Event) -> None:
        raise RuntimeError("cannot hear")


class Guard:
    """Refuses what it is told to refuse."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.threads: list[int] = []

    @hookimpl
    def anyvideo_check_request(self, request: VideoRequest) -> str | None:
        return self._judge()

    @hookimpl
    def anyvideo_check_video(self) -> str | None:
        return self._judge()

    def _judge(self) -> str | None:
        self.threads.append(threading.get_ident())
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[no-any-return]


def test_every_listener_hears_even_when_one_fails(caplog: pytest.LogCaptureFixture) -> None:
    first, last = Listener(), Listener()
    with caplog.at_level(logging.ERROR):
        Plugins.of(hooks=[first, Deaf(), last]).tell(EVENT)
    assert first.heard == last.heard == [EVENT]
    assert "cannot hear" in caplog.text


@pytest.mark.anyio
async def test_a_request_passes_when_nobody_objects() -> None:
    guard = Guard()
    await Plugins.of(hooks=[guard]).check_request(REQUEST)
    assert guard.threads
    assert guard.threads[0] != threading.get_ident()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("names a person", "names a person"),
        (InvalidRequest("no birds", field="prompt"), "no birds"),
        (OSError("list not found"), "OSError"),
    ],
)
async def test_a_request_is_refused_with_the_reason_and_a_failing_check_refuses(
    answer: object, reason: str
) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        await Plugins.of(hooks=[Guard(), Guard(answer)]).check_request(REQUEST)


@pytest.mark.anyio
async def test_a_video_is_refused_with_the_reason() -> None:
    with pytest.raises(MediaError, match="too dark"):
        await Plugins.of(hooks=[Guard("too dark")]).check_video(object())  # type: ignore[arg-type]


def test_a_hook_that_does_not_exist_is_refused_at_once() -> None:
    class Wrong:
        @hookimpl
        def anyvideo_on_evnt(self, event: Event) -> None: ...

    with pytest.raises(PluginError, match="anyvideo_on_evnt"):
        Plugins.of(hooks=[Wrong()])


@pytest.mark.anyio
@pytest.mark.parametrize("answer", [False, True, 0, "", "  ", b"no", object()])
async def test_a_check_that_answers_neither_a_reason_nor_none_is_named_and_decides_nothing(
    answer: object,
) -> None:
    plugins = Plugins.of(hooks=[Guard(answer)])
    with pytest.raises(PluginError, match=r"Guard\.anyvideo_check_request is broken") as caught:
        await plugins.check_request(REQUEST)
    assert caught.value.field == "anyvideo_check_request"
    assert "None" in str(caught.value.hint)


class Later:
    """Sends its question somewhere, and would have to be waited for."""

    @hookimpl
    async def anyvideo_check_request(self, request: VideoRequest) -> str | None:
        return "no"


class Disguised:
    @hookimpl
    def anyvideo_check_request(self, request: VideoRequest) -> object:
        return Later().anyvideo_check_request(request)


class LateListener:
    @hookimpl
    async def anyvideo_on_event(self, event: Event) -> None: ...


class Stepwise:
    @hookimpl
    def anyvideo_check_video(self, video: object) -> Iterator[str]:
        yield "no"


@pytest.mark.parametrize("hooks", [Later(), LateListener(), Stepwise()])
def test_a_hook_that_would_have_to_be_waited_for_is_refused_with_the_way_out(hooks: object) -> None:
    with pytest.raises(PluginError, match=rf"{type(hooks).__name__}\.anyvideo_\w+ is async") as caught:
        Plugins.of(hooks=[hooks])
    assert "plain def" in str(caught.value.hint)


@pytest.mark.anyio
@pytest.mark.filterwarnings("error::RuntimeWarning")
async def test_an_async_check_in_disguise_is_found_when_it_answers() -> None:
    with pytest.raises(PluginError, match=r"Disguised\.anyvideo_check_request is broken"):
        await Plugins.of(hooks=[Disguised()]).check_request(REQUEST)


ASYNC_CHECK = """
from anyvideo.provider import hookimpl

@hookimpl
async def anyvideo_check_request(request):
    return "no"
"""


@pytest.mark.anyio
async def test_an_installed_check_that_cannot_be_asked_lets_nothing_through(install: Install) -> None:
    plugins = Plugins.discover(install("moderation", ASYNC_CHECK, entry="moderation"))
    [broken] = plugins.broken
    assert "moderation_plugin.anyvideo_check_request is async" in broken.problem
    assert "plain def" in broken.problem
    with pytest.raises(PluginError, match="'moderation' is broken"):
        await plugins.check_request(REQUEST)
