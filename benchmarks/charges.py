"""How often is one user call charged when the vendor takes the job and its answer is lost?

Every client makes its call, in an environment of its own, against vendors simulated on this machine that
accept each job they are sent and then lose the answer. The simulators' ledgers say what was bought.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from environments import default_cache, python_of, run_driver, versions
from fal_queue import FalQueue

from anyvideo.testing.simulator import SimulatorServer

VENDORS = ("replicate", "runway", "luma")
TIMEOUT = 1.0
OUR_CALLS = 3
LIMIT = 300.0
LOST: dict[str, tuple[str, dict[str, Any]]] = {
    "dropped": ("disconnect_after_accept", {}),
    "timed out": ("slow_answer", {"seconds": 4}),
    "500": ("error_500_after_accept", {"status": 500}),
    "502": ("error_500_after_accept", {"status": 502}),
    "503": ("error_500_after_accept", {"status": 503}),
    "409": ("error_500_after_accept", {"status": 409}),
}
CONTROL = "nothing lost"
BEGIN, END = "<!-- charges: begin -->", "<!-- charges: end -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One row: a client and how it is called. `peer` None: ours, with this interpreter.

    `note` says what the table should say beside what the caller got.
    """

    label: str
    driver: str
    arguments: tuple[str, ...] = ()
    peer: str | None = None
    note: str = ""


@dataclass(slots=True, kw_only=True)
class Cell:
    """Charges per user call, and what the caller got. `why` is the error's text."""

    charges: float
    got: str
    why: str = ""


@dataclass(slots=True, kw_only=True)
class Row:
    """One client's cells by what was lost; `problem`: why it cannot be measured."""

    client: Client
    cells: dict[str, Cell] = field(default_factory=dict)
    problem: str = ""


def clients() -> list[Client]:
    ours = f"**anyvideo {version('anyvideo')}**"
    models = ("replicate/seedance-1-lite", "luma/ray-flash-2", "runway/gen4.5")
    lite = versions("litellm", "litellm")
    return [
        *(
            Client(label=f"{ours}, {m.partition('/')[0]}", driver="with_anyvideo.py", arguments=(m,))
            for m in models
        ),
        Client(label=versions("replicate", "replicate"), driver="with_replicate.py", peer="replicate"),
        Client(label=versions("runwayml", "runwayml"), driver="with_runwayml.py", peer="runwayml"),
        Client(label=versions("lumaai", "lumaai"), driver="with_lumaai.py", peer="lumaai"),
        Client(label=versions("fal", "fal_client").replace("_", "-"), driver="with_fal.py", peer="fal"),
        *(
            Client(label=f"{lite}, {says}", driver="with_litellm.py", arguments=(mode,), peer="litellm")
            for mode, says in (
                ("direct", "runway"),
                ("router", "router, runway"),
                ("fallback", "router, runway then fal"),
            )
        ),
        *(
            Client(
                label=versions("genblaze", "genblaze-core", f"genblaze-{vendor}"),
                driver="with_genblaze.py",
                arguments=(vendor,),
                peer="genblaze",
                note="; waits for ever instead of timing out" if vendor == "replicate" else "",
            )
            for vendor in VENDORS
        ),
    ]


def measure(client: Client, python: Path, *, calls: int) -> Row:
    """One row, on simulators of its own."""
    row = Row(client=client)
    with ExitStack() as stack:
        vendors = [import_module(f"anyvideo_{name}.simulator").create() for name in VENDORS]
        server = stack.enter_context(SimulatorServer(vendors))
        queue = stack.enter_context(FalQueue())
        server.set_time(1)
        for lost, (fault, parameters) in {CONTROL: ("", {}), **LOST}.items():
            server.clear_faults()
            queue.order(fault or None, **parameters)
            for name in VENDORS if fault else ():
                server.fault(name, fault, **parameters)
            try:
                cell = _cell(client, python, server, queue, calls=calls * (1 if client.peer else OUR_CALLS))
            except (RuntimeError, subprocess.TimeoutExpired, ValueError) as error:
                row.problem = str(error)
                return row
            row.cells[lost] = cell
            if lost == CONTROL and cell.charges != 1:
                row.problem = f"cannot be pointed at a simulator: {cell.got}: {cell.why}"
                return row
    print(f"measured {client.label}", file=sys.stderr)
    return row


def _cell(client: Client, python: Path, server: SimulatorServer, queue: FalQueue, *, calls: int) -> Cell:
    before = _charges(server, queue)
    said: list[dict[str, str]] = []
    for _ in range(calls):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "anyvideo.toml").write_text(f"[timeouts]\nsubmit = {TIMEOUT}\n")
            env = {
                **server.env,
                "FAL_QUEUE_URL": queue.url,
                "FAL_KEY": "some-key",
                "BENCH_TIMEOUT": str(TIMEOUT),
                "ANYVIDEO_STORE": str(Path(folder, "jobs.db")),
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            }
            line = run_driver(
                python, client.driver, *client.arguments, env=env, folder=Path(folder), limit=LIMIT
            )
            said.append(json.loads(line))
    got = " or ".join(sorted({one["got"] for one in said}))
    return Cell(charges=(_charges(server, queue) - before) / calls, got=got, why=said[-1]["why"])


def _charges(server: SimulatorServer, queue: FalQueue) -> int:
    with urllib.request.urlopen(f"{server.url}/_sim/ledger") as answer:
        return len(json.load(answer)["charges"]) + queue.accepted


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    head = ["one call of", *LOST, "its caller got"]
    lines = [_line(head), _line(["---", *(["---:"] * len(LOST)), "---"])]
    for row in rows:
        if row.problem:
            reason = row.problem.splitlines()[0][:120]
            lines.append(_line([row.client.label, *(["n/a"] * len(LOST)), reason]))
            continue
        counts = [f"{row.cells[lost].charges:.2f}" for lost in LOST]
        lines.append(_line([row.client.label, *counts, _outcome(row)]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _outcome(row: Row) -> str:
    got = sorted({row.cells[lost].got for lost in LOST})
    if row.client.peer is not None:
        served = [word for word in got if _good(word)]
        return (", ".join(served) or "an error, no job id") + row.client.note
    words = {"found again": "the clip, found again", "held": "OutcomeUnknown, the money held"}
    return ", ".join(words.get(word, word) for word in got)


def _good(word: str) -> bool:
    """Whether a driver of another client said what it got instead of which error it met."""
    return word.startswith(("handle", "task", "generation", "prediction", "video", "run "))


def report(rows: Sequence[Row], *, calls: int) -> str:
    """The table with what it was made from."""
    today = datetime.now(UTC).date().isoformat()
    python = ".".join(map(str, sys.version_info[:3]))
    note = (
        f"Charges per user call, {today}, Python {python}; {calls * OUR_CALLS} calls for each cell of "
        f"anyvideo, {calls} for each other. Written by `benchmarks/charges.py`. Default settings, but every "
        f"client waits {TIMEOUT:g} s for an answer, and fal-client's pauses between attempts are shortened."
    )
    return f"{table(rows)}\n\n{note}"


def write_into(page: Path, text: str) -> None:
    """Replace what stands between the marks. Raises ValueError where there are none."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} has no {BEGIN} … {END}")
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def broken_promises(rows: Sequence[Row]) -> list[str]:
    """Every cell of ours that is not one charge, or ended in neither a clip nor held money."""
    return [
        f"{row.client.label}, {lost}: {row.problem or row.cells[lost]}"
        for row in rows
        if row.client.peer is None
        for lost in LOST
        if row.problem or row.cells[lost].charges != 1 or row.cells[lost].got not in ("found again", "held")
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1, help="user calls for each cell of another client")
    parser.add_argument("--cache", type=Path, help="where the clients' environments lie")
    parser.add_argument("--verbose", action="store_true", help="print each cell's error too")
    parser.add_argument("--only", default="", help="only rows whose label has this text")
    parser.add_argument("--write", type=Path, help="put the table between the marks of this page")
    asked = parser.parse_args()
    wanted = [client for client in clients() if asked.only in client.label]
    cache: Path = asked.cache or default_cache()
    pythons = {name: python_of(name, cache) for name in dict.fromkeys(c.peer for c in wanted) if name}
    with ThreadPoolExecutor(3) as pool:
        turns = [
            pool.submit(
                measure, one, pythons[one.peer] if one.peer else Path(sys.executable), calls=asked.calls
            )
            for one in wanted
        ]
        rows = [turn.result() for turn in turns]
    text = report(rows, calls=asked.calls)
    print(text)
    for row in rows if asked.verbose else ():
        for lost, cell in row.cells.items():
            print(f"{row.client.label}, {lost}: {cell.charges:.2f} {cell.got} {cell.why}", file=sys.stderr)
    if asked.write:
        write_into(asked.write, text)
    sys.exit("\n".join(broken_promises(rows)) or 0)


if __name__ == "__main__":
    main()
