from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from anyvideo import AnyVideoError, Client, ConfigurationError, StillRunning, load_settings

from .conftest import House


def test_it_works_inside_a_running_loop() -> None:
    async def application() -> int:
        with Client(store="memory:") as client:
            return len(client.plan("a fox").candidates)

    assert asyncio.run(application()) > 0


def test_threads_share_one() -> None:
    found: list[int] = []
    with Client(store="memory:") as client:
        threads = [
            threading.Thread(target=lambda: found.append(len(client.plan("a fox").candidates)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_closed_one_says_so() -> None:
    client = Client(store="memory:")
    client.plan("a fox")
    client.close()
    client.close()
    with pytest.raises(ConfigurationError, match="closed"):
        client.plan("a fox")


def test_an_unclosed_one_does_not_keep_the_interpreter_alive() -> None:
    program = (
        "from anyvideo import Client\nclient = Client(store='memory:')\nclient.plan('a fox')\nprint('done')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "done\n"


def test_a_thread_that_waits_while_another_closes_is_told_which_job_goes_on(house: House) -> None:
    house.server.set_time(600)
    settings = load_settings(environ=house.server.env, folder=house.folder)
    client = Client(store=house.folder / "jobs.db", settings=settings)
    errors: list[AnyVideoError] = []

    def wait() -> None:
        with pytest.raises(AnyVideoError) as caught:
            client.generate("a fox", models="luma/ray-flash-2")
        errors.append(caught.value)

    threads = [threading.Thread(target=wait, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    while len(house.charges()) < 3:
        threads[0].join(0.01)
    client.close()
    for thread in threads:
        thread.join(10)
    assert [type(error) for error in errors] == [StillRunning] * 3
    assert all("anyvideo resume" in str(error.hint) for error in errors)
