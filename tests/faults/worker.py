"""A program that buys one clip, or recovers what another one bought, and dies on the way when it is told to.

Everything it needs stands in environment variables, the vendors' own among them:

- `ANYVIDEO_FAULTS_TASK`: buy, recover or spend; what it came to is written to `ANYVIDEO_FAULTS_RESULT`;
- `ANYVIDEO_FAULTS_POINT`, `_PASS`, `_SIGNAL`: at which pass of which named point it sends itself KILL or STOP;
- `ANYVIDEO_FAULTS_ORDER`: JSON, the arguments of the purchase; `ANYVIDEO_FAULTS_LAG`: the list lag to declare;
- `ANYVIDEO_FAULTS_ROTATED`: what every key ends in since it was replaced; jobs of the old ones are taken over.

Starting Python and importing the SDKs takes most of a second, so `python worker.py --serve` does that once and
forks a process for each line of JSON on its stdin: a real process, really killed. It answers with lines of
JSON: the process's number, then each time it ended or stopped.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

import anyio

if TYPE_CHECKING:
    from anyvideo import AsyncClient
    from anyvideo.provider import ProviderPlugin

REST = frozenset({"delivered", "failed", "canceled", "held", "elsewhere"})
"""What `recover` says of jobs to which nothing more happens by itself."""

_SIGNALS = {"KILL": signal.SIGKILL, "STOP": signal.SIGSTOP}


def told(name: str, default: str = "") -> str:
    return os.environ.get(f"ANYVIDEO_FAULTS_{name}", default)


def armed() -> Callable[[str], None]:
    """A watcher of the named points that dies or stops at the one that was ordered."""
    wanted, passes = told("POINT"), int(told("PASS", "1"))
    fatal = _SIGNALS[told("SIGNAL", "KILL")]
    seen = 0

    def watch(name: str) -> None:
        nonlocal seen
        if name == wanted:
            seen += 1
            if seen == passes:
                Path(told("RESULT")).with_suffix(".reached").touch()
                if fatal is signal.SIGSTOP:
                    outside_a_transaction(Path(told("RESULT")).with_name("jobs.db-journal"))
                os.kill(os.getpid(), fatal)

    return watch


def outside_a_transaction(journal: Path) -> None:
    """Whoever is stopped while its other thread renews the lease keeps the whole store locked: that is clear to
    everybody, and another matter.
    """
    limit = time.monotonic() + 2
    while journal.exists() and journal.stat().st_size and time.monotonic() < limit:
        time.sleep(0.0005)


def client_options() -> dict[str, Any]:
    """The installed plugins, with the list lag that the run is about."""
    from anyvideo import Plugins

    lag = float(told("LAG", "0"))
    plugins = [
        replace(plugin, recovery=replace(plugin.recovery, list_lag=lag)) for plugin in Plugins.discover().all
    ]
    return {"plugins": Plugins.of(*plugins), **({"keys": new_keys(plugins)} if told("ROTATED") else {})}


def new_keys(plugins: list[ProviderPlugin]) -> dict[str, str]:
    """Another key for every vendor that has one."""
    old = {
        plugin.name: next(filter(None, map(os.environ.get, plugin.key_variables)), "") for plugin in plugins
    }
    return {name: key + told("ROTATED") for name, key in old.items() if key}


async def buy() -> dict[str, Any]:
    """Buy `copies` equal clips at once, each under an idempotency key of its own."""
    from anyvideo import AsyncClient

    order = json.loads(told("ORDER"))
    copies, key = order.pop("copies"), order.pop("key")
    ends: list[str] = []
    async with AsyncClient(**client_options()) as client, anyio.create_task_group() as tasks:
        for number in range(copies):
            tasks.start_soon(buy_one, client, {**order, "idempotency_key": f"{key}.{number}"}, ends)
    return {"ends": ends}


async def buy_one(client: AsyncClient, order: dict[str, Any], ends: list[str]) -> None:
    from anyvideo import AllModelsFailed, OutcomeUnknown

    try:
        ends.append((await client.generate(**order)).job_id)
    except (AllModelsFailed, OutcomeUnknown) as error:
        ends.append(str(error.job_id))


async def recover() -> dict[str, Any]:
    from anyvideo import AsyncClient

    async with AsyncClient(**client_options()) as client:
        left = [job for job in await client.jobs() if not job.finished] if told("ROTATED") else []
        found = await client.recover(take_over=left, timeout=20)
    outcomes = [one.outcome for one in found]
    return {
        "outcomes": outcomes,
        "rest": REST.issuperset(outcomes),
        "problems": [one.problem for one in found],
    }


async def resolve() -> dict[str, Any]:
    """Say of every unknown outcome what the order knows: the vendor's job ids, and nothing else was charged."""
    from anyvideo import AsyncClient

    handles = json.loads(told("ORDER"))["handles"]
    async with AsyncClient(**client_options()) as client:
        for job in await client.jobs(status="unknown"):
            handle = handles.pop() if handles else None
            await client.resolve(job, provider_job=handle, charged=None if handle else False)
    return {"left": handles}


def rush() -> dict[str, Any]:
    """Many threads that buy from one client as fast as they can, until each has asked for its share."""
    from concurrent.futures import ThreadPoolExecutor

    from anyvideo import BudgetExceeded, Client, Plugins

    sys.path.insert(0, told("ROOT"))
    from tests.faults.till import plugin

    with Client(plugins=Plugins.of(plugin())) as client:

        def ask(number: int) -> bool:
            try:
                job = client.submit(f"fox {os.getpid()} {number}", models="till/clip")
            except BudgetExceeded:
                return False
            client.wait(job)
            return True

        with ThreadPoolExecutor(int(told("THREADS"))) as pool:
            bought = list(pool.map(ask, range(int(told("SUBMITS")))))
    return {"bought": sum(bought), "refused": len(bought) - sum(bought)}


async def clear() -> dict[str, Any]:
    """Recover what the killed ones of a rush left."""
    sys.path.insert(0, told("ROOT"))
    from tests.faults.till import plugin

    from anyvideo import AsyncClient, Plugins

    async with AsyncClient(plugins=Plugins.of(plugin())) as client:
        outcomes = [one.outcome for one in await client.recover(timeout=60)]
    return {"rest": REST.issuperset(outcomes)}


def schedules() -> dict[str, Any]:
    """Run the schedules of a range of seeds: the hash of each trace, and what failed."""
    sys.path.insert(0, told("ROOT"))
    from tests.faults.schedules import run_schedule

    hashes, failed = {}, []
    for seed in range(int(told("FIRST")), int(told("LAST"))):
        try:
            hashes[seed] = run_schedule(seed, Path.cwd())
        except AssertionError as error:
            failed.append(str(error))
    return {"hashes": hashes, "failed": failed}


TASKS = {"buy": buy, "recover": recover, "resolve": resolve, "clear": clear}
BLOCKING = {"rush": rush, "schedules": schedules}


def main() -> int:
    """Run the task of this environment."""
    from anyvideo.jobs import points

    watch, task = armed(), told("TASK")
    if task == "rush":
        points.watcher = SimpleNamespace(get=lambda: watch)  # type: ignore[assignment]  # in every thread
    else:
        points.watcher.set(watch)
    result = BLOCKING[task]() if task in BLOCKING else anyio.run(TASKS[task])
    Path(told("RESULT")).write_text(json.dumps(result))
    return 0


def child(order: dict[str, Any]) -> NoReturn:
    """The life of a forked process."""
    code = 70
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environ"])
        out = os.open("worker.out", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        code = main()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def warm() -> None:
    """Import everything that a purchase needs, and open nothing."""
    import aiohttp
    import httpx
    import lumaai
    import replicate
    import runwayml

    from anyvideo import AsyncClient, Client, Plugins
    from anyvideo.jobs.store import codec
    from anyvideo.types.job import Job

    Plugins.discover()
    codec.adapter(Job)
    assert all((aiohttp, httpx, lumaai, replicate, runwayml, AsyncClient, Client))


def serve() -> None:
    """Fork a process for each line; end with stdin, and take every process along."""
    warm()
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    living: dict[int, int] = {}
    pending = b""
    say(ready=True)
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(woken, 4096)
            for pid, event, value in changed():
                say(id=living[pid], event=event, value=value)
                if event != "stopped":
                    del living[pid]
        if 0 in ready:
            read = os.read(0, 1 << 16)
            if not read:
                break
            *lines, pending = (pending + read).split(b"\n")
            for line in lines:
                order = json.loads(line)
                pid = os.fork()
                if pid == 0:
                    child(order)
                living[pid] = order["id"]
                say(id=order["id"], event="started", value=pid)
    for pid in living:
        os.kill(pid, signal.SIGKILL)


def changed() -> Iterator[tuple[int, str, int]]:
    """Processes that ended or stopped since the last time."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if os.WIFSTOPPED(status):
            yield pid, "stopped", os.WSTOPSIG(status)
        elif os.WIFSIGNALED(status):
            yield pid, "killed", os.WTERMSIG(status)
        else:
            yield pid, "exited", os.WEXITSTATUS(status)


def say(**document: object) -> None:
    os.write(1, json.dumps(document).encode() + b"\n")


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve()
    else:
        sys.exit(main())
