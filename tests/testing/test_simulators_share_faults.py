"""Every fault that is the core's own strikes every first-party vendor alike."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import httpx
import pytest

from anyvideo.testing.simulator import FAULTS, ManualClock, SimulatorServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """How to buy, read and list at one vendor."""

    name: str
    buy: str
    read: str
    everything: str | None
    body: Mapping[str, Any]
    state: str
    film: Callable[[Any], str]


SHOPS = [
    Shop(
        name="replicate",
        buy="/v1/models/bytedance/seedance-1-lite/predictions",
        read="/v1/predictions/",
        everything="/v1/predictions",
        body={"input": {"prompt": "a fox", "duration": 2, "resolution": "480p"}},
        state="status",
        film=lambda job: str(job["output"]),
    ),
    Shop(
        name="runway",
        buy="/v1/text_to_video",
        read="/v1/tasks/",
        everything=None,
        body={"model": "gen4.5", "promptText": "a fox", "ratio": "1280:720", "duration": 2},
        state="status",
        film=lambda job: str(job["output"][0]),
    ),
    Shop(
        name="luma",
        buy="/dream-machine/v1/generations",
        read="/dream-machine/v1/generations/",
        everything="/dream-machine/v1/generations",
        body={"model": "ray-flash-2", "prompt": "a fox", "resolution": "540p", "duration": "5s"},
        state="state",
        film=lambda job: str(job["assets"]["video"]),
    ),
]
PROVEN_WITH_THE_SDKS = {
    "model_down",
    "unauthorized",
    "no_credit",
    "invalid_request",
    "rate_limited",
    "error_500_before_accept",
    "disconnect_before_accept",
    "error_500_after_accept",
    "disconnect_after_accept",
    "slow_answer",
    "malformed_body",
    "failed",
    "moderated_input",
    "moderated_output",
    "stuck",
    "unknown_status",
    "poll_500",
    "gone",
    "expired_output",
}
PROVEN_HERE = {
    "slow_accept",
    "long_queue",
    "malformed_poll",
    "list_500",
    "list_late",
    "output_short",
    "output_not_video",
    "slow_download",
}


class Buyer:
    """A client of one vendor without any cleverness."""

    def __init__(self, shop: Shop, server: SimulatorServer, clock: ManualClock) -> None:
        self.shop, self.server, self.clock = shop, server, clock
        headers = {"authorization": "Bearer some-key", "x-runway-version": "2024-11-06"}
        self.http = httpx.Client(base_url=f"{server.url}/{shop.name}", headers=headers, timeout=10)

    def buy(self, **options: Any) -> httpx.Response:
        return self.http.post(self.shop.buy, json=self.shop.body, **options)

    def read(self, job_id: str) -> httpx.Response:
        return self.http.get(self.shop.read + job_id)

    def state(self, job_id: str) -> str:
        return str(self.read(job_id).raise_for_status().json()[self.shop.state])

    def film(self) -> str:
        """The address of a finished film."""
        job_id = self.buy().raise_for_status().json()["id"]
        self.clock.advance(100)
        return self.shop.film(self.read(job_id).json())

    def fault(self, name: str, **params: Any) -> None:
        self.server.fault(self.shop.name, name, times=1, **params)


@pytest.fixture(scope="module")
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="module")
def server(clock: ManualClock) -> Iterator[SimulatorServer]:
    vendors = [import_module(f"anyvideo_{shop.name}.simulator").create() for shop in SHOPS]
    with SimulatorServer(vendors, clock=clock) as running:
        running.set_time(100)
        yield running


@pytest.fixture(params=SHOPS, ids=lambda shop: shop.name)
def buyer(request: pytest.FixtureRequest, server: SimulatorServer, clock: ManualClock) -> Iterator[Buyer]:
    buyer = Buyer(request.param, server, clock)
    yield buyer
    buyer.http.close()
    server.clear_faults()


def test_every_fault_is_proven_at_every_vendor() -> None:
    assert set(FAULTS) == PROVEN_WITH_THE_SDKS | PROVEN_HERE


def test_a_slow_accept_comes_after_the_client_has_gone(buyer: Buyer) -> None:
    before = len(buyer.server.ledger())
    buyer.fault("slow_accept", seconds=0.5)
    with pytest.raises(httpx.ReadTimeout):
        buyer.buy(timeout=0.2)
    assert len(buyer.server.ledger()) == before
    limit = time.monotonic() + 5
    while len(buyer.server.ledger()) == before and time.monotonic() < limit:
        time.sleep(0.02)
    (late,) = buyer.server.ledger()[before:]
    assert (late.provider, late.state) == (buyer.shop.name, "accepted")


def test_an_accepted_job_can_be_answered_with_any_error(buyer: Buyer) -> None:
    before = len(buyer.server.ledger())
    answers = []
    for status in (409, 502, 503):
        buyer.fault("error_500_after_accept", status=status)
        answers.append(buyer.buy().status_code)
    assert answers == [409, 502, 503]
    assert len(buyer.server.ledger()) == before + 3


def test_a_longer_queue_delays_the_start(buyer: Buyer) -> None:
    first = buyer.state(buyer.buy().json()["id"])
    buyer.fault("long_queue", seconds=400)
    waiting, plain = (buyer.buy().json()["id"] for _ in range(2))
    buyer.clock.advance(100)
    assert buyer.state(waiting) in {first, "THROTTLED"}
    assert buyer.state(plain) not in {first, "THROTTLED"}


def test_a_poll_can_be_cut(buyer: Buyer) -> None:
    job_id = buyer.buy().json()["id"]
    buyer.fault("malformed_poll")
    answer = buyer.read(job_id)
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert buyer.read(job_id).json()["id"] == job_id


def test_lists_can_fail_and_lag(buyer: Buyer) -> None:
    path = buyer.shop.everything
    if path is None:
        pytest.skip(f"{buyer.shop.name} has no list")
    old = buyer.buy().json()["id"]
    buyer.clock.advance(30)
    young = buyer.buy().json()["id"]
    buyer.fault("list_500")
    assert buyer.http.get(path).status_code == 500
    buyer.fault("list_late", seconds=20)
    lagging, whole = (buyer.http.get(path).text for _ in range(2))
    assert (old in lagging, young in lagging) == (True, False)
    assert old in whole
    assert young in whole


def test_a_download_can_be_short_late_or_something_else(buyer: Buyer) -> None:
    film = buyer.film()
    whole = httpx.get(film).content
    buyer.fault("output_short")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        httpx.get(film)
    buyer.fault("output_not_video")
    assert httpx.get(film).headers["content-type"].startswith("text/html")
    buyer.fault("slow_download", seconds=0.3)
    began = time.monotonic()
    assert httpx.get(film).content == whole
    assert time.monotonic() - began >= 0.3
