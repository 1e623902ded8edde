from __future__ import annotations

import functools
import logging
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
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


def no(word: str = "gore", request: VideoRequest = REQUEST) -> str:
    return f"no {word}"


class Judge:
    def __call__(self, request: VideoRequest) -> str:
        return no()


class Cached:
    @hookimpl
    @functools.lru_cache  # noqa: B019
    def anyvideo_check_request(self, request: VideoRequest) -> str:
        return no()


class CachedOutside:
    @functools.lru_cache  # noqa: B019
    @hookimpl
    def anyvideo_check_request(self, request: VideoRequest) -> str:
        return no()


class ByType:
    @hookimpl  # type: ignore[type-var]
    @functools.singledispatchmethod
    def anyvideo_check_request(self, request: VideoRequest) -> str:
        return no()


class Partial:
    anyvideo_check_request = hookimpl(functools.partialmethod(no, "gore"))  # type: ignore[type-var]


class Property:
    @property
    @hookimpl
    def anyvideo_check_request(self) -> Callable[[VideoRequest], str]:
        return Judge()


class Elsewhere:
    def __getattr__(self, name: str) -> object:
        return getattr(GUARD, name)


class Failing:
    @property
    def anyvideo_check_request(self) -> Callable[[VideoRequest], str]:
        raise RuntimeError("no list of words")


class Slotted:
    __slots__ = ("anyvideo_check_request",)

    def __init__(self) -> None:
        self.anyvideo_check_request = hookimpl(functools.partial(no, "gore"))


GUARD = Guard("no gore")


@pytest.mark.parametrize(
    "hooks",
    [
        types.SimpleNamespace(anyvideo_check_request=hookimpl(functools.partial(no, "gore"))),
        types.SimpleNamespace(anyvideo_check_request=functools.partial(hookimpl(no), "gore")),
        types.SimpleNamespace(anyvideo_check_request=hookimpl(Judge())),
        types.SimpleNamespace(judge=hookimpl(specname="anyvideo_check_request")(Judge())),
        Cached(),
        CachedOutside(),
        ByType(),
        Partial(),
        Property(),
        Elsewhere(),
        weakref.proxy(GUARD),
        Failing(),
        Slotted(),
    ],
    ids=lambda hooks: type(hooks).__name__,
)
def test_a_check_that_would_never_be_asked_is_refused_with_the_way_out(hooks: object) -> None:
    with pytest.raises(PluginError, match=r"anyvideo_check_request|judge") as caught:
        Plugins.of(hooks=[hooks])
    assert "plain function" in str(caught.value.hint)


class Bound:
    def __init__(self, guard: Guard) -> None:
        self.anyvideo_check_request = guard.anyvideo_check_request

    @property
    def list_of_words(self) -> list[str]:
        raise RuntimeError("not read yet")


class Static:
    @staticmethod
    @hookimpl
    def anyvideo_check_request(request: VideoRequest) -> str:
        return no()


class OfClass:
    @hookimpl
    @classmethod
    def anyvideo_check_request(cls, request: VideoRequest) -> str:
        return no()


class Named:
    @hookimpl(specname="anyvideo_check_request")
    def moderate(self, request: VideoRequest) -> str:
        return no()


@pytest.mark.anyio
@pytest.mark.parametrize("hooks", [Bound(GUARD), Static(), OfClass(), Named()])
async def test_every_kind_of_plain_function_is_asked(hooks: object) -> None:
    with pytest.raises(InvalidRequest, match="no gore"):
        await Plugins.of(hooks=[hooks]).check_request(REQUEST)


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


BRINGS_NOTHING = """
from anyvideo.provider import hookimpl

class Guard:
    @hookimpl
    def anyvideo_providers(self):
        raise RuntimeError("no vendor")
"""
CHECKS_BY_ANOTHER_NAME = """
    @hookimpl(specname="anyvideo_check_request")
    def moderate(self, request):
        return "no"
"""
CHECKS_LATER = """
    @property
    def anyvideo_check_video(self):
        raise RuntimeError("lazy")
"""
LISTENS = """
    @property
    def anyvideo_on_event(self):
        raise RuntimeError("lazy")
"""


def behind(entries: list[EntryPoint], attribute: str) -> list[EntryPoint]:
    return [EntryPoint(one.name, f"{one.value}:{attribute}", one.group) for one in entries]


@pytest.mark.anyio
@pytest.mark.parametrize("attribute", ["guard", "forgotten"])
@pytest.mark.parametrize(
    ("source", "checks"),
    [(CHECKS_BY_ANOTHER_NAME, True), (CHECKS_LATER, True), (LISTENS, False), ("", False)],
    ids=["specname", "property", "listener", "nothing"],
)
async def test_a_broken_plugin_blocks_buying_where_it_is_known_to_check(
    install: Install, source: str, checks: bool, attribute: str
) -> None:
    source = f"{BRINGS_NOTHING}{source}\nguard = Guard()\n"
    plugins = Plugins.discover(behind(install("moderation", source, entry="moderation"), attribute))
    assert [broken.name for broken in plugins.broken] == ["moderation"]
    try:
        await plugins.check_request(REQUEST)
    except PluginError as error:
        told = str(error)
    else:
        told = ""
    assert ("'moderation' is broken" in told, "ANYVIDEO_PLUGINS" in told) == (checks, checks)


@pytest.mark.anyio
async def test_a_plugin_that_cannot_be_imported_is_shown_and_stops_nobody_else(install: Install) -> None:
    entries = install("moderation", f"import no_such_library\n{ASYNC_CHECK}", entry="moderation")
    plugins = Plugins.discover(entries)
    await plugins.check_request(REQUEST)
    [broken] = plugins.broken
    assert (broken.name, "no_such_library" in broken.problem) == ("moderation", True)
