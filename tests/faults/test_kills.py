"""Processes killed at every write, under every network fault, with every way to find a lost submit again."""

from __future__ import annotations

import queue
import shutil
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from anyvideo.jobs.points import POINTS

from .conftest import Extent
from .kills import Kill, Yard, planned
from .workers import Workers

SIDE_BY_SIDE = 10


def run_all(
    kills: list[Kill], workers: Workers, root: Path, *, yard: type[Yard] = Yard
) -> tuple[list[str], set[str]]:
    """Run them side by side: what failed, in words, and the points at which a process really died."""
    failed: list[str] = []
    with ExitStack() as stack:
        count = min(SIDE_BY_SIDE, len(kills))
        yards = [stack.enter_context(yard(workers=workers, root=root)) for _ in range(count)]
        free: queue.Queue[Yard] = queue.Queue()
        for one in yards:
            free.put(one)

        def run(kill: Kill) -> None:
            mine = free.get()
            try:
                mine.run(kill)
                shutil.rmtree(root / kill.name)
            except Exception:
                failed.append(f"{kill}\n{traceback.format_exc()}")
            finally:
                free.put(mine)

        with ThreadPoolExecutor(count) as pool:
            list(pool.map(run, kills))
    return failed, set().union(*(one.reached for one in yards))


@pytest.mark.slow
def test_a_killed_purchase_is_charged_once_and_never_lost(
    extent: Extent, workers: Workers, tmp_path: Path
) -> None:
    kills = planned(extent.kills, extent.seed)
    failed, reached = run_all(kills, workers, tmp_path)
    print(f"seed {extent.seed}: {len(kills)} kills, {len(failed)} failed, at {len(reached)} points")
    assert not failed, "\n".join(failed[:5])
    assert reached == set(POINTS), f"never killed at {sorted(set(POINTS) - reached)}"
