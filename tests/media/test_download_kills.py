"""Downloads whose process is killed, whose server changes its mind, whose disk is full."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import httpx
import pytest

from anyvideo.media import download
from anyvideo.types.errors import DownloadFailed

if TYPE_CHECKING:
    from conftest import Server

pytestmark = pytest.mark.anyio

KILLS = int(os.environ.get("ANYVIDEO_DOWNLOAD_KILLS", "10"))
SEED = int(os.environ.get("ANYVIDEO_SEED", "20261121"))
MIB = 1024 * 1024
MP4_START = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp41"

CHILD = """
import asyncio, resource, sys
from pathlib import Path
import httpx
from anyvideo.media import download
from anyvideo.types.errors import DownloadFailed

async def main(url, path, limit):
    if limit:
        import signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            await download(url, Path(path), client=client)
        except DownloadFailed as error:
            print(type(error).__name__, error.retryable, error.message)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def body(size: int, seed: int = SEED) -> bytes:
    return MP4_START + random.Random(seed).randbytes(size - len(MP4_START))


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def child(url: str, target: Path, limit: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, url, str(target), str(limit)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def wait_for_a_part(target: Path) -> None:
    """Until the child has something on disk, so that there is something to continue on a slow machine too."""
    part, end = target.with_name(f"{target.name}.part"), time.monotonic() + 30
    while not (part.exists() and part.stat().st_size):
        assert time.monotonic() < end, "the child never wrote"
        time.sleep(0.005)


def kill(running: subprocess.Popen[str]) -> None:
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=30)


@pytest.mark.slow
async def test_killed_anywhere_the_next_process_brings_the_same_bytes(server: Server, tmp_path: Path) -> None:
    """Every offset once; every third of them the version changes while nobody looks."""
    dice = random.Random(SEED)
    print(f"seed {SEED}, {KILLS} kills")  # noqa: T201
    size = 3_000_000
    resumed = 0
    for number in range(KILLS):
        late = number % 2 == 1
        offset = dice.randrange(2 * MIB if late else 0, size)
        target = tmp_path / f"clip{number}.mp4"
        site = server.site = type(server.site)(body=body(size), stall_at=offset)
        running = child(server.url, target)
        assert site.stalled.wait(30), "the child never asked"
        if late:
            wait_for_a_part(target)
        else:
            await anyio.sleep(dice.random() * 0.02)
        kill(running)
        assert not target.exists(), f"a partial file under its final name, offset {offset}"
        site.stall_at = None
        if number % 3 == 2:
            site.body, site.etag = body(size, seed=SEED + 1), '"v2"'
        async with httpx.AsyncClient(trust_env=False) as client:
            await download(server.url, target, client=client)
        assert hashlib.sha256(target.read_bytes()).digest() == hashlib.sha256(site.body).digest(), offset
        assert {path.name for path in files(tmp_path)} == {f"clip{at}.mp4" for at in range(number + 1)}
        resumed += "range" in site.seen[-1]
    assert resumed > 0, "no download was ever continued"


async def interrupted(server: Server, target: Path, after: int) -> None:
    server.site.break_after = after
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(DownloadFailed) as caught:
            await download(server.url, target, client=client)
    assert caught.value.retryable
    server.site.break_after = None


@pytest.mark.parametrize(
    "wrong", ["bytes 0-9/10", "bytes 5-2999999/3000000", "items 1-2/3", "bytes */3000000", "nonsense", ""]
)
async def test_a_206_that_continues_elsewhere_is_never_joined(
    server: Server, tmp_path: Path, wrong: str
) -> None:
    server.site.body = body(3_000_000)
    target = tmp_path / "clip.mp4"
    await interrupted(server, target, after=1_500_000)
    server.site.wrong_range = wrong or "bytes"
    async with httpx.AsyncClient(trust_env=False) as client:
        await download(server.url, target, client=client)
    assert target.read_bytes() == server.site.body
    assert "range" not in server.site.seen[-1], "it was fetched afresh"


@pytest.mark.parametrize(("status", "expired"), [(404, True), (410, True), (500, False)])
async def test_a_status_in_the_middle_keeps_the_half_and_says_what_it_is(
    server: Server, tmp_path: Path, status: int, expired: bool
) -> None:
    server.site.body = body(3_000_000)
    target = tmp_path / "clip.mp4"
    await interrupted(server, target, after=1_500_000)
    server.site.status = status
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(DownloadFailed) as caught:
            await download(server.url, target, client=client)
        assert (caught.value.status, caught.value.expired) == (status, expired)
        assert not target.exists()
        server.site.status = 200
        await download(server.url, target, client=client)
    assert target.read_bytes() == server.site.body
    assert "range" in server.site.seen[-1]


def test_a_full_disk_is_said_and_leaves_no_file(server: Server, tmp_path: Path) -> None:
    """The process may write 1 MB: the kernel refuses the rest as it would on a full disk."""
    server.site.body = body(3_000_000)
    target = tmp_path / "clip.mp4"
    said, _ = child(server.url, target, limit=1_000_000).communicate(timeout=60)
    assert "DownloadFailed False could not write clip.mp4" in said
    assert not target.exists()


async def test_a_drip_is_left_after_its_window(server: Server, tmp_path: Path) -> None:
    server.site.body, server.site.pace = body(3_000_000), 0.05
    target = tmp_path / "clip.mp4"
    begun = time.monotonic()
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(DownloadFailed, match="KiB a second") as caught:
            await download(server.url, target, client=client, slowest=2_000_000, window=0.5)
    assert caught.value.retryable
    assert time.monotonic() - begun < 8, "the whole body lasts for 9 s"
    assert not target.exists()
    server.site.pace = 0.0
    async with httpx.AsyncClient(trust_env=False) as client:
        await download(server.url, target, client=client)
    assert target.read_bytes() == server.site.body
    assert "range" in server.site.seen[-1], "what had come was kept"


async def test_the_whole_has_a_deadline(server: Server, tmp_path: Path) -> None:
    server.site.body, server.site.stall_at = body(3_000_000), 1_500_000
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        with pytest.raises(DownloadFailed, match="longer than") as caught:
            await download(server.url, tmp_path / "clip.mp4", client=client, deadline=0.5)
    assert caught.value.retryable
    assert not (tmp_path / "clip.mp4").exists()


async def test_an_endless_body_ends_at_the_cap(server: Server, tmp_path: Path) -> None:
    server.site.body, server.site.endless, server.site.announce = body(1_000_000), True, False
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(DownloadFailed, match="more than the 20000000 allowed"):
            await download(server.url, tmp_path / "clip.mp4", client=client, max_bytes=20_000_000)
    assert files(tmp_path) == []
