"""Ctrl-C at any moment, also many times, also on the way out: the command ends with 130, or with 0."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from anyvideo.testing.simulator import SimulatorServer

from .test_processes import FOX, LUMA, PATIENCE, finished, started

pytestmark = pytest.mark.slow


def hammered(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What it said while it was interrupted again and again until it was gone."""
    limit = time.monotonic() + PATIENCE
    while process.poll() is None:
        assert time.monotonic() < limit, "it does not end"
        process.send_signal(signal.SIGINT)
        time.sleep(0.002)
    return process.communicate()


def until(process: subprocess.Popen[str], word: str) -> str:
    """What it told on stderr up to the line with this word."""
    assert process.stderr is not None
    told = ""
    while word not in told:
        line = process.stderr.readline()
        assert line, told
        told += line
    return told


@pytest.mark.parametrize("word", ["job_", "accepted", "delivered"])
def test_however_often_and_whenever(server: SimulatorServer, here: Path, word: str) -> None:
    server.set_time(0.3)
    before = len(server.ledger())
    with started("generate", FOX, *LUMA, "--json") as process:
        job_id = until(process, word).split()[1]
        _, err = hammered(process)
    assert process.returncode in (0, 130)
    assert "Traceback" not in err
    code, _, err = finished("resume", job_id, "-o", "fox.mp4", "--json", "--timeout", "60")
    assert code == 0, err
    assert len(server.ledger()) == before + 1


def test_once_while_the_interpreter_shuts_down(server: SimulatorServer, here: Path) -> None:
    """All is said and saved; what is left of the process ignores it."""
    with started("generate", FOX, *LUMA, "--json") as process:
        assert process.stdout is not None
        while process.stdout.readline() != "}\n":
            assert process.poll() is None
        _, err = hammered(process)
    assert process.returncode in (0, 130)
    assert "Traceback" not in err


def test_who_interrupts_the_saving_is_told_that_the_clip_is_kept(server: SimulatorServer, here: Path) -> None:
    """A folder that takes long to write to: the place is a pipe that nobody reads."""
    with started("generate", FOX, *LUMA) as process:
        told = until(process, "delivered")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    if process.returncode == 130:
        assert f"anyvideo resume {told.split()[1]}" in err
    else:
        assert "saved" in out
