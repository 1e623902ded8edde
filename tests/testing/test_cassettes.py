"""How a cassette plays: what comes when, what is compared, what is missing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import yaml
from httpx_aiohttp import AiohttpTransport

from anyvideo.media.probe import probe
from anyvideo.testing.cassettes import CassetteMiss, open_cassette
from anyvideo.testing.cassettes.clip import clip
from anyvideo.testing.cassettes.compare import differences

JOB = {"id": "job-1", "state": "running"}
DONE = {"id": "job-1", "state": "done"}


def exchange(method: str, path: str, answer: Any, *, status: int = 200, **body: Any) -> dict[str, Any]:
    return {
        "request": {"method": method, "uri": f"https://api.example{path}", "headers": {}, **body},
        "response": {"status": {"code": status, "message": "OK"}, "headers": {}, "json": answer},
    }


@pytest.fixture
def cassette(tmp_path: Path) -> Callable[..., Path]:
    def write(*exchanges: dict[str, Any], name: str = "it.yaml") -> Path:
        path = tmp_path / name
        text = yaml.safe_dump({"version": 1, "interactions": list(exchanges)}, sort_keys=False)
        path.write_text(f"# recorded by hand\n{text}")
        return path

    return write


def play(path: Path, *calls: tuple[str, str] | tuple[str, str, Any]) -> tuple[list[Any], list[str]]:
    """The answers to these calls, made against another host, and what was not asked for."""

    async def main() -> list[Any]:
        transport = AiohttpTransport(client=aiohttp.ClientSession)
        async with httpx.AsyncClient(base_url="http://other.example:8080", transport=transport) as http:
            answers = []
            for method, url, *body in calls:
                answer = await http.request(method, url, json=body[0] if body else None)
                answers.append(answer.json() if answer.content else None)
            return answers

    with open_cassette(path, source=None) as tape:
        return asyncio.run(main()), tape.unplayed()


def test_answers_come_in_order_and_the_last_poll_repeats(cassette: Callable[..., Path]) -> None:
    path = cassette(exchange("GET", "/jobs/1", JOB), exchange("GET", "/jobs/1", DONE))
    answers, unplayed = play(path, *[("GET", "/jobs/1")] * 4)
    assert answers == [JOB, DONE, DONE, DONE]
    assert unplayed == []


def test_a_poll_never_overtakes_the_cancel_before_its_answer(cassette: Callable[..., Path]) -> None:
    path = cassette(
        exchange("GET", "/jobs/1", JOB), exchange("DELETE", "/jobs/1", None), exchange("GET", "/jobs/1", DONE)
    )
    reads = ("GET", "/jobs/1")
    answers, unplayed = play(path, reads, reads, reads, ("DELETE", "/jobs/1"), reads)
    assert answers == [JOB, JOB, JOB, None, DONE]
    assert unplayed == []


def test_a_write_is_never_answered_twice(cassette: Callable[..., Path]) -> None:
    path = cassette(exchange("POST", "/jobs", JOB, json={"prompt": "a fox"}))
    post = ("POST", "/jobs", {"prompt": "a fox"})
    with pytest.raises(CassetteMiss, match="POST /jobs"):
        play(path, post, post)


@pytest.mark.parametrize(
    "call",
    [
        ("POST", "/jobs", {"prompt": "a wolf"}),
        ("PUT", "/jobs", {"prompt": "a fox"}),
        ("POST", "/job", {"prompt": "a fox"}),
        ("POST", "/jobs?dry=1", {"prompt": "a fox"}),
        ("POST", "/jobs"),
    ],
)
def test_another_request_is_not_answered(cassette: Callable[..., Path], call: Any) -> None:
    path = cassette(exchange("POST", "/jobs", JOB, json={"prompt": "a fox"}))
    with pytest.raises(CassetteMiss):
        play(path, call)


def test_what_is_not_asked_for_is_told(cassette: Callable[..., Path]) -> None:
    path = cassette(exchange("GET", "/jobs/1", DONE), exchange("GET", "/credits", {}))
    assert play(path, ("GET", "/jobs/1"))[1] == ["GET /credits"]


def test_secrets_in_a_request_do_not_count(cassette: Callable[..., Path]) -> None:
    body = {"prompt": "a fox", "webhook_secret": "masked-1"}
    path = cassette(exchange("POST", "/jobs?api_key=masked-2&size=1", JOB, json=body))
    answers, _ = play(path, ("POST", "/jobs?size=1", {"prompt": "a fox", "webhook_secret": "another-one"}))
    assert answers == [JOB]


def test_a_drawn_id_in_a_path_is_found_again(cassette: Callable[..., Path]) -> None:
    drawn = "q7h2k9d8s7f6g5h4j3k2l1m0n9"
    path = cassette(exchange("GET", f"/jobs/{drawn}", {"id": drawn}))
    assert play(path, ("GET", f"/jobs/{drawn}"))[0] == [{"id": drawn}]


@pytest.mark.parametrize("seconds", [0.5, 2, 5, 7.3, 60])
def test_the_film_is_real_small_and_as_long_as_is_wanted(tmp_path: Path, seconds: float) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(clip(seconds))
    facts = probe(path)
    assert facts.duration == pytest.approx(seconds, abs=1e-5)
    assert facts.codec == "h264"
    assert facts.bytes < 10_000


def test_ids_and_moments_do_not_make_two_recordings_different(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    for folder, drawn, moment in ((before, "aaaa1111bbbb2222", 1), (after, "cccc3333dddd4444", 2)):
        folder.mkdir()
        job = {"id": drawn, "state": "done", "created_at": f"2026-01-0{moment}T00:00:00.000Z"}
        text = json.dumps({"interactions": [exchange("GET", f"/jobs/{drawn}", job)]}, indent=1)
        (folder / "job.yaml").write_text(f"# recorded on day {moment}\n{text}")
    assert list(differences(before, after)) == []
    (after / "job.yaml").write_text((after / "job.yaml").read_text().replace("done", "failed"))
    assert [line for line in differences(before, after) if line.startswith(("-  ", "+  "))] != []
    (after / "more.yaml").write_text("# recorded\ninteractions: []\n")
    assert any("more.yaml" in line for line in differences(before, after))
