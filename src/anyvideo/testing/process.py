"""The simulators in a process of their own, driven over their control API."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Self
from urllib.request import Request, urlopen

_SERVE = "from anyvideo.testing.kit import serve_simulators; serve_simulators()"


class SimulatorProcess:
    """Every installed vendor's simulator, for tests of programs that run elsewhere too.

    `url` has no slash at its end, `env` points the vendors' SDKs at it. Time is the machine's own.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        self.env: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", _SERVE], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.__exit__()
            raise RuntimeError("the simulators did not start")
        ready = json.loads(line)
        self.url, self.env = ready["url"], ready["env"]
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.communicate(timeout=20)

    def fault(
        self,
        provider: str,
        fault: str,
        *,
        model: str | None = None,
        times: int | None = None,
        **params: object,
    ) -> None:
        """Order a fault."""
        given = {"model": model, "times": times, **params}
        order = {name: value for name, value in given.items() if value is not None or name == "retry_after"}
        self._call("POST", "faults", {"provider": provider, "fault": fault, **order})

    def clear_faults(self) -> None:
        """Take all faults back."""
        self._call("DELETE", "faults")

    def set_time(self, seconds: float) -> None:
        """How long jobs accepted from now on take in all."""
        self._call("POST", "time", {"seconds": seconds})

    def ledger(self) -> list[dict[str, Any]]:
        """Every accepted job and its bill."""
        charges: list[dict[str, Any]] = self._call("GET", "ledger")["charges"]
        return charges

    def _call(self, method: str, path: str, body: object = None) -> Any:
        content = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}/_sim/{path}", data=content, method=method)  # noqa: S310 - loopback
        with urlopen(request, timeout=20) as answer:  # noqa: S310
            return json.load(answer)
