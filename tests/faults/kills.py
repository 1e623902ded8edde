"""One purchase, killed where it is told to be, and recovered until it has come to rest."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from anyvideo import Plugins
from anyvideo.jobs.points import POINTS
from anyvideo.testing.simulator import Charge, SimulatorServer

from . import oracle
from .workers import Workers

SETTINGS = """
[recovery]
quiet = 3
skew = 1
look = 1
lease = 2
[timeouts]
submit = 1
connect = 1
poll_min = 0.1
poll_max = 0.1
[budget]
limit = "50.00"
"""
LIST_LAG = 0.5
JOB_SECONDS = 0.15
LATE_ACCEPT = 1.4
PATIENCE = 60.0
MOST_PROCESSES = 12

KINDS = {
    "replicate": {"models": "replicate/seedance-1-lite", "duration": 2, "resolution": "480p"},
    "luma": {"models": "luma/ray-flash-2", "duration": 5, "resolution": "540p"},
    "runway": {"models": "runway/gen4.5", "duration": 2},
    "local": {"models": "local/animatic", "duration": 0.5, "resolution": "360p", "fps": 4},
}
"""The ways to find a lost submit again, and a small clip for each: two lists, nothing, nothing was bought."""

LISTING = ("replicate", "luma")
TAKEN = ("disconnect_after_accept", "error_500_after_accept", "slow_answer", "malformed_body", "slow_accept")
NOT_TAKEN = ("disconnect_before_accept", "error_500_before_accept")
PARAMETERS: dict[str, dict[str, Any]] = {
    "slow_answer": {"seconds": 1.6},
    "slow_accept": {"seconds": LATE_ACCEPT},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One run. `point` kills the buyer, `later` the first process after it; None: nobody is killed there.

    `rotated`: the processes after the buyer have another key of the same account.
    """

    number: int
    kind: str
    fault: str | None
    point: str | None
    later: str | None = None
    passes: int = 1
    copies: int = 1
    again: bool = False
    resolve: bool = False
    late_list: bool = False
    rotated: bool = False

    @property
    def name(self) -> str:
        return f"{self.number:04}-{self.kind}-{self.fault}-{self.point}"


def matrix() -> Iterator[tuple[str, str | None, str | None]]:
    """Every kind × every network fault × every named point, and no fault and no kill among them."""
    for kind in KINDS:
        for fault in (None,) if kind == "local" else (None, *TAKEN, *NOT_TAKEN):
            for point in (None, *POINTS):
                yield kind, fault, point


def planned(count: int, seed: int) -> list[Kill]:
    """The whole matrix, shuffled, again and again with more mischief each time; every point among the first."""
    draw = random.Random(seed)
    cells = list(matrix())
    draw.shuffle(cells)
    early: list[tuple[str, str | None, str | None]] = []
    for point in POINTS:
        certain = [cell for cell in cells if cell[2] == point and surely_killed(*cell)]
        early.append(draw.choice(certain))
    ordered = early + [cell for cell in cells if cell not in early]
    kills = []
    for number in range(count):
        kind, fault, point = ordered[number % len(ordered)]
        kills.append(mischief(number, kind, fault, point, draw, wild=number >= len(ordered)))
    return kills


def surely_reached(kind: str, fault: str | None, point: str | None) -> bool:
    """Whether a purchase by this kind under this fault passes the point before it has come to rest."""
    assert point is not None
    if point.startswith("takeover"):
        return False
    if point.startswith("unknown"):
        return fault is not None
    if point.startswith(("W1", "W2")) or fault is None:
        return True
    return kind in LISTING and fault in TAKEN


def surely_killed(kind: str, fault: str | None, point: str | None) -> bool:
    """Whether some process of the run dies at the point: after the buyer, one with another key may."""
    if point is not None and point.startswith("takeover"):
        return kind != "local" and fault is None
    return surely_reached(kind, fault, point)


def mischief(
    number: int, kind: str, fault: str | None, point: str | None, draw: random.Random, *, wild: bool
) -> Kill:
    """The run for a cell. Wild ones kill twice, buy two equal clips, let lists lag, and have people decide."""
    later = None
    if point is not None and point.startswith("unknown") and fault is None:
        later, point = point, draw.choice(["W2.after", "W3.before"])
    elif point is not None and point.startswith("takeover"):
        later, point = point, draw.choice(["W2.after", "W3.before", "W3.after", "W4.before", "file.part"])
    elif wild:
        later = draw.choice([None, *POINTS])
    rotated = kind != "local" and ((later or "").startswith("takeover") or (wild and draw.random() < 0.2))
    copies = 2 if wild and kind != "local" and draw.random() < 0.3 else 1
    return Kill(
        number=number,
        kind=kind,
        fault=fault,
        point=point,
        later=later,
        passes=draw.randint(1, copies),
        copies=copies,
        again=draw.random() < 0.3 and not rotated,
        resolve=draw.random() < 0.5,
        late_list=kind in LISTING and draw.random() < 0.3,
        rotated=rotated,
    )


@dataclass(slots=True)
class Yard:
    """Simulated vendors of its own, and processes that buy from them: one run at a time."""

    workers: Workers
    root: Path
    reached: set[str] = field(default_factory=set)
    server: SimulatorServer = field(init=False)

    def __enter__(self) -> Self:
        vendors = []
        for plugin in Plugins.discover().all:
            if plugin.simulator is not None:
                module, _, factory = plugin.simulator.partition(":")
                vendors.append(getattr(import_module(module), factory)())
        self.server = SimulatorServer(vendors).start()
        self.server.set_time(JOB_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()

    def run(self, kill: Kill) -> None:
        """Raises AssertionError when something that must be true is not."""
        folder = self.root / kill.name
        folder.mkdir()
        before = len(self.server.ledger())
        self._prepare(kill, folder)
        self._buy(kill, folder)
        self._recover(kill, folder)
        charges = self._charges(kill, before)
        if kill.resolve and kill.kind == "runway":
            self._resolve(kill, folder, charges)
            self._recover(kill, folder)
            charges = self._charges(kill, before)
        nobody_can_tell = kill.kind == "runway" and not kill.resolve
        unproven = kill.kind in LISTING and kill.rotated
        books = oracle.check(folder, charges, nobody_can_tell=nobody_can_tell or unproven)
        if kill.kind in LISTING:
            owned = {line["provider_job_id"] for line in books.attempts.values()}
            assert owned.issuperset(charge.provider_job_id for charge in charges), "a listed job is lost"
        if kill.kind in (*LISTING, "local") and kill.point is None:
            assert len(books.jobs) == kill.copies
        secrets = [value for name, value in self.server.env.items() if not name.endswith("URL")]
        assert not oracle.leaks(folder, secrets)

    def _prepare(self, kill: Kill, folder: Path) -> None:
        (folder / "anyvideo.toml").write_text(SETTINGS)
        self.server.clear_faults()
        if kill.fault is not None:
            self.server.fault(kill.kind, kill.fault, times=1, **PARAMETERS.get(kill.fault, {}))
        if kill.late_list:
            self.server.fault(kill.kind, "list_late", seconds=LIST_LAG / 2)

    def _order(self, kill: Kill) -> dict[str, str]:
        prompt = f"a fox crosses frozen lake {kill.number}"
        order = {**KINDS[kill.kind], "prompt": prompt, "copies": kill.copies, "key": kill.name}
        return {"TASK": "buy", "ORDER": json.dumps(order)}

    def _buy(self, kill: Kill, folder: Path) -> None:
        arguments = self._order(kill)
        self._process(folder, arguments, point=kill.point, passes=kill.passes)
        if kill.again:
            self._process(folder, arguments, point=kill.later)

    def _recover(self, kill: Kill, folder: Path) -> None:
        """Let one process after another recover until nothing moves any more."""
        point = None if kill.again else kill.later
        for _ in range(MOST_PROCESSES):
            result = self._process(folder, {"TASK": "recover", **self._new_keys(kill)}, point=point)
            point = None
            if result is not None and result["rest"]:
                return
        raise AssertionError(f"no rest: {result}")

    def _resolve(self, kill: Kill, folder: Path, charges: list[Charge]) -> None:
        owned = {line["provider_job_id"] for line in oracle.Books.read(folder / "jobs.db").attempts.values()}
        handles = [charge.provider_job_id for charge in charges if charge.provider_job_id not in owned]
        order = json.dumps({"handles": handles})
        self._process(folder, {"TASK": "resolve", "ORDER": order, **self._new_keys(kill)})

    def _new_keys(self, kill: Kill) -> dict[str, str]:
        return {"ROTATED": "2"} if kill.rotated else {}

    def _process(
        self, folder: Path, arguments: dict[str, str], *, point: str | None = None, passes: int = 1
    ) -> dict[str, Any] | None:
        """What the process wrote, or None when it was killed where it should be."""
        worker = self.workers.start(self.environ(folder, arguments, point=point, passes=passes), folder)
        event, value = worker.wait(PATIENCE)
        if event == "killed" and value == signal.SIGKILL and (folder / "result.reached").exists():
            assert point is not None
            self.reached.add(point)
            (folder / "result.reached").unlink()
            return None
        assert (event, value) == ("exited", 0), (folder / "worker.out").read_text()[-3000:]
        result: dict[str, Any] = json.loads((folder / "result.json").read_text())
        return result

    def environ(
        self,
        folder: Path,
        arguments: dict[str, str],
        *,
        point: str | None,
        passes: int = 1,
        how: str = "KILL",
    ) -> dict[str, str]:
        """The whole environment of a process."""
        own = {"POINT": point or "", "PASS": str(passes), "SIGNAL": how, "LAG": str(LIST_LAG), **arguments}
        return {
            **self.server.env,
            "ANYVIDEO_STORE": str(folder / "jobs.db"),
            "HOME": str(folder),
            **{f"ANYVIDEO_FAULTS_{name}": value for name, value in own.items()},
            "ANYVIDEO_FAULTS_RESULT": str(folder / "result.json"),
        }

    def _charges(self, kill: Kill, before: int) -> list[Charge]:
        """The ledger's new lines, once nothing that was sent is still on its way and every job has ended."""
        if kill.fault == "slow_accept":
            time.sleep(LATE_ACCEPT)
        limit = time.monotonic() + 5
        while True:
            charges = self.server.ledger()[before:]
            if all(charge.state != "accepted" for charge in charges) or time.monotonic() > limit:
                return charges
            time.sleep(0.02)
