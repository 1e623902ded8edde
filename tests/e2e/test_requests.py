"""What is wrong with a request is said before anything is sent, with the field's name and exit code 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anyvideo.testing.simulator import SimulatorServer

Run = Callable[..., Any]
FOX = "a red fox crosses a frozen lake"

WRONG = {
    "max_cost": ("--max-cost", "-1"),
    "max_cost-words": ("--max-cost", "cheap"),
    "duration": ("--duration", "0"),
    "duration-words": ("--duration", "long"),
    "aspect_ratio": ("--aspect-ratio", "16:0"),
    "resolution": ("--resolution", "large"),
    "fps": ("--fps", "-24"),
    "seed": ("--seed", "-1"),
    "image": ("--image", "nowhere.png"),
    "models": ("--model", "nobody/nothing"),
    "output": ("--output", "."),
    "output-nowhere": ("--output", "nowhere/fox.mp4"),
    "timeout": ("--timeout", "0"),
    "attempt_timeout": ("--attempt-timeout", "-3"),
    "poll_interval": ("--poll-interval", "0"),
}
BUYING = {
    "on_unknown": ("--on-unknown", "guess"),
    "max_duplicate_cost": ("--on-unknown", "resubmit"),
    "budget": ("--budget", "ten"),
    "budget-period": ("--budget", "10/year"),
    "budget-scope": ("--budget", "10@planet"),
    "metadata": ("--metadata", "order"),
    "metadata-twice": ("--metadata", "a=1", "--metadata", "a=2"),
    "job_id": ("--job-id", "../x"),
    "idempotency_key": ("--idempotency-key", ""),
}


@pytest.mark.parametrize(
    ("command", "case", "options"),
    [
        *(("generate", case, options) for case, options in (WRONG | BUYING).items()),
        *(("plan", case, options) for case, options in WRONG.items()),
    ],
)
def test_a_wrong_option_is_named_and_nothing_is_sent(
    server: SimulatorServer, run: Run, here: Path, command: str, case: str, options: tuple[str, ...]
) -> None:
    before = len(server.world.requests)
    done = run(command, FOX, *options, "--json")
    assert done.code == 2, done.out
    error = done.document["error"]
    assert error["field"] == case.partition("-")[0]
    assert error["message"]
    in_words = run(command, FOX, *options)
    assert in_words.code == 2
    assert in_words.out == ""
    assert case.partition("-")[0].replace("_", "") in in_words.err.lower().replace("_", "").replace("-", "")
    assert len(server.world.requests) == before
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("prompt", [(), ("",), ("   ",)], ids=["none", "empty", "blank"])
def test_a_request_without_a_wish_is_refused(run: Run, prompt: tuple[str, ...]) -> None:
    done = run("generate", *prompt, "--json")
    assert (done.code, done.document["error"]["field"]) == (2, "prompt")


def test_a_picture_that_is_none_is_refused(run: Run, here: Path) -> None:
    (here / "notes.png").write_text("not a picture")
    done = run("generate", FOX, "--image", "notes.png", "--json")
    assert (done.code, done.document["error"]["field"]) == (2, "image")


def test_an_unknown_option_is_told_as_json_too(run: Run) -> None:
    done = run("generate", FOX, "--colour", "red", "--json")
    assert (done.code, done.document["error"]["type"]) == (2, "InvalidRequest")
    assert "--colour" in done.document["error"]["message"]


def test_a_job_that_nobody_knows_is_wrong_use(run: Run) -> None:
    for command in (("jobs", "show"), ("resume",), ("cancel",)):
        done = run(*command, "job_of_nobody", "--json")
        assert (done.code, done.document["error"]["type"]) == (2, "JobNotFound")


def test_where_nothing_fits_the_reasons_are_listed(server: SimulatorServer, run: Run) -> None:
    before = len(server.world.requests)
    for command in ("plan", "generate"):
        done = run(command, FOX, "-m", "svd", "--json")
        assert done.code == 3
        assert done.document["error"]["type"] == "NoModelFits"
        assert done.document["candidates"] == []
        assert all(rejection["reason"] for rejection in done.document["rejections"])
        told = run(command, FOX, "-m", "svd").err
        assert all(rejection["model"] in told for rejection in done.document["rejections"])
    assert len(server.world.requests) == before


def test_strict_turns_a_change_into_a_reason(run: Run) -> None:
    loose = run("plan", FOX, "-m", "luma/ray-flash-2", "--duration", "5.5", "--json")
    assert [change["field"] for change in loose.document["candidates"][0]["adjustments"]] == ["duration"]
    strict = run("plan", FOX, "-m", "luma/ray-flash-2", "--duration", "5.5", "--strict", "--json")
    assert strict.code == 3
    assert strict.document["rejections"][0]["field"] == "duration"


def test_a_cap_below_the_cheapest_model_is_over_budget(server: SimulatorServer, run: Run) -> None:
    before = len(server.ledger())
    done = run("generate", FOX, "-m", "luma/ray-flash-2", "--max-cost", "0.01", "--json")
    assert (done.code, done.document["error"]["type"]) == (5, "BudgetExceeded")
    assert len(server.ledger()) == before


def test_a_missing_key_names_its_variable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LUMAAI_API_KEY")
    plan = run("plan", FOX, "-m", "luma/ray-flash-2", "--json")
    assert plan.code == 0
    assert plan.document["candidates"][0]["ready"] is False
    assert "LUMAAI_API_KEY" in plan.document["candidates"][0]["missing"]
    done = run("generate", FOX, "-m", "luma/ray-flash-2")
    assert done.code == 3
    assert "LUMAAI_API_KEY" in done.err


def test_the_plan_can_be_read_in_eighty_columns_without_a_terminal(run: Run) -> None:
    done = run("plan", FOX, "--duration", "5.2", "--max-cost", "0.30")
    assert done.code == 0
    table, _, rest = done.out.partition("\n\n")
    rows = [line.rstrip() for line in table.splitlines() if "─" in line or line[:1].isdigit()]
    assert len(rows) > 2
    assert all(len(row) <= 80 for row in rows)
    assert "\x1b" not in done.out
    for words in ("luma/ray-flash-2", "5.2 s → 5 s", "USD"):
        assert words in table
    assert "svd" in rest
