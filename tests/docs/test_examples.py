"""What a page tells somebody to type works."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from anyvideo.cli import app
from anyvideo.testing.simulator import SimulatorServer

SHOWN_ELSEWHERE = frozenset({"demo", "simulate"})
"""Commands that serve or play for long: tests/e2e runs them."""

ROOT = Path(__file__).parents[2]
COMMAND_LINE = ROOT / "docs" / "cli.md"


def test_a_python_example_runs(python_block: Any, reader: Path) -> None:
    exec(compile(python_block.text, str(python_block), "exec"), {"__name__": "__main__"})


def test_the_commands_of_a_page_work(console_block: Any, reader: Path) -> None:
    lines = [shlex.split(line) for line in console_block.text.replace("\\\n", " ").splitlines()]
    for line in lines:
        if line[:1] != ["anyvideo"] or line[1] in SHOWN_ELSEWHERE:
            continue
        done = CliRunner().invoke(app, line[1:], prog_name="anyvideo")
        assert done.exit_code == 0, done.output


def documented(heading: str) -> Any:
    """The first JSON document under a heading of the page on the command line."""
    _, _, below = COMMAND_LINE.read_text("utf-8").partition(f"\n### {heading}\n")
    text, _, _ = below.partition("```json\n")[2].partition("```")
    return json.loads(text)


def answer(*arguments: str) -> Any:
    return json.loads(CliRunner().invoke(app, [*arguments, "--json"], prog_name="anyvideo").stdout)


def same_keys(documented: Any, real: Any, where: str = "") -> None:
    """Every documented key is there, and none is left undocumented; what is null or empty has no shape."""
    if isinstance(documented, dict) and isinstance(real, dict):
        assert documented.keys() == real.keys(), where
        for key in documented:
            same_keys(documented[key], real[key], f"{where}/{key}")
    elif isinstance(documented, list) and isinstance(real, list) and documented and real:
        same_keys(documented[0], real[0], f"{where}[]")


@pytest.fixture
def bought(reader: Path) -> Any:
    asked = ("generate", "a fox", "--duration", "5.2", "--poll-interval", "0.05", "-o", "fox.mp4")
    return answer(*asked, "-m", "luma/ray-flash-2")


def test_the_documents_have_the_documented_keys(reader: Path, bought: Any) -> None:
    same_keys(documented("generate, resume"), bought)
    same_keys(
        documented("plan"),
        answer("plan", "a fox", "--duration", "5.2", "-m", "luma/ray-flash-2", "-m", "svd"),
    )
    same_keys(documented("providers"), answer("providers"))
    same_keys(documented("errors"), answer("plan", ""))


def test_a_job_document_is_a_clips_document_and_the_documented_keys(bought: Any) -> None:
    job = answer("jobs", "show", bought["job_id"])
    assert job.keys() == bought.keys() | documented("jobs, jobs show, jobs resolve, cancel").keys()
    same_keys(documented("jobs, jobs show, jobs resolve, cancel")["timeline"], job["timeline"])
    assert answer("jobs") == {"jobs": [job]}


def test_the_documents_about_money_have_the_documented_keys(bought: Any) -> None:
    same_keys(documented("costs"), answer("costs", "--by", documented("costs")["by"]))
    same_keys(documented("budgets"), answer("budgets", "--budget", "10/day"))


def test_what_is_recovered_is_a_job_and_the_documented_keys(
    reader: Path, simulators: SimulatorServer
) -> None:
    simulators.set_time(0.4)
    asked = ("generate", "a fox", "-m", "luma/ray-flash-2", "--poll-interval", "0.05", "--timeout", "0.1")
    left = answer(*asked)
    simulators.set_time(0.05)
    (recovered,) = answer("recover")["jobs"]
    job = answer("jobs", "show", left["job_id"])
    (documented_one,) = documented("recover")["jobs"]
    assert recovered.keys() == job.keys() | documented_one.keys()
