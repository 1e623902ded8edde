"""A forked child has a copy of its parent's client, and none of its threads, connections and leases."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import gc
import inspect
import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from anyvideo import AsyncClient, Client, ConfigurationError

from .conftest import House

PATIENCE = 20.0
OPENERS = ("close", "aclose")


def public_methods(kind: type) -> list[str]:
    return [
        name for name, value in inspect.getmembers(kind, callable) if name[0] != "_" and name not in OPENERS
    ]


def arguments_of(method: Callable[..., Any]) -> list[Any]:
    """Something for every argument that has no default."""
    needed = [
        parameter
        for parameter in inspect.signature(method).parameters.values()
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    return [[{"prompt": "a fox"}] if parameter.name == "requests" else "job_x" for parameter in needed]


def said_of(work: Callable[[], object]) -> object:
    try:
        return work()
    except ConfigurationError as error:
        return str(error)


def in_a_child(work: Callable[[], object]) -> Any:
    """What `work` came to in a forked process, which must end in time."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        signal.alarm(int(PATIENCE))
        with contextlib.suppress(BaseException):
            os.write(writing, json.dumps(said_of(work)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = json.loads(pipe.read() or '"hung or failed"')
    assert os.waitpid(pid, 0)[1] == 0
    return said


def refusals(client: object, call: Callable[[Any], object]) -> dict[str, str]:
    """What each public method says."""
    told = {}
    for name in public_methods(type(client)):
        method = getattr(client, name)
        try:
            told[name] = repr(call(method(*arguments_of(method))))
        except ConfigurationError as error:
            told[name] = str(error)
    return told


def check(told: dict[str, str], kind: type) -> None:
    assert set(told) == set(public_methods(kind))
    assert set(told.values()) == {"this client was opened in another process (make one here)"}


@pytest.mark.anyio
async def test_every_method_of_a_client_says_so_in_a_child(house: House) -> None:
    async with house.client() as client:
        told = in_a_child(lambda: refusals(client, asyncio.run))
        check(told, AsyncClient)
        assert in_a_child(lambda: asyncio.run(client.aclose())) is None
        assert (await client.generate("a fox", models="luma/ray-flash-2")).model == "luma/ray-flash-2"


def test_every_method_of_a_blocking_client_says_so_in_a_child() -> None:
    with Client(store="memory:") as client:
        client.plan("a fox")
        check(in_a_child(lambda: refusals(client, lambda done: done)), Client)
        assert in_a_child(client.close) is None
        assert client.plan("a fox").candidates


def test_a_client_that_is_being_opened_says_so_too() -> None:
    """The lock that its opening holds is held for ever in the child."""
    client = Client(store="memory:")
    client.plan("a fox")
    with client._opening:
        told = in_a_child(client.models)
        assert "another process" in told
        assert in_a_child(client.close) is None
    client.close()


def test_a_client_that_was_not_opened_yet_works_in_the_child() -> None:
    client = Client(store="memory:")
    assert in_a_child(lambda: len(client.plan("a fox").candidates)) > 0
    client.close()


@pytest.mark.anyio
async def test_closing_in_the_child_leaves_the_parents_job_and_lease(house: House) -> None:
    house.server.fault("luma", "slow_answer", times=1, seconds=1.0)

    def holders() -> list[Any]:
        with sqlite3.connect(house.folder / "jobs.db") as sql:
            return sql.execute("SELECT lease_owner, epoch FROM jobs").fetchall()

    async with house.client() as client:
        job = await client.submit("a fox", models="luma/ray-flash-2")
        while not house.charges():  # noqa: ASYNC110 - the vendor is in another thread
            await anyio.sleep(0.02)
        before = holders()
        assert in_a_child(lambda: asyncio.run(client.aclose())) is None
        assert holders() == before != [(None, 1)]
        await client.wait(job)
    assert len(house.charges()) == 1


def test_what_a_child_throws_away_is_still_the_parents() -> None:
    """Files of a memory store, sockets and the loop: a child that ends in the ordinary way breaks none."""
    client = Client(store="memory:")
    client.plan("a fox")
    pid = os.fork()
    if pid == 0:
        signal.alarm(int(PATIENCE))
        del client
        gc.collect()
        atexit._run_exitfuncs()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    begun = time.monotonic()
    assert client.plan("a fox").candidates
    assert client._client._store.folder.is_dir()
    assert time.monotonic() - begun < PATIENCE
    client.close()
