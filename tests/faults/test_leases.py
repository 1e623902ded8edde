"""Two processes on one store: one is stopped past its lease, the other takes over, the first one wakes up."""

from __future__ import annotations

import json
import random
import signal
import time
from pathlib import Path

import pytest

from anyvideo.jobs.points import POINTS

from . import oracle
from .conftest import Extent
from .kills import KINDS, LISTING, NOT_TAKEN, PATIENCE, TAKEN, Kill, Yard, surely_reached
from .test_kills import run_all
from .workers import Workers

LEASE = 2.0
WIRE = ("W2.after", "W3.before")
CREATES = ("/predictions", "/text_to_video", "/generations", "/generations/video")


BRINGS_THE_HANDLE = ("runway", "W3.before")
"""Where nobody could tell, whoever wakes with the vendor's answer in hand resolves the unknown outcome by it."""


class StoppedYard(Yard):
    """Stops the buyer where a killed one would have died."""

    def run(self, kill: Kill) -> None:
        folder = self.root / kill.name
        folder.mkdir()
        before, seen = len(self.server.ledger()), len(self.server.world.requests)
        self._prepare(kill, folder)
        buyer = self.workers.start(
            self.environ(folder, self._order(kill), point=kill.point, how="STOP"), folder
        )
        assert buyer.wait(PATIENCE) == ("stopped", signal.SIGSTOP), (folder / "worker.out").read_text()
        assert kill.point is not None
        self.reached.add(kill.point)
        try:
            time.sleep(LEASE + 0.5)
            self._recover(kill, folder)
            taken_over = oracle.Books.read(folder / "jobs.db")
            posts = self._posts(seen)
        finally:
            buyer.go_on()
        assert buyer.wait(PATIENCE) == ("exited", 0), (folder / "worker.out").read_text()
        if kill.point != "W1.before":
            if (kill.kind, kill.point) != BRINGS_THE_HANDLE:
                assert oracle.Books.read(folder / "jobs.db") == taken_over, "a stale writer was not refused"
            assert self._posts(seen) == posts, "the one that was taken over sent again"
        charges = self._charges(kill, before)
        assert len(charges) <= 1
        oracle.check(folder, charges, nobody_can_tell=kill.kind == "runway")

    def _posts(self, since: int) -> int:
        requests = list(self.server.world.requests)[since:]
        return sum(seen.method == "POST" and seen.path.endswith(CREATES) for seen in requests)


def planned(count: int, seed: int) -> list[Kill]:
    """Every point with every kind, with a fault where the point is not passed without one; shuffled.

    The two moments on either side of the wire come first.
    """
    draw = random.Random(seed)
    cells = [(kind, point) for kind in KINDS for point in POINTS if _fault(kind, point, draw) != "none"]
    draw.shuffle(cells)
    cells.sort(key=lambda cell: cell[1] not in WIRE)
    stops = []
    for number in range(count):
        kind, point = cells[number % len(cells)]
        stops.append(Kill(number=number, kind=kind, point=point, fault=_fault(kind, point, draw)))
    return stops


def _fault(kind: str, point: str, draw: random.Random) -> str | None:
    """A fault under which the point is passed; "none" where there is no such fault."""
    faults = [None] if kind == "local" else [None, *TAKEN, *NOT_TAKEN]
    possible = [fault for fault in faults if surely_reached(kind, fault, point)]
    return draw.choice(possible) if possible else "none"


@pytest.mark.slow
def test_who_was_stopped_past_the_lease_neither_sends_nor_writes(
    extent: Extent, workers: Workers, tmp_path: Path
) -> None:
    stops = planned(extent.stops, extent.seed)
    failed, reached = run_all(stops, workers, tmp_path, yard=StoppedYard)
    print(f"seed {extent.seed}: {len(stops)} stops, {len(failed)} failed, at {len(reached)} points")
    assert not failed, "\n".join(failed[:5])
    assert reached == {stop.point for stop in stops}


@pytest.mark.slow
def test_two_processes_that_race_for_a_job_buy_it_once(workers: Workers, tmp_path: Path) -> None:
    with Yard(workers=workers, root=tmp_path) as yard:
        for number in range(4):
            kill = Kill(number=number, kind=LISTING[number % 2], fault=None, point=None, copies=2)
            folder = tmp_path / kill.name
            folder.mkdir()
            before = len(yard.server.ledger())
            yard._prepare(kill, folder)
            environ = yard.environ(folder, yard._order(kill), point=None)
            rivals = []
            for rival in range(3):
                result = str(folder / f"{rival}.json")
                rivals.append(workers.start({**environ, "ANYVIDEO_FAULTS_RESULT": result}, folder))
            assert [one.wait(PATIENCE) for one in rivals] == [("exited", 0)] * 3
            ends = [json.loads((folder / f"{rival}.json").read_text())["ends"] for rival in range(3)]
            assert len({job_id for end in ends for job_id in end}) == 2
            charges = yard._charges(kill, before)
            assert len(charges) == 2
            oracle.check(folder, charges, nobody_can_tell=False)
