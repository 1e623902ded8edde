"""`anyvideo smoke`: the cheapest clip of one provider, on the simulators."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from anyvideo.testing.kit import simulated_vendors
from anyvideo.testing.simulator import SimulatorServer

from .conftest import Run

PROVIDER = "runway"
CAP = ("--max-cost", "0.40")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatorServer]:
    with SimulatorServer(simulated_vendors()) as serving:
        serving.set_time(0.2)
        for name, value in serving.env.items():
            monkeypatch.setenv(name, value)
        yield serving


@pytest.mark.parametrize("provider", ["luma", "replicate", "runway"])
def test_one_clip_is_bought_and_reported(server: SimulatorServer, run: Run, provider: str) -> None:
    done = run("smoke", "--provider", provider, *CAP, "--json")
    report = done.document
    assert (done.code, report["ok"], report["provider"]) == (0, True, provider)
    [charge] = server.ledger()
    assert charge.provider == provider
    assert Decimal(report["cost"]["amount"]) == charge.amount
    assert report["info"]["duration"] == pytest.approx(report["duration"], abs=2)
    assert all(report["checks"].values())


def test_the_report_can_be_pasted_and_holds_no_key(server: SimulatorServer, run: Run) -> None:
    done = run("smoke", "--provider", PROVIDER, *CAP)
    assert done.code == 0
    assert done.out.startswith("| smoke | |\n| --- | --- |\n| outcome | passed |\n")
    assert f"anyvideo-{PROVIDER} 0." in done.out
    keys = [value for name, value in server.env.items() if not name.endswith("_URL")]
    assert not [key for key in keys if key in done.out + done.err]


def test_nothing_is_bought_above_the_cap(server: SimulatorServer, run: Run) -> None:
    done = run("smoke", "--provider", PROVIDER, "--max-cost", "0.01")
    assert done.code == 2
    assert "the cheapest clip of runway may cost $0.10" in done.err
    assert not server.ledger()


def test_a_failure_is_reported_with_its_cause(server: SimulatorServer, run: Run) -> None:
    server.fault(PROVIDER, "failed")
    done = run("smoke", "--provider", PROVIDER, *CAP, "--json")
    report = done.document
    assert (done.code, report["ok"], report["info"]) == (4, False, None)
    assert report["error"]["type"] == "AllModelsFailed"
    assert [attempt["error"]["type"] for attempt in report["attempts"]] == ["GenerationFailed"]
    assert report["cost"]["amount"] == "0.00"


def test_a_status_word_that_the_table_lacks_fails_the_smoke(server: SimulatorServer, run: Run) -> None:
    server.fault(PROVIDER, "unknown_status", times=1, word="SLEEPWALKING")
    done = run("smoke", "--provider", PROVIDER, *CAP, "--json")
    assert (done.code, done.document["ok"]) == (1, False)
    assert done.document["checks"]["every status word known"] is False
    assert "SLEEPWALKING" in "".join(done.document["unknown_words"])


def test_a_provider_without_a_key_says_what_to_set(run: Run) -> None:
    done = run("smoke", "--provider", PROVIDER, *CAP)
    assert done.code == 2
    assert "RUNWAYML_API_SECRET" in done.err


def test_an_unknown_provider_is_named(run: Run) -> None:
    done = run("smoke", "--provider", "nobody", *CAP)
    assert done.code == 2
    assert "'nobody'" in done.err
