"""What a test of an application costs that runs a fallback from a failed model to one that delivers.

The same fallback is tested in three ways, in turns within one pytest process, and each alone in a process of
its own: with `fake_provider`; by hand, with the bare SDKs of two vendors (runwayml, lumaai) on
`httpx.MockTransport`; and not at all, for what pytest itself takes. By hand there is no plan, no store, no
budget and no look into the file.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BAR_EACH = 10.0
BAR_ALONE = 1.5
EMPTY, BY_HAND, FAKE = "empty", "by_hand", "fake_provider"
HEADS = {
    EMPTY: "",
    BY_HAND: """
import httpx
from lumaai import LumaAI
from runwayml import RunwayML

from anyvideo.testing.cassettes.clip import clip

REPLIES = {
    ("POST", "/v1/text_to_video"): {"id": "17e1c0de-0000-4000-8000-000000000001"},
    ("GET", "/v1/tasks/17e1c0de-0000-4000-8000-000000000001"): {
        "id": "17e1c0de-0000-4000-8000-000000000001",
        "status": "FAILED",
        "createdAt": "2026-01-01T00:00:00Z",
        "failure": "the clouds were wrong",
        "failureCode": "INTERNAL",
    },
    ("POST", "/dream-machine/v1/generations/video"): {"id": "clip-1", "state": "queued"},
    ("GET", "/dream-machine/v1/generations/clip-1"): {
        "id": "clip-1",
        "state": "completed",
        "assets": {"video": "https://outputs.example/clip-1.mp4"},
    },
}


def answer(request):
    if request.url.host == "outputs.example":
        return httpx.Response(200, content=clip(5))
    return httpx.Response(200, json=REPLIES[request.method, request.url.path])


def bought(folder, runway, luma, http):
    task = runway.text_to_video.create(model="gen4.5", prompt_text="a red fox", ratio="1280:720", duration=5)
    found = runway.tasks.retrieve(task.id)
    if found.status == "SUCCEEDED":
        return "runway", found.output[0]
    made = luma.generations.video.create(model="ray-flash-2", prompt="a red fox", duration="5s")
    made = luma.generations.get(made.id)
    assert made.state == "completed"
    file = folder / "clip.mp4"
    file.write_bytes(http.get(made.assets.video).content)
    return "luma", file
""",
    FAKE: "from anyvideo.provider import GenerationFailed\n",
}
TESTS = {
    EMPTY: """
def test_empty_{0}():
    assert True
""",
    BY_HAND: """
def test_by_hand_{0}(tmp_path):
    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        runway = RunwayML(api_key="key", http_client=http, max_retries=0)
        luma = LumaAI(auth_token="key", http_client=http, max_retries=0)
        provider, file = bought(tmp_path, runway, luma, http)
    assert provider == "luma"
    assert file.read_bytes()[4:8] == b"ftyp"
""",
    FAKE: """
def test_fake_provider_{0}(fake_provider, video_client):
    fake_provider("first").fails(GenerationFailed("the clouds were wrong"))
    fake_provider("second").succeeds(duration=5, cost="0.25")

    video = video_client(models=["first", "second"]).generate("a red fox")

    assert video.provider == "second"
    assert [attempt.model for attempt in video.attempts] == ["first/video", "second/video"]
    assert str(video.cost.amount) == "0.25"
""",
}
CONFTEST = """
import collections, json, os, pathlib

SPENT = collections.defaultdict(float)


def pytest_runtest_logreport(report):
    assert report.passed, report.longreprtext
    SPENT[report.nodeid.partition("::")[2]] += report.duration


def pytest_sessionfinish():
    pathlib.Path(os.environ["BENCH_SPENT"]).write_text(json.dumps(SPENT))
"""


def run(folder: Path, names: tuple[str, ...], rounds: int) -> tuple[float, dict[str, float]]:
    """Seconds of a pytest process with `rounds` tests of each kind, in turns, and of each test."""
    tests = [TESTS[name].format(number) for number in range(rounds) for name in names]
    (folder / "test_it.py").write_text("".join([*(HEADS[name] for name in names), *tests]))
    (folder / "conftest.py").write_text(CONFTEST)
    spent = folder / "spent.json"
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"],
        cwd=folder,
        env={**os.environ, "BENCH_SPENT": str(spent)},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return seconds, json.loads(spent.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=60, help="tests of each kind in the one process")
    parser.add_argument("--starts", type=int, default=7, help="processes of each kind")
    asked = parser.parse_args()
    names = tuple(TESTS)
    with tempfile.TemporaryDirectory(prefix="anyvideo-bench-") as name:
        folder = Path(name)
        for one in names:  # compiles, and warms the page cache
            run(folder, (one,), 1)
        _, spent = run(folder, names, asked.tests)
        starts = [{one: run(folder, (one,), 1)[0] for one in names} for _ in range(asked.starts)]
    warm = {one: [spent[f"test_{one}_{n}"] for n in range(1, asked.tests)] for one in names}
    sys.exit(report(warm, starts))


def report(warm: dict[str, list[float]], starts: list[dict[str, float]]) -> int:
    """Print the table; 1 when a bar is missed."""
    print(f"{'':16}  one more test   alone in a process   (medians)")
    for name, times in warm.items():
        alone = statistics.median(start[name] for start in starts)
        print(f"{name:16} {1000 * statistics.median(times):10.2f} ms {1000 * alone:15.0f} ms")
    each = statistics.median(a / b for a, b in zip(warm[FAKE], warm[BY_HAND], strict=True))
    alone = statistics.median(start[FAKE] / start[BY_HAND] for start in starts)
    ok = each <= BAR_EACH and alone <= BAR_ALONE
    print(f"fake_provider / by_hand: {each:.2f} for one more test, {alone:.2f} alone in a process")
    print(f"bars: {BAR_EACH:g} for one more test, {BAR_ALONE:g} alone: {'ok' if ok else 'FAILED'}")
    return int(not ok)


if __name__ == "__main__":
    main()
