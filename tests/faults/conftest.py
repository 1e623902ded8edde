"""How much of the faults is run: a seeded sample in the suite, all of it in `nox -s faults`."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .workers import Workers

ROOT = Path(__file__).parents[2]
FULL = os.environ.get("ANYVIDEO_FAULTS_RUNS") == "full"
SEED = int(os.environ.get("ANYVIDEO_FAULTS_SEED", time.strftime("%Y%m%d")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How many runs of each kind, and the seed that they are drawn with."""

    seed: int
    kills: int
    stops: int
    schedules: int
    rushes: int


@pytest.fixture(scope="session")
def extent() -> Extent:
    """Set by ANYVIDEO_FAULTS_RUNS=full and ANYVIDEO_FAULTS_SEED; a sample has a new seed every day."""
    if FULL:
        return Extent(seed=SEED, kills=1200, stops=96, schedules=20_000, rushes=100)
    return Extent(seed=SEED, kills=24, stops=4, schedules=120, rushes=1)


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    with Workers() as running:
        yield running


@pytest.fixture
def fast_folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where the system has such a place: what is killed there survives no power cut, and need not."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as name:
        yield Path(name)
