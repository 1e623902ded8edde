"""Four vendors in memory, with every way to find a lost submit again, and a ledger that no client can touch.

They speak no HTTP, but they meet the engine exactly where the guarded transport does: W2 is written by the
call's `before_send`, `left` says whether bytes left, and answers are recorded before they are read.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from anyvideo.catalog.load import parse_catalog
from anyvideo.net.scopes import current_call
from anyvideo.provider import (
    Catalog,
    Cost,
    CostBasis,
    Failure,
    Found,
    JobStatus,
    NoReply,
    Order,
    Output,
    ProviderContext,
    ProviderError,
    ProviderPlugin,
    Recovery,
    Ref,
    RefusedByVendor,
    Reply,
    ResultGone,
    Submission,
    Update,
    explain_status,
)
from anyvideo.testing.simulator.clips import Clip, encode

PRICE = 50_000
"""Micro-dollars for a clip, and the most that one can cost."""

LIST_LAG = 30.0
CLIENT_TIMEOUT = 60.0
LATEST_ACCEPT = 170.0
"""Seconds after which an order that nobody waits for any more may still be taken: within the quiet window."""

KINDS: dict[str, Any] = {"lister": "listing", "tagger": "tag", "mute": "nothing", "drawer": "in_process"}
STATUSES = {
    "waiting": JobStatus.QUEUED,
    "working": JobStatus.RUNNING,
    "done": JobStatus.SUCCEEDED,
    "broken": JobStatus.FAILED,
    "stopped": JobStatus.CANCELED,
}
_MODELS = """
[[model]]
id = "clip"
tasks = ["text_to_video"]
status = "active"
checked = 2026-01-01
source = "this test"
[model.inputs]
prompt = "prompt"
[model.length]
input = "duration"
seconds = [2]
default = 2
[model.shape]
default_ratio = "16:9"
default_resolution = "720p"
size = [{ ratio = "16:9", resolution = "720p", pixels = [1280, 720], inputs = {} }]
[model.time]
median = 30
p99 = 90
[[model.price]]
per = "video"
amount = "0.05"
checked = 2026-01-01
source = "this test"
"""


@cache
def catalog(name: str) -> Catalog:
    """One model of that vendor."""
    return parse_catalog(_MODELS, provider=name, vendor=name)


@cache
def film() -> bytes:
    """A real MP4 of two seconds, and as few frames as that takes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        encode(path, Clip(width=64, height=36, fps=2, frames=4), threading.Event())
        return path.read_bytes()


SUBMIT_FAULTS = {
    "never_left": 3,
    "refused": 3,
    "throttled": 4,
    "lost_before": 7,
    "lost_after": 9,
    "error_before": 5,
    "error_after": 6,
    "garbage": 5,
    "late_answer": 4,
    "late_accept": 5,
    "slow": 3,
    "crash_after": 3,
    "none": 60,
}

SAME_FAULTS = {"lost_before": 4, "lost_after": 3, "late_answer": 2, "slow": 5, "none": 1}
"""For equal orders at one vendor: whose are the jobs that its list shows?"""


class Crash(BaseException):
    """The process is gone: nothing that it would do next happens."""


@dataclass(slots=True)
class Line:
    """One accepted order. Seconds since the beginning; `bill` in micro-dollars once it has ended."""

    id: str
    provider: str
    tag: str
    inputs: dict[str, Any]
    created: float
    starts: float
    ends: float
    ending: str
    bill: int
    lag: float
    reported: bool
    stopped: float | None = None
    deleted: bool = False

    def word(self, now: float) -> str:
        if self.stopped is not None and now >= self.stopped:
            return "stopped"
        if now >= self.ends:
            return self.ending
        return "working" if now >= self.starts else "waiting"


@dataclass(slots=True)
class Life:
    """One process. It dies at its `dies_at`-th breath, and at its `stops_at`-th it stops for a while.

    Whoever stopped does nothing until `stopped_until` (loop seconds); who is dead never does anything again.
    """

    name: str
    now: Callable[[], float]
    dies_at: int | None = None
    stops_at: int | None = None
    stops_for: float = 0.0
    breaths: int = 0
    stopped_until: float = 0.0
    dead: bool = False

    def breathe(self) -> None:
        self.breaths += 1
        if self.breaths == self.stops_at:
            self.stopped_until = self.now() + self.stops_for
        if self.breaths == self.dies_at:
            self.dead = True
        self.check()

    def check(self) -> None:
        if self.dead:
            raise Crash(self.name)

    async def awake(self) -> None:
        """Whatever runs in this process waits here while it is stopped."""
        while (left := self.stopped_until - self.now()) > 0:
            await asyncio.sleep(left)
        self.check()


@dataclass(slots=True)
class World:
    """All vendors, their clock error and their ledger, drawn from one seed."""

    draw: random.Random
    now: Callable[[], float]
    wall: Callable[[], datetime]
    folder: Path
    trace: list[str] = field(default_factory=list)
    ledger: list[Line] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=lambda: SUBMIT_FAULTS)
    calm: bool = False
    skew: float = 0.0

    def note(self, *words: object) -> None:
        self.trace.append(f"{self.now():.6f} {' '.join(map(str, words))}")

    def accept(self, provider: str, order: Order) -> Line:
        draw = self.draw
        created = self.now()
        starts = created + draw.choice([0.0, 1.0, 20.0])
        ending = "done" if self.calm else draw.choices(["done", "broken"], [85, 15])[0]
        reported = draw.random() < 0.5
        bill = draw.randint(PRICE // 5, PRICE) if reported else PRICE if ending == "done" else 0
        line = Line(
            id=f"{provider}-{len(self.ledger)}",
            provider=provider,
            tag=order.tag,
            inputs=dict(order.inputs),
            created=created,
            starts=starts,
            ends=starts + draw.choice([0.0, 5.0, 60.0, 200.0]),
            ending=ending,
            bill=bill,
            lag=draw.uniform(0, LIST_LAG),
            reported=reported,
        )
        self.ledger.append(line)
        self.note("accepts", line.id, order.tag, ending, bill)
        return line

    def plugins(self, life: Life) -> list[ProviderPlugin]:
        """The vendors as one process sees them."""
        return [
            ProviderPlugin(
                name=name,
                vendor=name,
                catalog=catalog(name),
                recovery=Recovery(kind=kind, list_lag=LIST_LAG),
                open=lambda context, name=name: _BACKENDS[name](self, name, life, context),
                statuses=STATUSES,
                cancels={"lister": "stops", "tagger": "may_delete_output"}.get(name, "none"),  # type: ignore[arg-type]
                stand_in=False,
            )
            for name, kind in KINDS.items()
        ]


class Backend:
    """One vendor, opened by one process."""

    def __init__(self, world: World, name: str, life: Life, context: ProviderContext) -> None:
        self.world = world
        self.name = name
        self.life = life
        self.context = context

    async def submit(self, order: Order) -> Submission:
        fault = "none" if self.world.calm else self._drawn(self.world.faults)
        record = current_call()
        assert record is not None
        await self._pause(0.1)
        record.posts += 1
        assert record.before_send is not None
        try:
            last_check = await record.before_send(order.tag)
            self.life.check()
            await self._pause(0.05)
            if fault == "never_left":
                raise NoReply(left=False, problem="no connection")
            if last_check is not None:
                last_check()
        except Exception as error:
            record.stopped = error
            raise
        record.left = True
        self.world.note(self.life.name, "sends", self.name, order.tag, fault)
        line = await self._answer(order, fault)
        record.replies.append(_reply(200, {"id": line.id}))
        self.life.breathe()
        return Submission(ref=Ref(job_id=line.id, model="clip"), update=self._update(line))

    async def _answer(self, order: Order, fault: str) -> Line:
        """The accepted order. Raises what the wire shows of the fault."""
        record = current_call()
        assert record is not None
        if fault in ("refused", "throttled", "error_before"):
            await self._pause(0.2)
            self._refuse({"refused": 422, "throttled": 429, "error_before": 500}[fault])
        if fault == "lost_before":
            await self._pause(0.2)
            raise NoReply(left=True, problem="connection dropped")
        if fault == "late_accept":
            late = self.world.draw.uniform(1, LATEST_ACCEPT)
            asyncio.get_running_loop().call_later(late, self.world.accept, self.name, order)
            await self._pause(CLIENT_TIMEOUT)
            raise NoReply(left=True, problem="timeout")
        line = self.world.accept(self.name, order)
        if fault == "crash_after":
            self.life.dead = True
        waits = {"late_answer": CLIENT_TIMEOUT, "slow": CLIENT_TIMEOUT - 10}
        await self._pause(waits.get(fault, self.world.draw.choice([0.1, 2.0])))
        if fault == "error_after":
            self._refuse(500)
        if fault == "garbage":
            record.replies.append(_reply(200, "<html>", readable=False))
            raise ValueError("no JSON")
        if fault in ("lost_after", "late_answer"):
            raise NoReply(left=True, problem="connection dropped")
        return line

    async def fetch(self, ref: Ref) -> Update:
        await self._free(f"fetch {ref.job_id}")
        line = self._line(ref)
        if line.deleted:
            gone = ResultGone("deleted", status=404, stage="poll")
            return Update(status=JobStatus.FAILED, native="404", gone=True, failure=Failure.of(gone))
        if not self.world.calm and self.world.draw.random() < 0.05:
            return Update(status=JobStatus.RUNNING, native="pondering", known_word=False)
        return self._update(line)

    async def cancel(self, ref: Ref) -> Update:
        await self._free(f"cancel {ref.job_id}")
        line, now = self._line(ref), self.world.now()
        if line.word(now) in ("waiting", "working"):
            line.stopped = now
            line.bill = self.world.draw.randint(0, line.bill)
            self.world.note("stops", line.id, line.bill)
        elif self.name == "tagger":
            line.deleted = True
            self.world.note("deletes", line.id)
        return self._update(line)

    def explain(self, reply: Reply) -> ProviderError:
        return explain_status(reply)

    async def aclose(self) -> None:
        pass

    def _line(self, ref: Ref) -> Line:
        return next(line for line in self.world.ledger if line.id == ref.job_id)

    def _update(self, line: Line) -> Update:
        """How it stands now, or, as vendors' caches have it, how it stood a little earlier."""
        stale = not self.world.calm and self.world.draw.random() < 0.15
        now = self.world.now() - (self.world.draw.uniform(0, 30) if stale else 0.0)
        word = line.word(now)
        over = word in ("done", "broken", "stopped")
        cost = Cost(micros=line.bill, basis=CostBasis.REPORTED) if over and line.reported else None
        failure = None
        if word == "broken":
            failure = Failure(
                kind="GenerationFailed",
                message="broken",
                stage="poll",
                charged="yes" if line.bill else "no",
                transient=line.bill % 2 == 0,
            )
        return Update(
            status=STATUSES[word],
            native=word,
            outputs=(Output(path=self._file()),) if word == "done" else (),
            reported_cost=cost,
            failure=failure,
        )

    def _file(self) -> Path:
        path = self.world.folder / "made.mp4"
        if not path.exists():
            path.write_bytes(film())
        return path

    async def _free(self, what: str) -> None:
        await self._pause(self.world.draw.choice([0.0, 0.1, 1.0]))
        fault = "none" if self.world.calm else self._drawn({"lost": 8, "error": 8, "none": 100})
        self.world.note(self.life.name, what, fault)
        if fault == "lost":
            raise NoReply(left=True, problem="connection dropped")
        if fault == "error":
            self._refuse(503)

    def _refuse(self, status: int) -> None:
        record = current_call()
        assert record is not None
        reply = _reply(status, {"detail": "no"})
        record.replies.append(reply)
        raise RefusedByVendor(reply)

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.life.awake()

    def _drawn(self, weights: dict[str, int]) -> str:
        return self.world.draw.choices(list(weights), list(weights.values()))[0]


class Listing(Backend):
    """Lists recent jobs, each a while after it was made; a tagger's list echoes tags."""

    async def find(self, since: datetime) -> Sequence[Found]:
        await self._free("list")
        now, wall = self.world.now(), self.world.wall()
        shown = [
            (line, wall - timedelta(seconds=now - line.created - self.world.skew))
            for line in reversed(self.world.ledger)
            if line.provider == self.name and not line.deleted and line.created + line.lag <= now
        ]
        return [
            Found(
                ref=Ref(job_id=line.id, model="clip"),
                update=self._update(line),
                created_at=created,
                inputs=line.inputs,
                tag=line.tag if self.name == "tagger" else None,
            )
            for line, created in shown
            if created >= since
        ]


class Drawer(Backend):
    """Draws on this machine: nothing is bought, so nothing is in the ledger."""

    async def submit(self, order: Order) -> Submission:
        await self._pause(self.world.draw.choice([0.5, 20.0]))
        self.life.breathe()
        return Submission(ref=Ref(job_id=f"drawn-{order.tag}", model="clip"), update=self._drawn_clip())

    async def fetch(self, ref: Ref) -> Update:
        return self._drawn_clip()

    def _drawn_clip(self) -> Update:
        path = self.context.work / "drawn.mp4"
        path.write_bytes(film())
        free = Cost(micros=0, basis=CostBasis.REPORTED)
        return Update(
            status=JobStatus.SUCCEEDED, native="done", outputs=(Output(path=path),), reported_cost=free
        )


_BACKENDS: dict[str, type[Backend]] = {
    "lister": Listing,
    "tagger": Listing,
    "mute": Backend,
    "drawer": Drawer,
}


def _reply(status: int, body: object, *, readable: bool = True) -> Reply:
    return Reply(method="POST", url="/clips", status=status, headers={}, body=body, readable=readable)
