from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from anyvideo import Event, EventKind, InvalidRequest, MediaError, PluginError, Plugins, VideoRequest
from anyvideo.provider import hookimpl

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
