"""Watching what a provider does beside translating: sleep, block, read the environment, leave things open."""

from __future__ import annotations

import asyncio
import functools
import os
import socket
import sys
import threading
import time
import weakref
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import Context
from types import FrameType
from typing import Any, Final

_WORKERS: Final = ("asyncio_", "AnyIO worker", "ThreadPoolExecutor")
_PLUMBING: Final = frozenset({"_pyio", "codecs", "genericpath", "io", "os", "pathlib", "shutil", "tempfile"})
_MAPPING: Final = frozenset({"_collections_abc", "collections", "os"})
_WAITING: Final = frozenset({"concurrent", "multiprocessing", "queue", "threading"})
_DEEP: Final = 40


class Watch:
    """What was seen while it was on. `packages` are the plugin's own top-level packages.

    `sleeps`, `blocks` and `reads` are sentences; `sockets` those that were opened in the watching thread.
    `held` is the longest time that the loop was kept from everyone else, in seconds of this thread's CPU:
    a busy machine stretches the wall clock, not that.
    """

    def __init__(self, packages: frozenset[str]) -> None:
        self.packages = packages
        self.sleeps: list[str] = []
        self.blocks: list[str] = []
        self.reads: list[str] = []
        self.held = 0.0
        self._turned = 0.0
        self._sockets: list[weakref.ref[socket.socket]] = []
        self._thread = threading.get_ident()

    @property
    def open_sockets(self) -> int:
        """How many of the sockets that were opened are still open."""
        made = [one for ref in self._sockets if (one := ref()) is not None]
        return sum(one.fileno() != -1 for one in made)

    @contextmanager
    def on(self) -> Iterator[Watch]:
        """Watch this thread, and worker threads for sleeping."""
        watching = _watching()
        environ = os.environ
        watching.append(self)
        self._turned = time.thread_time()
        os.environ = _Environment(environ, self)  # type: ignore[assignment] # noqa: B003
        try:
            with self._awake(), self._unjoined():
                yield self
        finally:
            self.turned()
            os.environ = environ  # noqa: B003
            watching.remove(self)

    def turned(self) -> None:
        """The loop has come round: others have had their turn."""
        now = time.thread_time()
        self.held, self._turned = max(self.held, now - self._turned), now

    @contextmanager
    def _awake(self) -> Iterator[None]:
        """Note calls of `time.sleep`, also where the plugin imported it by name."""
        real = time.sleep

        def noted(seconds: float) -> None:
            if self._thread == threading.get_ident() or threading.current_thread().name.startswith(_WORKERS):
                self.sleeps.append(f"time.sleep({seconds})")
            real(seconds)

        own = [
            module for name, module in list(sys.modules.items()) if name.partition(".")[0] in self.packages
        ]
        places = [
            (place, name)
            for place in (time, *own)
            for name, value in list(vars(place).items())
            if value is real
        ]
        for place, name in places:
            setattr(place, name, noted)
        try:
            yield
        finally:
            for place, name in places:
                setattr(place, name, real)

    @contextmanager
    def _unjoined(self) -> Iterator[None]:
        """Note waits for another thread: futures, queues, events and joins all end in one of these two."""
        places = (threading.Condition, "wait"), (threading.Thread, "join")
        real = [getattr(owner, name) for owner, name in places]

        def noting(wait: Any) -> Any:
            @functools.wraps(wait)
            def noted(*args: Any, **options: Any) -> Any:
                caller = sys._getframe(1)
                if self._thread == threading.get_ident() and not _starts_a_thread(caller):
                    where = self.own_caller(caller, through=_WAITING)
                    if where is not None:
                        self.blocks.append(f"a wait for another thread at {where}")
                return wait(*args, **options)

            return noted

        for (owner, name), wait in zip(places, real, strict=True):
            setattr(owner, name, noting(wait))
        try:
            yield
        finally:
            for (owner, name), wait in zip(places, real, strict=True):
                setattr(owner, name, wait)

    def own_caller(self, frame: FrameType | None, *, through: frozenset[str] | None = None) -> str | None:
        """Where the plugin's own code stands among the callers; `through` bounds what lies between."""
        for _ in range(_DEEP):
            if frame is None:
                return None
            module = str(frame.f_globals.get("__name__", ""))
            if module.partition(".")[0] in self.packages:
                return f"{module}:{frame.f_lineno}, in {frame.f_code.co_name}"
            if through is not None and module.partition(".")[0] not in through:
                return None
            frame = frame.f_back
        return None

    def saw(self, event: str, args: tuple[Any, ...]) -> None:
        """One audit event."""
        if threading.get_ident() != self._thread:
            return
        if event == "socket.__new__":
            self._sockets.append(weakref.ref(args[0]))
        elif event == "socket.connect":
            if args[0].gettimeout() != 0:
                self.blocks.append("a socket that blocks was connected")
        elif event == "socket.getaddrinfo":
            self.blocks.append("a name was looked up on the event loop")
        elif event in ("open", "subprocess.Popen", "sqlite3.connect"):
            where = self.own_caller(sys._getframe(2), through=_PLUMBING | {"subprocess", "sqlite3"})
            if where is not None:
                self.blocks.append(f"{event} at {where}")


class _Environment(MutableMapping[str, str]):
    """The environment, telling when the plugin's own code looks into it."""

    def __init__(self, real: MutableMapping[str, str], watch: Watch) -> None:
        self._real = real
        self._watch = watch

    def _note(self, what: str) -> None:
        where = self._watch.own_caller(sys._getframe(2), through=_MAPPING)
        if where is not None:
            self._watch.reads.append(f"{what} at {where}")

    def __getitem__(self, name: str) -> str:
        self._note(name)
        return self._real[name]

    def __setitem__(self, name: str, value: str) -> None:
        self._real[name] = value

    def __delitem__(self, name: str) -> None:
        del self._real[name]

    def __iter__(self) -> Iterator[str]:
        self._note("all of it")
        return iter(self._real)

    def __len__(self) -> int:
        return len(self._real)

    def __contains__(self, name: object) -> bool:
        self._note(str(name))
        return name in self._real

    def copy(self) -> dict[str, str]:
        """What os.environ has beside a mapping's methods."""
        return dict(self._real)


class WatchedLoop(asyncio.SelectorEventLoop):
    """A loop that notes who sleeps on it and who holds it up while a watch is on."""

    def _run_once(self) -> None:
        super()._run_once()  # type: ignore[misc] # the one place that every turn goes through
        for watch in _watching():
            watch.turned()

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        frame: FrameType | None = sys._getframe(1)
        for _ in range(3):
            if frame is not None and frame.f_code is asyncio.sleep.__code__:
                for watch in _watching():
                    where = watch.own_caller(frame)
                    watch.sleeps.append("asyncio.sleep" if where is None else f"asyncio.sleep under {where}")
            frame = frame.f_back if frame is not None else None
        return super().call_at(when, callback, *args, context=context)


def _starts_a_thread(frame: FrameType | None) -> bool:
    """Whether the wait is the moment until a thread that was just made has begun."""
    while frame is not None and frame.f_globals.get("__name__") == "threading":
        if frame.f_code is threading.Thread.start.__code__:
            return True
        frame = frame.f_back
    return False


@functools.cache
def _watching() -> list[Watch]:
    """The watches that are on. The audit hook is installed with the first one: Python cannot remove it."""
    watching: list[Watch] = []

    def hook(event: str, args: tuple[Any, ...]) -> None:
        for watch in watching:
            watch.saw(event, args)

    sys.addaudithook(hook)
    return watching
