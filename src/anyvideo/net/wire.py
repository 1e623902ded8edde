"""What really happened on the wire during one call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Scope(StrEnum):
    """What a call may do: `free` may not buy, `submit` may send one POST."""

    FREE = "free"
    SUBMIT = "submit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer of a vendor. `body` is the parsed JSON, or the text where it is not JSON.

    Header names are lower case; `url` is cut to origin and path. `readable` is False where the body should
    have been JSON and is not, was cut off, or was larger than what is read; None is an empty body.
    """

    method: str
    url: str = field(repr=False)
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: Any = field(repr=False)
    readable: bool = True

    @property
    def ok(self) -> bool:
        """Whether the vendor said yes: a 2xx."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds. `submit` and `free` bound the silence on the line; a whole call may take that long plus
    `connect` plus its own size at 64 KiB/s. `outputs` bounds the silence while a result is read.
    """

    connect: float = 10.0
    submit: float = 60.0
    free: float = 30.0
    outputs: float = 30.0


LastCheck = Callable[[], None]
"""Asked when the connection stands, right before the first byte: what it raises stops the call."""

BeforeSend = Callable[[str], Awaitable[LastCheck | None]]
"""Awaited with the SHA-256 of the body before a connection is made for a submit."""


@dataclass(slots=True, kw_only=True)
class CallRecord:
    """The witness of one call. `left` turns True when request headers were put on a socket.

    In a submit, `left` speaks of the POST that buys and of nothing else. `problem` is a class name and a
    stage, never text that could hold a secret. `stopped` is what `before_send` or the guard raised.
    """

    scope: Scope
    before_send: BeforeSend | None = None
    last_check: LastCheck | None = None
    left: bool = False
    posts: int = 0
    body_hash: str | None = None
    replies: list[Reply] = field(default_factory=list)
    problem: str | None = None
    stopped: Exception | None = None
    closed: bool = False

    @property
    def reply(self) -> Reply | None:
        """The last answer, if any came; in a submit that to the POST, whatever else was asked beside it."""
        wanted = [reply for reply in self.replies if self.scope is Scope.FREE or reply.method == "POST"]
        return wanted[-1] if wanted else None


class RefusedByVendor(Exception):
    """The vendor answered with something other than a 2xx. `reply` goes to the provider's `explain`."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"{reply.method} was answered with {reply.status}")
        self.reply = reply

    def __reduce__(self) -> tuple[type[RefusedByVendor], tuple[Reply]]:
        return type(self), (self.reply,)


class NoReply(Exception):
    """No answer came. `left` says whether request bytes were put on a socket; `problem` is for people."""

    def __init__(self, *, left: bool, problem: str) -> None:
        super().__init__(problem)
        self.left = left
        self.problem = problem

    def __reduce__(self) -> tuple[Callable[..., NoReply], tuple[bool, str]]:
        return _no_reply, (self.left, self.problem)


def _no_reply(left: bool, problem: str) -> NoReply:
    return NoReply(left=left, problem=problem)
