"""Ctrl-C where somebody sits at a terminal: asked once, and obeyed."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from anyvideo.testing.simulator import SimulatorServer

PATIENCE = 30.0
COMMAND = (sys.executable, "-m", "anyvideo", "generate", "a fox", "-m", "luma/ray-flash-2")


@dataclass(slots=True)
class Seat:
    """Somebody at a terminal: reads what the command says there, and types."""

    process: subprocess.Popen[bytes]
    terminal: int
    seen: str = field(default="")

    def read_until(self, pattern: str) -> str:
        """What was said up to the first match, which is returned."""
        limit = time.monotonic() + PATIENCE
        while (found := re.search(pattern, self.seen)) is None:
            ready, _, _ = select.select([self.terminal], [], [], max(0.0, limit - time.monotonic()))
            assert ready, f"{pattern!r} was not said: {self.seen}"
            self.seen += os.read(self.terminal, 65536).decode()
        return found[0]

    def type(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def ended(self) -> int:
        """The exit code; all that was said is then in `seen`."""
        code = self.process.wait(PATIENCE)
        while select.select([self.terminal], [], [], 0)[0]:
            self.seen += os.read(self.terminal, 65536).decode()
        return code


@contextmanager
def seated() -> Iterator[Seat]:
    terminal, inner = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "--poll-interval", "0.05"], stdin=inner, stdout=subprocess.DEVNULL, stderr=inner
    ) as process:
        try:
            yield Seat(process=process, terminal=terminal)
        finally:
            process.kill()
            os.close(terminal)
            os.close(inner)


def at_the_question(seat: Seat, server: SimulatorServer) -> str:
    """Interrupted once the vendor has the job; the job's id."""
    before = len(server.ledger())
    job_id = seat.read_until(r"job_\w+")
    seat.read_until("accepted the job")
    assert len(server.ledger()) <= before + 1
    seat.interrupt()
    seat.read_until(rf"cancel job {job_id}\?")
    return job_id


@pytest.mark.slow
def test_yes_cancels_confirms_and_tells_the_cost(server: SimulatorServer, here: Path) -> None:
    server.set_time(20)
    with seated() as seat:
        job_id = at_the_question(seat, server)
        seat.type("y\n")
        assert seat.ended() == 130
    assert f"job {job_id} is canceled and cost" in seat.seen
    assert "Traceback" not in seat.seen
    assert server.ledger()[-1].state == "canceled"


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["interrupt", "n\n"], ids=["ctrl-c", "no"])
def test_a_second_ctrl_c_or_no_leaves_the_job_running(
    server: SimulatorServer, here: Path, answer: str
) -> None:
    server.set_time(20)
    with seated() as seat:
        job_id = at_the_question(seat, server)
        if answer == "interrupt":
            seat.interrupt()
        else:
            seat.type(answer)
        assert seat.ended() == 130
    assert f"anyvideo resume {job_id}" in seat.seen
    assert seat.seen.count(f"cancel job {job_id}?") == 1
    assert "Traceback" not in seat.seen
    assert server.ledger()[-1].state == "accepted"
