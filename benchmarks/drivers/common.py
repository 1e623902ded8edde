"""What every driver does: stay on this machine, make one user call, say how it ended."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable

PROMPT = "a red fox crosses a frozen lake"
HERE = ("127.0.0.1", "localhost", "::1")


def only_loopback() -> None:
    """From now on this process cannot connect to, or look up, any other machine."""

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        if event == "socket.getaddrinfo":
            host = arguments[0]
        elif event == "socket.connect" and isinstance(arguments[1], tuple):
            host = arguments[1][0]
        else:
            return
        name = host.decode() if isinstance(host, bytes) else host
        if name not in HERE:
            raise PermissionError(f"a benchmark driver stays on this machine, not {name}")

    sys.addaudithook(refuse)


def timeout() -> float:
    """Seconds a client may wait for an answer: the one setting that is not the client's own default."""
    return float(os.environ["BENCH_TIMEOUT"])


def run(call: Callable[[], str]) -> None:
    """Make the call and print what its caller got: the text it returns, or the class of its error."""
    only_loopback()
    try:
        got, why = call(), ""
    except Exception as error:  # noqa: BLE001, whatever a client raises is the result
        got, why = type(error).__name__, str(error)[:300]
    print("\n" + json.dumps({"got": got, "why": why}))
