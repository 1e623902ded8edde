"""Where a paid clip comes to lie: as asked, checked before buying, kept where that fails, found again."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from anyvideo.media import read_mp4
from anyvideo.testing.simulator import SimulatorServer

from .test_processes import FOX, LUMA, job_under_way, started

Run = Callable[..., Any]
FAST = (*LUMA, "--timeout", "20")


@pytest.mark.parametrize("place", [(), ("-o", "mem.mp4"), ("-o", "{job_id}/{index}.mp4")])
def test_a_memory_store_keeps_nothing_but_the_clip_that_was_asked_for(
    run: Run, place: tuple[str, ...]
) -> None:
    done = run("--store", "memory:", "generate", FOX, *FAST, *place, "--json")
    assert done.code == 0, done.err
    assert read_mp4(Path(done.document["path"])).duration > 0
    assert Path(done.document["sheet"]).is_file()


def test_what_a_memory_store_forgets_is_not_promised(server: SimulatorServer, run: Run) -> None:
    server.set_time(30)
    left = run("--store", "memory:", "generate", FOX, *LUMA, "--timeout", "0.4", "--json")
    hint = left.document["error"]["hint"]
    assert (left.code, "resume" in hint) == (7, False)
    assert left.document["attempts"][0]["provider_job_id"] in hint


@pytest.mark.slow
def test_ctrl_c_does_not_promise_what_a_memory_store_forgets(server: SimulatorServer, here: Path) -> None:
    server.set_time(20)
    with started("--store", "memory:", "generate", FOX, *LUMA) as process:
        job_under_way(server, process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, "is forgotten" in err, "resume" in err) == (130, True, False)
    assert f"luma knows it as {server.ledger()[-1].provider_job_id}" in err


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("/proc/fox.mp4", "/proc"),
        ("/proc/{job_id}.mp4", "/proc"),
        (f"{'x' * 300}.mp4", "name too long"),
        ("fox.avi", "fox.mp4"),
        ("fox", "fox.mp4"),
    ],
)
@pytest.mark.parametrize("command", ["generate", "plan"])
def test_a_place_that_takes_no_file_costs_nothing(
    server: SimulatorServer, run: Run, here: Path, command: str, output: str, says: str
) -> None:
    before = len(server.ledger())
    done = run(command, FOX, "-m", "luma/ray-flash-2", "-o", output, "--json")
    assert (done.code, done.document["error"]["field"]) == (2, "output")
    assert says.lower() in " ".join(map(str, done.document["error"].values())).lower()
    assert len(server.ledger()) == before
    assert list(here.iterdir()) == []


def test_the_folder_is_tried_and_left_as_it_was(run: Run, here: Path) -> None:
    (here / "clips").mkdir()
    assert run("plan", FOX, "-m", "luma/ray-flash-2", "-o", "clips/fox.mp4").code == 0
    assert list((here / "clips").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["words", "json"])
@pytest.mark.parametrize("store", ["store.db", "memory:"])
def test_a_place_that_fails_after_the_purchase_is_not_told_as_if_nothing_was_sent(
    server: SimulatorServer, here: Path, run: Run, store: str, form: tuple[str, ...]
) -> None:
    server.set_time(1.0)
    (here / "clips").mkdir()
    with started("--store", store, "generate", FOX, *LUMA, "-o", "clips/fox.mp4", *form) as process:
        job_id = job_under_way(server, process)
        shutil.rmtree(here / "clips")
        (here / "clips").write_text("somebody's")
        out, err = process.communicate(timeout=30)
    assert process.returncode == 7, out + err
    told = json.loads(out)["error"]["hint"] if form else err
    assert "the clip is paid and kept" in told
    if form:
        assert json.loads(out)["error"] | {"message": "", "hint": ""} == {
            "type": "NotSaved",
            "message": "",
            "field": "output",
            "hint": "",
        }
        assert json.loads(out)["job_id"] == job_id
    if store == "memory:":
        [kept] = Path(tempfile.gettempdir()).glob(f"{job_id}*.mp4")
        assert str(kept) in told
        assert read_mp4(kept).duration > 0
        kept.unlink()
    else:
        assert f"anyvideo resume {job_id} -o" in told
        assert run("--store", store, "resume", job_id, "-o", "other.mp4").code == 0


@pytest.mark.slow
def test_a_killed_command_is_remembered_with_the_place_it_was_given(
    server: SimulatorServer, here: Path, run: Run
) -> None:
    server.set_time(1.0)
    (here / "anyvideo.toml").write_text("[recovery]\nlease = 1\n")
    (here / "clips").mkdir()
    with started("generate", FOX, *LUMA, "-o", "clips/plain name.mp4") as process:
        job_id = job_under_way(server, process)
        process.kill()
    assert run("recover").code == 0
    placed = here / "clips" / "plain name.mp4"
    assert read_mp4(placed).duration > 0
    again = run("resume", job_id, "--json")
    assert (again.code, Path(again.document["path"])) == (0, placed)
    assert [path.name for path in here.rglob("*.mp4")] == ["plain name.mp4"]


@pytest.mark.usefixtures("short_lease")
def test_what_came_to_the_place_meanwhile_is_not_replaced_by_who_recovers(
    server: SimulatorServer, here: Path, run: Run
) -> None:
    server.set_time(1.0)
    left = run("generate", FOX, *LUMA, "--timeout", "0.4", "-o", "fox.mp4", "--json")
    assert left.code == 7
    (here / "fox.mp4").write_text("somebody's")
    done = run("resume", left.document["job_id"], "--json")
    assert (done.code, Path(done.document["path"]).name) == (0, "fox-2.mp4")
    assert (here / "fox.mp4").read_text() == "somebody's"


def test_a_named_file_is_a_file_of_its_own(run: Run, here: Path) -> None:
    """Who writes over it does not write over the store's copy."""
    bought = run("generate", FOX, *FAST, "-o", "fox.mp4", "--json").document
    with (here / "fox.mp4").open("r+b") as file:
        file.write(b"mine")
    again = run("resume", bought["job_id"], "-o", "again.mp4", "--json")
    assert (again.code, again.document["info"]) == (0, bought["info"])
    assert (here / "again.mp4").read_bytes()[4:8] == b"ftyp"
    assert sorted(path.name for path in here.glob("*.mp4")) == ["again.mp4", "fox.mp4"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fox.mp4", "fox:1.mp4"], ids=["recorded with the job", "only asked"])
def test_a_name_that_is_taken_while_the_clip_is_made_is_not_replaced(
    server: SimulatorServer, here: Path, name: str
) -> None:
    server.set_time(1.0)
    with started("generate", FOX, *LUMA, "-o", name, "--json") as process:
        job_under_way(server, process)
        (here / name).write_text("somebody's")
        out, err = process.communicate(timeout=30)
    second = name.replace(".mp4", "-2.mp4")
    assert (process.returncode, json.loads(out)["path"]) == (0, second), err
    assert (here / name).read_text() == "somebody's"
    assert read_mp4(here / second).duration > 0
    assert sorted(path.name for path in here.glob("*.mp4")) == sorted([name, second])
    assert "replaced" not in err


def test_a_file_that_was_there_before_the_command_is_replaced(run: Run, here: Path) -> None:
    (here / "fox.mp4").write_text("an older try")
    done = run("generate", FOX, *FAST, "-o", "fox.mp4", "--json")
    assert (done.code, done.document["path"], "replaced fox.mp4" in done.err) == (0, "fox.mp4", True)
    assert read_mp4(here / "fox.mp4").duration > 0
    assert [path.name for path in here.glob("*.mp4")] == ["fox.mp4"]


def test_a_paid_clip_that_the_store_cannot_keep_is_told_alike_by_every_command(run: Run, here: Path) -> None:
    videos = here.parent / "videos"
    videos.write_text("in the way")
    key = ("--idempotency-key", "order-18", "--json")
    first = run("generate", FOX, *FAST, *key)
    job_id = first.document["job_id"]
    assert (first.code, first.document["error"]["type"]) == (7, "StoreError")
    assert run("generate", FOX, *FAST, *key).code == 7
    assert run("resume", job_id, "--json").code == 7
    assert run("generate", "a grey owl", *FAST, *key).code == 2
    assert run("resume", job_id, "-o", "fox.avi", "--json").code == 2
    videos.unlink()
    assert run("resume", job_id, "--json").code == 0


def copied(store: Path, job_id: str, times: int) -> None:
    """The job as if it had been bought so often, a moment later each."""
    with closing(sqlite3.connect(store)) as sql, sql:
        for table, key in (("jobs", "id"), ("attempts", "job_id")):
            for row in sql.execute(f"SELECT * FROM {table} WHERE {key} = ?", (job_id,)).fetchall():
                for number in range(times):
                    other = [
                        one.replace(job_id, f"{job_id}-{number}") if isinstance(one, str) else one
                        for one in row
                    ]
                    sql.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", other)


@pytest.mark.usefixtures("short_lease")
def test_all_money_that_ended_jobs_hold_is_named(server: SimulatorServer, here: Path, run: Run) -> None:
    """However many jobs were left undecided since."""
    runway = ("-m", "runway/gen4.5", "--poll-interval", "0.05", "--timeout", "5", "--json")
    server.fault("runway", "disconnect_after_accept", times=1)
    twice = ("--on-unknown", "resubmit", "--max-duplicate-cost", "5")
    held = run("generate", FOX, *runway, *twice).document["job_id"]
    server.fault("runway", "disconnect_after_accept", times=1)
    left = run("generate", FOX, *runway)
    assert left.code == 6
    copied(here.parent / "store.db", left.document["job_id"], 101)
    found = run("recover", "--timeout", "0.1", "--json").document
    assert [job["job_id"] for job in found["undecided"]] == [held]
