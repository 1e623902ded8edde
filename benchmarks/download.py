"""Downloading to disk with sha256 and fsync, side by side with `curl | tee file | sha256sum`.

    python benchmarks/download.py [--megabytes 1000] [--rounds 5]

Both fetch the same file from the same loopback server (a process of its own that sends from memory), in
turns. Prints the median rates, their ratio (bar: at least 0.5) and how much resident memory grew; then what
memory does under bodies that are compressed bombs or never end (bar: at most 16 MiB).
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import hashlib
import json
import resource
import shlex
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

MIB = 1024 * 1024
MP4_START = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp41"


def bombs() -> dict[str, tuple[str, bytes]]:
    """Bodies by path: their Content-Encoding and what is sent; zeros squeezed about a thousandfold."""
    found = {"/gzip": ("gzip", gzip.compress(MP4_START + bytes(256 * MIB)))}
    try:
        import brotli

        found["/br"] = ("br", brotli.compress(MP4_START + bytes(64 * MIB), quality=5))
    except ImportError:
        pass
    try:
        import zstandard

        found["/zstd"] = ("zstd", zstandard.compress(MP4_START + bytes(256 * MIB)))
    except ImportError:
        pass
    return found


def serve(megabytes: int, port_file: str) -> None:
    """Answer every GET from memory until killed."""
    block = MP4_START + hashlib.shake_256(b"anyvideo").digest(MIB - len(MP4_START))
    odd = bombs()
    listening = socket.create_server(("127.0.0.1", 0), backlog=16)
    Path(port_file).write_text(str(listening.getsockname()[1]))
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=_answer, args=(connection, block, megabytes, odd), daemon=True).start()


def _answer(
    connection: socket.socket, block: bytes, megabytes: int, odd: dict[str, tuple[str, bytes]]
) -> None:
    with connection:
        try:
            path = connection.recv(65536).split(b" ")[1].decode()
            if path in odd:
                encoding, body = odd[path]
                connection.sendall(_head(len(body), f"Content-Encoding: {encoding}\r\n") + body)
            elif path == "/endless":
                connection.sendall(_head(None))
                while True:
                    connection.sendall(block)
            else:
                connection.sendall(_head(megabytes * MIB))
                for _ in range(megabytes):
                    connection.sendall(block)
        except OSError:
            pass


def _head(length: int | None, more: str = "") -> bytes:
    size = "" if length is None else f"Content-Length: {length}\r\n"
    return f"HTTP/1.1 200 OK\r\n{size}{more}Connection: close\r\n\r\n".encode()


def ours(url: str, target: str, max_bytes: int) -> None:
    """One download as the engine does it, then the digest; prints seconds, digest and memory growth."""
    asyncio.run(_ours(url, Path(target), max_bytes))


async def _ours(url: str, target: Path, max_bytes: int) -> None:
    import httpx

    from anyvideo.media import download
    from anyvideo.net.outputs import OutputTransport
    from anyvideo.types.errors import DownloadFailed

    origin = url.rsplit("/", 1)[0]
    async with httpx.AsyncClient(transport=OutputTransport(origin), trust_env=False) as client:
        await _warm_up(client, origin, target)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun, said = time.perf_counter(), "ok"
        try:
            await download(url, target, client=client, max_bytes=max_bytes)
            digest = _digest(target)
        except DownloadFailed as error:
            digest, said = "", f"{type(error).__name__}: {error.message}"
        seconds = time.perf_counter() - begun
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(json.dumps({"seconds": seconds, "digest": digest, "grown": grown, "said": said}))


async def _warm_up(client: object, origin: str, target: Path) -> None:
    """Load what a first download loads: it is not the body's doing."""
    import contextlib

    from anyvideo.media import download
    from anyvideo.types.errors import DownloadFailed

    with contextlib.suppress(DownloadFailed):
        await download(f"{origin}/endless", target.with_name("warm"), client=client, max_bytes=4 * MIB)  # type: ignore[arg-type]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def theirs(url: str, target: Path) -> tuple[float, str]:
    """Seconds and digest of `curl | tee file | sha256sum`; it syncs nothing."""
    begun = time.perf_counter()
    pipe = f"curl -s {shlex.quote(url)} | tee {shlex.quote(str(target))} | sha256sum"
    said = subprocess.run(["bash", "-c", pipe], capture_output=True, text=True, check=True).stdout
    return time.perf_counter() - begun, said.split()[0]


def in_child(url: str, target: Path, max_bytes: int) -> dict[str, float | str]:
    """`ours` in a fresh process, so that memory is its own."""
    command = [sys.executable, __file__, "--ours", url, str(target), str(max_bytes)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(json.loads(said))


def main(megabytes: int, rounds: int) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="anyvideo-bench-") as folder:
        port_file = Path(folder) / "port"
        server = subprocess.Popen([sys.executable, __file__, "--serve", str(megabytes), str(port_file)])
        try:
            while not port_file.exists() or not port_file.read_text():
                time.sleep(0.02)
            compare(f"http://127.0.0.1:{port_file.read_text()}", Path(folder), megabytes, rounds)
        finally:
            server.terminate()
            server.wait()


def compare(origin: str, folder: Path, megabytes: int, rounds: int) -> None:
    """Take turns, then send what should not be swallowed."""
    rates: dict[str, list[float]] = {"curl | tee | sha256sum": [], "anyvideo": []}
    grown = 0.0
    for _ in range(rounds):
        seconds, digest = theirs(f"{origin}/clip", folder / "theirs")
        rates["curl | tee | sha256sum"].append(megabytes / seconds)
        found = in_child(f"{origin}/clip", folder / "ours.mp4", 4 * 1024 * MIB)
        if found["digest"] != digest:
            raise SystemExit(f"the digests differ: {found}")
        rates["anyvideo"].append(megabytes / float(found["seconds"]))
        grown = max(grown, float(found["grown"]))
        for name in ("theirs", "ours.mp4"):
            (folder / name).unlink()
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, values in rates.items():
        print(f"{name:24} {medians[name]:7.0f} MiB/s   ({', '.join(f'{value:.0f}' for value in values)})")
    ratio = medians["anyvideo"] / medians["curl | tee | sha256sum"]
    print(f"ratio {ratio:.2f} (bar 0.50), memory grew {grown:.1f} MiB (bar 16), digests equal")
    for path in (*bombs(), "/endless"):
        found = in_child(f"{origin}{path}", folder / "bomb.mp4", 512 * MIB)
        print(f"{path:10} memory grew {float(found['grown']):4.1f} MiB   {found['said']}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", nargs=2)
    parser.add_argument("--ours", nargs=3)
    given = parser.parse_args()
    if given.serve:
        serve(int(given.serve[0]), given.serve[1])
    elif given.ours:
        ours(given.ours[0], given.ours[1], int(given.ours[2]))
    else:
        main(given.megabytes, given.rounds)
