"""The commands as processes of their own: interrupted, killed, stopped, with keys that must not be used."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from anyvideo.media import read_mp4
from anyvideo.testing.simulator import SimulatorServer

ANYVIDEO = (sys.executable, "-m", "anyvideo")
FOX = "a red fox crosses a frozen lake"
LUMA = ("-m", "luma/ray-flash-2", "--resolution", "540p", "--poll-interval", "0.05")
PATIENCE = 30.0


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command that is gone at the end, whatever happens."""
    command = [*ANYVIDEO, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def finished(*arguments: str) -> tuple[int, str, str]:
    with started(*arguments) as process:
        out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def job_under_way(server: SimulatorServer, process: subprocess.Popen[str]) -> str:
    """The job's id, once the vendor has been asked for the job's state."""
    before = len(server.world.requests)
    assert process.stderr is not None
    job_id = process.stderr.readline().split()[1]
    limit = time.monotonic() + PATIENCE
    while not any(seen.method == "GET" for seen in list(server.world.requests)[before:]):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < limit, "the job was never looked at"
        time.sleep(0.02)
    return job_id


@pytest.mark.slow
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["words", "json"])
def test_ctrl_c_leaves_the_job_and_says_how_to_go_on(
    server: SimulatorServer, here: Path, form: tuple[str, ...]
) -> None:
    server.set_time(20)
    with started("generate", FOX, *LUMA, *form) as process:
        job_id = job_under_way(server, process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    told = out if form else err
    assert f"anyvideo resume {job_id}" in told
    assert f"anyvideo cancel {job_id}" in told
    assert "Traceback" not in err
    if form:
        assert json.loads(out)["job_id"] == job_id
    code, _, _ = finished("cancel", job_id)
    assert code == 0


@pytest.mark.slow
def test_a_killed_command_loses_nothing(server: SimulatorServer, here: Path) -> None:
    server.set_time(1.5)
    before = len(server.ledger())
    (here / "anyvideo.toml").write_text("[recovery]\nlease = 1\n")  # how long a dead process is waited for
    with started("generate", FOX, *LUMA) as process:
        job_id = job_under_way(server, process)
        time.sleep(
            0.3
        )  # between two looks: in the middle of one, the dead process's lease must run out first
        process.kill()
    code, out, err = finished("resume", job_id, "-o", "fox.mp4", "--json", "--timeout", "60")
    assert code == 0, err
    assert json.loads(out)["job_id"] == job_id
    assert read_mp4(here / "fox.mp4").duration > 0
    assert len(server.ledger()) == before + 1


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_simulators_serve_until_they_are_stopped(here: Path, stop: signal.Signals) -> None:
    with started("simulate", "--json") as process:
        assert process.stdout is not None
        told: dict[str, Any] = json.loads(process.stdout.readline())
        assert told["url"].startswith("http://127.0.0.1:")
        assert {"LUMAAI_API_KEY", "REPLICATE_API_TOKEN", "RUNWAYML_API_SECRET"} <= told["env"].keys()
        with urllib.request.urlopen(f"{told['url']}/_sim/env", timeout=5) as answer:
            store = Path(told["env"].pop("ANYVIDEO_STORE"))
            assert json.load(answer) == told["env"]
        process.send_signal(stop)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "", "")
    assert not store.parent.exists()


@pytest.mark.slow
def test_the_simulators_can_be_sourced_by_a_shell(here: Path) -> None:
    with started("simulate") as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=10)
    lines = [first, *rest.splitlines()]
    assert all(line.startswith("export ") for line in lines)
    script = "\n".join([*lines, 'printf %s "$LUMAAI_BASE_URL"'])
    sourced = subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True)
    assert sourced.stdout.startswith("http://127.0.0.1:")


@pytest.mark.slow
def test_play_money_is_never_counted_with_the_real(here: Path) -> None:
    real = ("--store", str(here / "real.db"))
    with started("simulate", "--json") as process:
        assert process.stdout is not None
        play = os.environ | json.loads(process.stdout.readline())["env"]
        asked = ("generate", FOX, *LUMA, "--timeout", "20", "-o", str(here / "fox.mp4"))
        subprocess.run([*ANYVIDEO, *asked], env=play, check=True, capture_output=True, timeout=PATIENCE)
        costs = subprocess.run([*ANYVIDEO, "costs"], env=play, check=True, capture_output=True, text=True)
        assert "luma/ray-flash-2" in costs.stdout
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert "luma" not in finished("costs")[1] + finished(*real, "costs")[1]
    with started(*real, "simulate", "--json") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["env"]["ANYVIDEO_STORE"] == real[1]


@pytest.mark.slow
def test_a_taken_port_is_one_sentence(server: SimulatorServer, here: Path) -> None:
    port = server.url.rpartition(":")[2]
    code, out, err = finished("simulate", "--port", port)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert f"port {port}" in line


@pytest.mark.slow
def test_the_demo_plays_to_its_end_and_uses_no_key_of_the_caller(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LUMAAI_API_KEY=luma-real-key\n")
    real = {
        "REPLICATE_API_TOKEN": "r8_real",
        "RUNWAYML_API_SECRET": "key_real",
        "LUMAAI_BASE_URL": "http://127.0.0.1:9",
    }
    process = subprocess.run(
        [*ANYVIDEO, "demo", "--json", "--output", "stage"],
        cwd=tmp_path,
        env=os.environ | real | {"ANYVIDEO_STORE": str(tmp_path / "mine.db")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    document = json.loads(process.stdout)
    first, second, third = document["attempts"]
    assert (first["status"], first["error"]["type"]) == ("rejected", "ModelUnavailable")
    assert (second["status"], second["error"]["type"]) == ("failed", "GenerationFailed")
    assert (third["status"], third["error"]) == ("settled", None)
    assert first["provider"] == second["provider"] != third["provider"]
    assert read_mp4(tmp_path / document["path"]).duration == pytest.approx(5, abs=0.5)
    assert (tmp_path / document["sheet"]).read_bytes().startswith(b"\x89PNG")
    assert document["path"] == str(Path("stage") / "fox.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env", "stage"]
    assert "no money is spent" in process.stderr
