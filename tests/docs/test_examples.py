"""What a page tells somebody to type works."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from anyvideo.cli import app
from anyvideo.plugins import Plugins
from anyvideo.testing.simulator import SimulatorServer

from .conftest import PAGES, Block, blocks

TESTED = {
    "python": "run below",
    "console": "run below, line by line",
    "sh": "run below, line by line",
    "toml": "loaded by test_settings.py",
    "dotenv": "loaded by test_settings.py",
    "yaml": "bought by the console blocks of its page",
    "json": "compared with real answers below, or in tests/testing",
    "text": "nothing to run: output, a sketch, or generated",
    "mermaid": "generated",
}
"""What becomes of a block, by its language."""

RUN_BY_PYTEST = {
    "testing.md": "tests/testing/test_pytest_plugin.py runs its blocks as an application's tests",
    "providers.md": "the class that every first-party provider runs: compared below",
}
"""Pages whose blocks define tests, which defining alone does not prove."""

NOT_RUN = {
    ("pip",): "the sessions `wheels` and `demo` install",
    ("python3", "-m", "venv"): "the same",
    ("export",): "the fixture `reader` sets what it says",
    ("nox",): "`.ci/run` does; that the session exists is tested below",
    ("pytest",): "the suite itself, and RUN_BY_PYTEST",
    ("anyvideo", "demo"): "plays for long: tests/e2e",
    ("anyvideo", "simulate"): "serves for ever: tests/e2e",
}
"""Lines that are shown and not run here, by how they begin, and why."""

ROOT = Path(__file__).parents[2]
COMMAND_LINE = ROOT / "docs" / "cli.md"
NOXFILE = ROOT / "noxfile.py"


def test_every_block_is_in_a_language_that_is_tested() -> None:
    assert [str(block) for block in blocks() if block.language not in TESTED] == []


def test_a_python_example_runs(python_block: Block, reader: Path) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(python_block.text, str(python_block), "exec"), names)
    if any(name.lower().startswith("test") for name in names):
        assert python_block.page.name in RUN_BY_PYTEST


def test_the_commands_of_a_page_work(
    console_block: Block, reader: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a block exports keys, whoever follows it has no others."""
    exported = {line[1].partition("=")[0] for line in lines_of(console_block) if line[0] == "export"}
    keys = {name for plugin in Plugins.discover().all for name in plugin.key_variables}
    for name in keys - exported if exported else ():
        monkeypatch.delenv(name, raising=False)
    for line in lines_of(console_block):
        if any(tuple(line[: len(start)]) == start for start in NOT_RUN):
            continue
        assert line[0] == "anyvideo", f"neither run nor in NOT_RUN: {line}"
        done = CliRunner().invoke(app, line[1:], prog_name="anyvideo")
        assert done.exit_code == 0, done.output


def lines_of(block: Block) -> list[list[str]]:
    text = block.text.replace("\\\n", " ")
    lines = [shlex.split(line.removeprefix("$ "), comments=True) for line in text.splitlines()]
    return [line for line in lines if line]


def spelled() -> list[tuple[str, list[str]]]:
    """Every command in code on a page, in a block or within a line, and where."""
    inline = re.compile(r"(?<!`)`((?:anyvideo|nox|python -m anyvideo) [^`\n]+)`(?!`)")
    found = [(page.name, text.split()) for page in PAGES for text in inline.findall(page.read_text("utf-8"))]
    return found + [(str(block), line) for block in blocks("console", "sh") for line in lines_of(block)]


def test_every_command_that_a_page_names_exists_with_its_options() -> None:
    for where, words in spelled():
        if words[0] == "anyvideo":
            check_spelled(words[1:], where)


def check_spelled(words: list[str], where: str) -> None:
    command: Any = get_command(app)
    options = options_of(command)
    while words:
        word, *words = words
        name, equals, _ = word.rstrip(",").partition("=")
        if name.startswith("-"):
            assert name in options, f"{where}: {command.name} has no {name}"
            words = words if equals or options[name].is_flag else words[1:]
        elif (below := getattr(command, "commands", None)) is not None and not word.isupper():
            assert word in below, f"{where}: {command.name} has no command {word}"
            command = below[word]
            options = options_of(command)


def options_of(command: Any) -> dict[str, Any]:
    """By their spellings; `--help` stands for itself."""
    help_flag = SimpleNamespace(is_flag=True)
    named = {name: one for one in command.params for name in (*one.opts, *one.secondary_opts)}
    return {"--help": help_flag, **named}


def test_every_session_that_a_page_names_exists() -> None:
    sessions = re.findall(r"^def (\w+)\(session: nox.Session\) -> None", NOXFILE.read_text(), re.MULTILINE)
    named = {name for page in PAGES for name in re.findall(r"nox -s (\w+)", page.read_text("utf-8"))}
    assert named <= {*sessions}


def test_the_conformance_example_is_what_the_first_party_providers_run() -> None:
    (example,) = [block for block in blocks("python") if "(ProviderConformance)" in block.text]
    real = ROOT / "providers" / "luma" / "tests" / "test_conformance.py"
    assert suite_in(example.text) == suite_in(real.read_text("utf-8"))


def suite_in(source: str) -> str:
    """The class of a conformance test without what it says about its samples."""
    (suite,) = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    suite.body = [node for node in suite.body if getattr(node, "name", None) != "samples"]
    return ast.unparse(suite)


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
