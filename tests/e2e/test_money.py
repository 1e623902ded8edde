"""What the command line tells about money: costs, holds, unknown outcomes, budgets; what is bought once."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from anyvideo.testing.simulator import SimulatorServer

Run = Callable[..., Any]
FOX = "a red fox crosses a frozen lake"
LUMA, RUNWAY = ("-m", "luma/ray-flash-2", "--resolution", "540p"), ("-m", "runway/gen4.5")
FAST = ("--poll-interval", "0.02", "--timeout", "20")
UNPRICED = """
[[model]]
id = "odd"
slug = "ray-2"
tasks = ["text_to_video"]
status = "active"
checked = 2026-11-21
source = "a test"

[model.inputs]
prompt = "prompt"

[model.length]
input = "duration"
form = "{}s"
seconds = [5]
default = 5
fps = 24

[model.shape]
ratio_input = "aspect_ratio"
ratios = ["16:9"]
resolution_input = "resolution"
resolutions = ["540p"]
keeps = "unknown"
default_ratio = "16:9"
default_resolution = "540p"

[model.time]
median = 60
p99 = 300
"""


def billed(server: SimulatorServer, since: int) -> Decimal:
    return sum((Decimal(line.amount or 0) for line in server.ledger()[since:]), Decimal(0))


def price(run: Run) -> Decimal:
    """The most that one clip may cost."""
    return Decimal(run("plan", FOX, *LUMA, "--json").document["candidates"][0]["quote"]["ceiling"])


def lost(server: SimulatorServer, run: Run) -> str:
    """The id of a job that the vendor took and whose answer was lost."""
    server.fault("runway", "disconnect_after_accept", times=1)
    return str(run("generate", FOX, *RUNWAY, *FAST, "--json").document["job_id"])


def test_costs_keep_holds_and_unknown_outcomes_apart(server: SimulatorServer, run: Run) -> None:
    empty = run("costs", "--json").document
    assert (empty["rows"], empty["total"]["spent"]) == ([], "0.00")
    before = len(server.ledger())
    bought = [run("generate", FOX, *LUMA, *FAST, "--json").document for _ in range(2)]
    spent = billed(server, before)
    unknown = run("jobs", "show", lost(server, run), "--json").document
    server.set_time(30)
    run("generate", FOX, *LUMA, "--timeout", "0.3", "--json")
    by_provider = run("costs", "--by", "provider", "--json").document
    luma, runway = by_provider["rows"]
    assert (luma["provider"], luma["attempts"], runway["provider"]) == ("luma", 3, "runway")
    assert Decimal(luma["spent"]) == sum(Decimal(one["cost"]["amount"]) for one in bought)
    assert Decimal(luma["spent"]) == pytest.approx(spent, rel=Decimal("0.01"))
    assert Decimal(luma["held"]) == price(run)
    assert (runway["spent"], runway["held"], runway["unknown"]) == ("0.00", "0.00", unknown["held"])
    assert Decimal(unknown["held"]) > 0
    for by in ("model", "day"):
        document = run("costs", "--by", by, "--json").document
        assert document["total"] == by_provider["total"]
        assert all(row[by] for row in document["rows"])
    words = run("costs")
    assert [line.split()[0] for line in words.out.splitlines()[2:]] == [
        "luma/ray-flash-2",
        "runway/gen4.5",
        "total",
    ]
    assert unknown["held"] in words.out
    assert "jobs --state unknown" in words.err


def test_an_estimate_is_marked_as_one(server: SimulatorServer, run: Run) -> None:
    run("jobs", "resolve", lost(server, run), "--charged")
    total = run("costs", "--json").document["total"]
    assert Decimal(total["spent"]) == Decimal(total["estimated"]) > 0
    assert f"{total['estimated']} are estimated" in run("costs").out


def test_a_budget_of_the_settings_is_shown_told_and_kept(
    server: SimulatorServer, run: Run, here: Path
) -> None:
    assert "no budget" in run("budgets").err
    limit = (price(run) * Decimal("1.75")).quantize(Decimal("0.01"))
    (here / "anyvideo.toml").write_text(f'[budget]\nlimit = "{limit:f}"\nperiod = "day"\n')
    before = len(server.ledger())
    bought = run("generate", FOX, *LUMA, *FAST)
    assert bought.code == 0
    assert f"budget: 50 % of {limit} USD for project (day) is used" in bought.err
    (used,) = run("budgets", "--json").document["budgets"]
    assert (used["scope"], used["period"], used["held"]) == ("project", "day", "0.00")
    assert Decimal(used["limit"]) == limit
    assert Decimal(used["spent"]) == pytest.approx(billed(server, before), rel=Decimal("0.01"))
    assert Decimal(used["left"]) == Decimal(used["limit"]) - Decimal(used["spent"])
    assert used["left"] in run("budgets").out
    over = run("generate", FOX, *LUMA, *FAST, "--json")
    assert (over.code, over.document["error"]["type"]) == (5, "BudgetExceeded")
    assert len(server.ledger()) == before + 1


def test_a_budget_of_the_call_counts_only_what_it_was_given_to(server: SimulatorServer, run: Run) -> None:
    before = len(server.ledger())
    limit = (price(run) * Decimal("1.5")).quantize(Decimal("0.01"))
    ann = ("--budget", f"{limit:f}/day@user:ann")
    assert run("generate", FOX, *LUMA, *FAST, *ann).code == 0
    assert run("generate", FOX, *LUMA, *FAST, *ann).code == 5
    assert run("generate", FOX, *LUMA, *FAST, "--budget", f"{limit:f}@user:bob").code == 0
    assert len(server.ledger()) == before + 2
    (used,) = run("budgets", *ann, "--json").document["budgets"]
    assert (used["scope"], Decimal(used["spent"]) > 0) == ("user:ann", True)


def test_one_key_buys_one_clip(server: SimulatorServer, run: Run) -> None:
    before = len(server.ledger())
    key = ("--idempotency-key", "order-17")
    first, second = (run("generate", FOX, *LUMA, *FAST, *key, "--json").document for _ in range(2))
    assert first["job_id"] == second["job_id"]
    other = run("generate", "a grey owl", *LUMA, *FAST, *key, "--json")
    assert (other.code, other.document["error"]["field"]) == (2, "idempotency_key")
    assert len(server.ledger()) == before + 1


def test_an_identical_clip_is_reused_only_when_it_is_asked_for(server: SimulatorServer, run: Run) -> None:
    before = len(server.ledger())
    first = run("generate", FOX, *LUMA, *FAST, "--json").document
    again = run("generate", FOX, *LUMA, *FAST, "--cache", "--json")
    assert again.document["job_id"] == first["job_id"]
    assert f"reused job {first['job_id']}: nothing was bought" in again.err
    assert len(server.ledger()) == before + 1
    assert run("generate", FOX, *LUMA, *FAST, "--json").document["job_id"] != first["job_id"]


def test_an_own_id_and_notes_come_back(run: Run) -> None:
    notes = ("--metadata", "order=17", "--metadata", "for=a=b")
    assert run("generate", FOX, *LUMA, *FAST, "--job-id", "fox-1", *notes).code == 0
    document = run("jobs", "show", "fox-1", "--json").document
    assert (document["job_id"], document["metadata"]) == ("fox-1", {"order": "17", "for": "a=b"})
    assert run("generate", FOX, *LUMA, *FAST, "--job-id", "fox-1").code == 2


def test_buying_again_is_capped_and_told(server: SimulatorServer, run: Run) -> None:
    server.fault("runway", "disconnect_after_accept", times=1)
    before = len(server.ledger())
    again = ("--on-unknown", "resubmit", "--max-duplicate-cost", "1.00")
    done = run("generate", FOX, *RUNWAY, *FAST, *again, "--json")
    assert done.code == 0, done.err
    assert [one["status"] for one in done.document["attempts"]] == ["unknown", "settled"]
    assert len(server.ledger()) == before + 2


@pytest.fixture
def bought_again(server: SimulatorServer, run: Run) -> Any:
    """The document of a clip whose first attempt nobody knows the fate of."""
    server.fault("runway", "disconnect_after_accept", times=1)
    again = ("--on-unknown", "resubmit", "--max-duplicate-cost", "1.00", "--job-id", "twice")
    return run("generate", FOX, *RUNWAY, *FAST, *again, "--json").document


def test_money_that_is_held_after_the_end_is_told_with_who_decides(bought_again: Any, run: Run) -> None:
    unknown = run("costs", "--json").document["total"]["unknown"]
    assert Decimal(bought_again["held"]) == Decimal(unknown) > 0
    way_out = "anyvideo jobs resolve twice --charged|--not-charged"
    (listed,) = run("jobs", "--state", "unknown", "--json").document["jobs"]
    assert (listed["job_id"], listed["status"], listed["held"]) == ("twice", "succeeded", unknown)
    for command in (("resume", "twice"), ("jobs", "--state", "unknown"), ("jobs", "show", "twice")):
        (line,) = (line for line in run(*command).out.splitlines() if way_out in line)
        assert f"{unknown} USD for attempt 1, runway/gen4.5" in line, command
    assert run("jobs", "--state", "failed", "--json").document["jobs"] == []
    assert way_out in run("recover").err
    assert [one["job_id"] for one in run("recover", "--json").document["undecided"]] == ["twice"]
    decided = run("jobs", "resolve", "twice", "--not-charged")
    assert (decided.code, way_out in decided.out) == (0, False)
    assert run("jobs", "--state", "unknown", "--json").document["jobs"] == []
    assert run("costs", "--json").document["total"]["unknown"] == "0.00"


def test_a_failure_tells_what_it_cost_and_what_stays_held(server: SimulatorServer, run: Run) -> None:
    server.fault("runway", "disconnect_after_accept", times=1)
    server.fault("runway", "failed")
    asked = ("--on-unknown", "resubmit", "--max-duplicate-cost", "1.00")
    failed = run("generate", FOX, *RUNWAY, *FAST, *asked, "--job-id", "both")
    assert failed.code == 4, failed.err
    assert "anyvideo jobs resolve both --charged|--not-charged" in failed.err
    document = run("resume", "both", "--json").document
    assert f"cost {document['cost']['amount']} USD" in failed.err
    assert f"{document['held']} USD for attempt 1" in failed.err


@pytest.mark.usefixtures("short_lease")
def test_a_cancel_names_what_it_cost(server: SimulatorServer, run: Run) -> None:
    server.set_time(30)
    left = run("generate", FOX, *LUMA, "--timeout", "0.4", "--poll-interval", "0.05", "--json")
    cost = run("cancel", left.document["job_id"], "--json").document["cost"]
    again = run("resume", left.document["job_id"])
    assert (again.code, f"cost {cost['amount']} USD" in again.err) == (4, True)
    assert run("resume", left.document["job_id"], "--json").document["cost"] == cost


def test_a_model_without_a_highest_price_must_be_allowed(run: Run, here: Path) -> None:
    (here / "mine.toml").write_text(UNPRICED)
    (here / "anyvideo.toml").write_text('[catalogs]\nluma = "mine.toml"\n')
    turned_down = run("plan", FOX, "-m", "luma/odd", "--json")
    assert turned_down.code == 3
    assert turned_down.document["rejections"][0]["field"] == "allow_unpriced"
    refused = run("generate", FOX, "-m", "luma/odd")
    told = turned_down.out + refused.err + run("plan", FOX, "-m", "luma/odd").out
    assert (told.count("--allow-unpriced accepts that") >= 3, "allow_unpriced=True" in told) == (True, False)
    (candidate,) = run("plan", FOX, "-m", "luma/odd", "--allow-unpriced", "--json").document["candidates"]
    assert candidate["quote"]["ceiling"] is None
    assert run("generate", FOX, "-m", "luma/odd", *FAST, "--allow-unpriced").code == 0
