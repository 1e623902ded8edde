"""The commands about a clip whose cost nobody knows: never a plain zero."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .conftest import Run

LUMA = ("-m", "luma/ray-flash-2", "--allow-unpriced", "--poll-interval", "0.1")
RUNWAY = ("-m", "runway/gen4.5", "--poll-interval", "0.1")


def unpriced(here: Path) -> None:
    facts = '[[model]]\nid = "ray-flash-2"\nchecked = 2026-11-20\nsource = "x"\nprice = []\n'
    (here / "m.toml").write_text(facts)
    (here / "anyvideo.toml").write_text('[catalogs]\nluma = "m.toml"\n')


def test_an_unknown_cost_is_never_shown_as_nothing(here: Path, run: Run) -> None:
    unpriced(here)
    one = run("generate", "fox fox", *LUMA, "--max-cost", "0.10", "--json")
    assert (one.code, one.document["cost"]) == (
        0,
        {"amount": None, "currency": "USD", "basis": "unknown"},
    )
    assert "max_cost" in {change["field"] for change in one.document["adjustments"]}
    priced = run("generate", "hare", *RUNWAY, "--json").document["cost"]["amount"]
    words = run("jobs", "show", one.document["job_id"]).out
    assert "unknown" in words
    assert "0.00" not in words
    total = run("costs", "--json").document["total"]
    assert (total["spent"], total["estimated"], total["unpriced"]) == (priced, "0.00", 1)
    table = run("costs").out
    assert f"{priced} + ?" in table
    assert "attempts of unknown cost, which is in no sum: 1" in table


def test_a_batch_with_an_unknown_part_says_so(here: Path, run: Run) -> None:
    unpriced(here)
    (here / "two.yaml").write_text(
        "- {prompt: a fox, model: luma/ray-flash-2, allow_unpriced: true}\n"
        "- {prompt: a hare, model: runway/gen4.5}\n"
    )
    options = ("two.yaml", "--budget", "3.00", "--poll-interval", "0.1")
    done = run("batch", *options, "--json")
    assert done.code == 0, done.err
    fox, hare = (clip["cost"] for clip in done.document["clips"])
    assert (fox["amount"], fox["basis"], hare["basis"]) == (None, "unknown", "reported")
    assert done.document["cost"] == {**fox, "amount": hare["amount"]}
    words = run("batch", *options, "--resume").out
    assert f"cost   {hare['amount']} USD and an unknown part" in words
    assert "change budgets: dropped (no known price bounds what this model costs) (clips 0)" in words


def test_the_command_warns_before_it_buys(here: Path) -> None:
    unpriced(here)
    command = [sys.executable, "-m", "anyvideo", "generate", "fox", *LUMA, "--max-cost", "0.10"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    warning = "max_cost cannot bind luma/ray-flash-2: no known price bounds what this model costs"
    assert -1 < done.stderr.find(warning) < done.stderr.find("accepted the job")
