"""Thousands of seeded schedules of faults, lagging lists, crashes and stops, in virtual time."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from .conftest import ROOT, Extent
from .schedules import run_schedule
from .workers import Workers

CHUNK = 50
FAILED_ONCE = (
    50_252,
    20261121003765,
    20261121010127,
    20261121011372,
    20261121011691,
    20261121018807,
    20261121005021,
)
"""Rounding made the driver spin; senders that were overtaken; a waiter of a job that was driven again;
handles that came home to a job of which nothing else was known, and after theirs was given away."""


def run_chunk(
    workers: Workers, folder: Path, first: int, last: int, *, patience: float = 3600
) -> dict[str, Any]:
    """The schedules of the seeds from `first` to before `last`, in a process of their own."""
    place = folder / f"chunk-{first}"
    place.mkdir()
    own = {"TASK": "schedules", "ROOT": str(ROOT), "FIRST": str(first), "LAST": str(last)}
    environ = {f"ANYVIDEO_FAULTS_{name}": value for name, value in own.items()}
    worker = workers.start({**environ, "ANYVIDEO_FAULTS_RESULT": str(place / "result.json")}, place)
    assert worker.wait(patience) == ("exited", 0), (place / "worker.out").read_text()[-3000:]
    result: dict[str, Any] = json.loads((place / "result.json").read_text())
    return result


@pytest.mark.slow
def test_no_schedule_pays_twice_or_loses_a_clip(extent: Extent, workers: Workers, fast_folder: Path) -> None:
    start = extent.seed * 1_000_000
    firsts = range(start, start + extent.schedules, CHUNK)
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda first: run_chunk(workers, fast_folder, first, first + CHUNK), firsts))
    failed = [text for result in results for text in result["failed"]]
    trace = hashlib.sha256(json.dumps([result["hashes"] for result in results]).encode()).hexdigest()
    print(f"seed {extent.seed}: {extent.schedules} schedules from {start} on, trace {trace}")
    assert not failed, f"{len(failed)} of {extent.schedules} schedules failed\n\n" + "\n\n".join(failed[:3])


@pytest.mark.parametrize("seed", FAILED_ONCE)
def test_what_failed_once_does_not_fail_again(workers: Workers, fast_folder: Path, seed: int) -> None:
    assert not run_chunk(workers, fast_folder, seed, seed + 1, patience=120)["failed"]


def test_a_seed_is_a_schedule(workers: Workers, fast_folder: Path, extent: Extent) -> None:
    """The same in this process and in another one, event by event: whatever fails can be played again."""
    elsewhere = run_chunk(workers, fast_folder, extent.seed, extent.seed + 5)["hashes"]
    here = {str(seed): run_schedule(seed, fast_folder) for seed in range(extent.seed, extent.seed + 5)}
    assert here == elsewhere
    assert len(set(here.values())) == 5
