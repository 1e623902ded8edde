"""The simulator over real sockets: control API, outputs, leaks, and connections that really drop."""

from __future__ import annotations

import io
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from anyvideo.testing.simulator import FAULTS, ManualClock, SimulatorServer

DROPS = [("disconnect_before_accept", 0), ("disconnect_after_accept", 1)]


def finished(client: Any, clock: ManualClock, **body: object) -> dict[str, Any]:
    job_id = client.buy(**body).json()["id"]
    clock.advance(10)
    job: dict[str, Any] = client.read(job_id)
    assert job["state"] == "succeeded"
    return job


def raw_create(url: str) -> bytes:
    """Everything that comes back for one create, read from the bare socket until it closes."""
    where = urlsplit(url)
    body = b'{"model": "e1"}'
    head = (
        f"POST /echo/jobs HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer k\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((where.hostname, where.port), timeout=5) as wire:
        wire.sendall(head.encode() + body)
        found = b""
        while chunk := wire.recv(65536):
            found += chunk
    return found


@pytest.mark.parametrize(("fault", "lines"), DROPS)
def test_a_dropped_create_sends_no_byte_and_tells_the_truth_in_the_ledger(
    server: SimulatorServer, fault: str, lines: int
) -> None:
    server.fault("echo", fault, times=1)
    assert raw_create(server.url) == b""
    assert len(server.ledger()) == lines


def test_a_dropped_connection_does_not_touch_the_next_one(server: SimulatorServer, client: Any) -> None:
    server.fault("echo", "disconnect_after_accept", times=1)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending"):
        client.buy()
    assert client.buy().status_code == 201


def test_a_slow_answer_is_accepted_before_it_is_told(server: SimulatorServer, client: Any) -> None:
    server.fault("echo", "slow_answer", seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        client.http.post("/echo/jobs", json={}, timeout=0.3)
    assert len(server.ledger()) == 1


def test_a_slow_accept_comes_after_the_client_has_gone(server: SimulatorServer, client: Any) -> None:
    server.fault("echo", "slow_accept", seconds=0.6)
    with pytest.raises(httpx.ReadTimeout):
        client.http.post("/echo/jobs", json={}, timeout=0.2)
    assert server.ledger() == []
    limit = time.monotonic() + 5
    while not server.ledger() and time.monotonic() < limit:
        time.sleep(0.02)
    assert len(server.ledger()) == 1


def test_a_cut_answer_is_a_success_that_no_one_can_parse(server: SimulatorServer, client: Any) -> None:
    server.fault("echo", "malformed_body", times=1)
    answer = client.buy()
    assert answer.status_code == 201
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert len(server.ledger()) == 1


def test_polls_can_fail_lie_and_break(server: SimulatorServer, client: Any) -> None:
    job_id = client.buy().json()["id"]
    for fault in ("poll_500", "gone", "malformed_poll", "unknown_status"):
        server.fault("echo", fault, times=1)
    path = f"/echo/jobs/{job_id}"
    assert [client.http.get(path).status_code for _ in range(2)] == [500, 404]
    with pytest.raises(json.JSONDecodeError):
        client.http.get(path).json()
    assert client.read(job_id)["state"] not in {"queued", "running", "succeeded", "failed", "canceled"}
    assert client.read(job_id)["state"] == "queued"


def test_lists_can_fail_and_lag(server: SimulatorServer, client: Any, clock: ManualClock) -> None:
    first = client.buy().json()["id"]
    clock.advance(30)
    second = client.buy().json()["id"]
    server.fault("echo", "list_500", times=1)
    assert client.http.get("/echo/jobs").status_code == 500
    server.fault("echo", "list_late", seconds=20, times=1)
    assert client.http.get("/echo/jobs").json() == [first]
    assert client.http.get("/echo/jobs").json() == [second, first]


def test_a_longer_queue_delays_the_start(server: SimulatorServer, client: Any, clock: ManualClock) -> None:
    server.fault("echo", "long_queue", seconds=60)
    job_id = client.buy().json()["id"]
    clock.advance(59)
    assert client.read(job_id)["state"] == "queued"
    clock.advance(10)
    assert client.read(job_id)["state"] == "succeeded"


def test_an_output_is_a_real_video_of_the_size_asked_for(
    server: SimulatorServer, client: Any, clock: ManualClock
) -> None:
    import av

    content = client.bare.get(finished(client, clock, seconds=3)["video"]).content
    with av.open(io.BytesIO(content)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height, float(stream.average_rate or 0)) == (64, 48, 8.0)
        assert sum(1 for _ in container.decode(stream)) == 24
    assert content.index(b"moov") < content.index(b"mdat"), "the index must come first"


def test_an_output_can_be_fetched_in_parts(server: SimulatorServer, client: Any, clock: ManualClock) -> None:
    url = finished(client, clock)["video"]
    whole = client.bare.get(url).content
    part = client.bare.get(url, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole[100:200])


def test_a_key_sent_to_an_output_is_refused_and_reported(
    server: SimulatorServer, client: Any, clock: ManualClock
) -> None:
    url = finished(client, clock)["video"]
    assert client.bare.get(url, headers={"authorization": "Bearer secret-1"}).status_code == 400
    assert [leak.path for leak in server.world.leaks] == [urlsplit(url).path]
    assert client.bare.get(url).status_code == 200
    assert len(server.world.leaks) == 1


def test_an_output_can_expire_break_off_or_be_something_else(
    server: SimulatorServer, client: Any, clock: ManualClock
) -> None:
    url = finished(client, clock)["video"]
    for fault in ("expired_output", "output_not_video", "output_short"):
        server.fault("echo", fault, times=1)
    assert client.bare.get(url).status_code == 403
    page = client.bare.get(url)
    assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (200, "text/html")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        client.bare.get(url)
    assert client.bare.get(url).status_code == 200


def test_a_slow_download_starts_late(server: SimulatorServer, client: Any, clock: ManualClock) -> None:
    url = finished(client, clock)["video"]
    client.bare.get(url)
    server.fault("echo", "slow_download", seconds=0.4, times=1)
    began = time.monotonic()
    assert client.bare.get(url).status_code == 200
    assert time.monotonic() - began >= 0.4


def test_a_fault_on_all_calls_strikes_lists_and_polls_too(server: SimulatorServer, client: Any) -> None:
    job_id = client.buy().json()["id"]
    server.fault("echo", "unauthorized", on="all")
    answers = [client.buy(), client.http.get("/echo/jobs"), client.http.get(f"/echo/jobs/{job_id}")]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert len(server.ledger()) == 1


@pytest.mark.parametrize("value", [None, "", "Bearer", "Basic abc", "Bearer my-INVALID-key"])
def test_calls_without_a_good_key_are_refused(server: SimulatorServer, value: str | None) -> None:
    headers = {} if value is None else {"authorization": value}
    with httpx.Client(base_url=server.url) as plain:
        assert plain.post("/echo/jobs", json={}, headers=headers).status_code == 401
    assert server.ledger() == []


def test_the_control_api_lists_orders_and_clears_faults(server: SimulatorServer, client: Any) -> None:
    ordered = client.http.post("/_sim/faults", json={"provider": "echo", "fault": "no_credit", "times": 3})
    assert ordered.status_code == 201
    assert client.buy().status_code == 402
    listed = client.http.get("/_sim/faults").json()["faults"]
    assert [(order["fault"], order["left"]) for order in listed] == [("no_credit", 2)]
    assert client.http.delete("/_sim/faults").json() == {"faults": []}
    assert client.buy().status_code == 201


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"provider": "echo", "fault": "on_fire"}', "known are model_down"),
        (b'{"provider": "nobody", "fault": "stuck"}', "serves echo"),
        (b'{"fault": "stuck"}', "provider must be given"),
        (b"[]", "not a JSON object"),
        (b"{", "not a JSON object"),
    ],
)
def test_the_control_api_explains_what_was_wrong(client: Any, content: bytes, says: str) -> None:
    answer = client.http.post("/_sim/faults", content=content)
    assert answer.status_code == 400
    assert says in answer.json()["error"]


def test_the_control_api_sets_and_shows_the_time(client: Any, clock: ManualClock) -> None:
    assert client.http.post("/_sim/time", json={"seconds": 40}).json()["seconds"] == 40
    law = {"kind": "lognormal", "median": 60, "sigma": 0.3}
    shown = client.http.post("/_sim/time", json={"law": law, "seed": 7}).json()
    assert (shown["law"], shown["seed"]) == (law, 7)
    assert client.http.post("/_sim/time", json={"minutes": 1}).status_code == 400
    clock.advance(3600)
    assert client.http.get("/_sim/time").json()["now"] == "2026-11-21T13:00:00.000Z"


def test_the_help_names_every_fault_and_endpoint(client: Any) -> None:
    shown = client.http.get("/_sim/").json()
    assert list(shown["faults"]) == list(FAULTS)
    assert shown["providers"] == ["echo"]
    assert "POST /_sim/faults" in shown["endpoints"]


def test_the_ledger_follows_the_job_and_no_client_can_touch_it(
    server: SimulatorServer, client: Any, clock: ManualClock
) -> None:
    job_id = client.buy(model="e9").json()["id"]
    before = client.http.get("/_sim/ledger").json()
    clock.advance(10)
    after = client.http.get("/_sim/ledger").json()
    line = {"at": "2026-11-21T12:00:00.000Z", "provider": "echo", "model": "e9", "provider_job_id": job_id}
    assert before == {"charges": [{**line, "amount": None, "state": "accepted"}], "total": "0"}
    assert after == {"charges": [{**line, "amount": "0.50", "state": "succeeded"}], "total": "0.50"}
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert client.http.request(method, "/_sim/ledger").status_code == 405
    client.http.delete(f"/echo/jobs/{job_id}")
    assert client.http.get("/_sim/ledger").json() == after


def test_requests_are_recorded_without_keys_or_queries(server: SimulatorServer, client: Any) -> None:
    client.buy()
    with httpx.Client() as plain:
        plain.get(f"{server.url}/echo/jobs?token=hidden-2")
    shown = client.http.get("/_sim/requests")
    assert shown.json()["requests"] == [
        {"method": "POST", "path": "/echo/jobs", "vendor": "echo", "authorized": True},
        {"method": "GET", "path": "/echo/jobs", "vendor": "echo", "authorized": False},
    ]
    assert "echo-simulated" not in shown.text
    assert "hidden-2" not in shown.text


def test_the_environment_points_at_the_server(server: SimulatorServer, client: Any) -> None:
    expected = {"ECHO_BASE_URL": f"{server.url}/echo", "ECHO_KEY": "echo-simulated"}
    assert server.env == expected
    assert client.http.get("/_sim/env").json() == expected


def test_many_at_once_are_each_accepted_once(server: SimulatorServer, client: Any) -> None:
    threads = [threading.Thread(target=client.buy) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [charge.provider_job_id for charge in server.ledger()]
    assert len(ids) == len(set(ids)) == 40


def test_closing_frees_the_port_and_removes_the_files(
    clock: ManualClock, client: Any, server: SimulatorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    client.bare.get(finished(client, clock)["video"])
    (folder,) = tmp_path.iterdir()
    assert list(folder.glob("*.mp4"))
    server.stop()
    assert list(tmp_path.iterdir()) == []
    where = urlsplit(server.url)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((where.hostname, where.port), timeout=1)


def test_a_taken_port_is_an_error_at_once(server: SimulatorServer) -> None:
    port = urlsplit(server.url).port
    assert port is not None
    with pytest.raises(OSError, match="in use"):
        SimulatorServer([], port=port).start()


def test_serving_in_the_foreground_ends_quietly_on_ctrl_c() -> None:
    script = (
        "from anyvideo.testing.simulator import serve\n"
        "serve([], on_ready=lambda url, env: print(url, flush=True))\n"
        "print('closed', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with httpx.Client() as plain:
            assert plain.get(f"{url}/_sim/", timeout=10).json()["providers"] == []
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "closed\n", "")
