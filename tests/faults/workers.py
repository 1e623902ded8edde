"""The test's side of the worker program: real processes, started fast, that report how they ended."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

PROGRAM = Path(__file__).with_name("worker.py")
START_LIMIT = 60.0

Ended = tuple[Literal["exited", "killed", "stopped"], int]


class Worker:
    """One process. `wait` tells how it ended, or that it stopped."""

    def __init__(self) -> None:
        self.changes: queue.Queue[tuple[str, int]] = queue.Queue()
        self._pid: int | None = None

    @property
    def pid(self) -> int:
        if self._pid is None:
            event, self._pid = self.changes.get(timeout=START_LIMIT)
            assert event == "started"
        return self._pid

    def wait(self, timeout: float) -> Ended:
        """Raises TimeoutError."""
        assert self.pid
        try:
            return self.changes.get(timeout=timeout)  # type: ignore[return-value]
        except queue.Empty:
            raise TimeoutError(f"process {self.pid} is still running after {timeout:g} s") from None

    def go_on(self) -> None:
        """Let a stopped process continue."""
        os.kill(self.pid, signal.SIGCONT)


class Workers:
    """A warm program that forks a process for each task. Safe to use from several threads."""

    def __enter__(self) -> Self:
        # Coverage would follow the forks and slow them down; what they run is covered by tests in process.
        environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        self._program = subprocess.Popen(
            [sys.executable, str(PROGRAM), "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environ,
        )
        self._lock = threading.Lock()
        self._workers: dict[int, Worker] = {}
        assert self._program.stdout is not None
        assert json.loads(self._program.stdout.readline()) == {"ready": True}
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._program.stdin is not None
        self._program.stdin.close()
        self._program.wait(START_LIMIT)
        self._reader.join(START_LIMIT)
        assert self._program.stdout is not None
        self._program.stdout.close()

    def start(self, environ: Mapping[str, str], folder: Path) -> Worker:
        """Fork a process with this environment and nothing else of ours, in this folder."""
        assert self._program.stdin is not None
        worker = Worker()
        with self._lock:
            number = len(self._workers)
            self._workers[number] = worker
            order = {"id": number, "folder": str(folder), "environ": dict(environ)}
            self._program.stdin.write(json.dumps(order).encode() + b"\n")
            self._program.stdin.flush()
        return worker

    def _listen(self) -> None:
        assert self._program.stdout is not None
        for line in self._program.stdout:
            told: dict[str, Any] = json.loads(line)
            self._workers[told["id"]].changes.put((told["event"], told["value"]))
