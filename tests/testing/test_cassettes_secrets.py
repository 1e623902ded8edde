from __future__ import annotations

import base64
import json
import urllib.parse
from pathlib import Path

import pytest
import vcr
import yaml
from typer.testing import CliRunner

from anyvideo.cli import app
from anyvideo.testing.cassettes import Masker, check_files, check_text, open_cassette

from .planted import SECRETS, send, served


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """What vcrpy alone makes of it."""
    path = tmp_path / "plain.yaml"
    with served() as url, vcr.use_cassette(str(path)):
        send(url)
    return path


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    path = tmp_path / "ours.yaml"
    with served() as url, open_cassette(path, source="simulator", moves=[(url, "https://api.example")]):
        send(url)
    return path


def test_plain_vcrpy_keeps_all_seven(plain: Path) -> None:
    kept = plain.read_text()
    decoded = kept + _decoded(kept)
    assert [name for name, secret in SECRETS.items() if secret in decoded] == list(SECRETS)


def test_none_of_seven_reaches_our_cassette(ours: Path) -> None:
    kept = ours.read_text()
    forms = {
        name: [secret, base64.b64encode(secret.encode()).decode().rstrip("="), urllib.parse.quote(secret)]
        for name, secret in SECRETS.items()
    }
    assert [name for name, spellings in forms.items() if any(form in kept for form in spellings)] == []
    assert "a fox" in kept
    assert "upload_token" in kept, "the names stay readable"


def test_check_finds_seven_of_seven_in_a_plain_recording(plain: Path) -> None:
    findings = check_files([plain])
    spotted = {
        "header": any(finding.name == "x-api-key" for finding in findings),
        "query": any(finding.name == "uri" and "parameter" in finding.kind for finding in findings),
        "request body": any(finding.name == "webhook_secret" for finding in findings),
        "response body": any(finding.name == "upload_token" for finding in findings),
        "cookie": any(finding.kind == "cookie" for finding in findings),
        "signed address": any(finding.name == "output" for finding in findings),
        "multipart": any(finding.name == "form field upload_token" for finding in findings),
    }
    assert [name for name, found in spotted.items() if not found] == []
    assert not any(secret in str(finding) for secret in SECRETS.values() for finding in findings)
    lines = plain.read_text().splitlines()
    [header] = [finding for finding in findings if finding.name == "x-api-key"]
    assert SECRETS["header"] in lines[header.line - 1]


def test_the_command_exits_with_1_and_shows_places_but_no_secrets(plain: Path, ours: Path) -> None:
    found = CliRunner().invoke(app, ["cassette", "check", str(ours), str(plain)], prog_name="anyvideo")
    assert found.exit_code == 1
    assert f"{plain}:" in found.output
    assert not any(secret in found.output for secret in SECRETS.values())
    told = CliRunner().invoke(app, ["cassette", "check", str(plain.parent), "--json"], prog_name="anyvideo")
    document = json.loads(told.stdout)
    assert told.exit_code == 1
    assert document["clean"] is False
    assert {finding["path"] for finding in document["findings"]} == {str(plain)}


def test_the_command_exits_with_0_where_all_is_clean(ours: Path) -> None:
    told = CliRunner().invoke(app, ["cassette", "check", str(ours), "--json"], prog_name="anyvideo")
    assert (told.exit_code, json.loads(told.stdout)) == (0, {"clean": True, "findings": []})
    missing = CliRunner().invoke(app, ["cassette", "check", str(ours) + ".not"], prog_name="anyvideo")
    assert missing.exit_code == 2


def test_check_finds_nothing_in_ours(ours: Path) -> None:
    assert check_files([ours]) == []


def test_every_cassette_of_the_project_is_clean() -> None:
    folder = Path(__file__).parents[2] / "cassettes"
    assert len(list(folder.rglob("*.yaml"))) >= 18
    assert check_files([folder]) == []


def test_a_recording_plays_to_a_caller_with_other_secrets(
    ours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("query", "request body", "multipart", "header"):
        monkeypatch.setitem(SECRETS, name, f"another-{name}")
    with open_cassette(ours, source=None) as tape:
        job, form = send("https://another.example")
    assert job["id"] == "job-1"
    assert job["upload_token"].startswith("masked-")
    assert form == {"stored": True}
    assert tape.unplayed() == []


VALUE = "plainvaluewithoutshape"


@pytest.mark.parametrize(
    "written",
    [
        VALUE,
        urllib.parse.quote("with/" + VALUE),
        base64.b64encode(VALUE.encode()).decode(),
        base64.b64encode(f"user:{VALUE}".encode()).decode(),
        base64.b64encode(f"me:{VALUE}:x".encode()).decode(),
        VALUE.encode().hex(),
        json.dumps({"a": VALUE}),
    ],
)
def test_a_known_value_is_masked_however_it_is_written(written: str) -> None:
    masked = Masker([VALUE]).text(f"before {written} after")
    assert VALUE not in masked
    assert written not in masked
    assert "masked-key-1" in masked


def test_the_same_secret_gets_the_same_mask_and_another_one_another() -> None:
    masker = Masker()
    one, other = "https://f.example/a?sig=aaaa1111bbbb", "https://f.example/a?sig=cccc2222dddd"
    assert masker.text(one) == masker.text(one) != masker.text(other)
    assert masker.text(masker.text(one)) == masker.text(one), "a mask is not masked again"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("bearer", "authorised with Bearer abcDEF123456ghiJKL"),
        ("JWT", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"),
        ("basic", "Basic " + base64.b64encode(b"user:password").decode()),
        ("credentials in an address", "postgres://user:s3cr3t@db.example/videos"),
        ("parameter of an address", "https://s.example/a?X-Goog-Signature=abcd1234"),
        ("parameter of an address", "https://s.example/a?sv=2024&sig=ab%2Fcd1234"),
        ("cloud key", "AKIAIOSFODNN7EXAMPLE"),
        ("key with a prefix", "key r8_Xk29fLq81mNpz03RtYv4 is live"),
        ("key with a prefix", "vid-3f2b8c1d-9e4a-4b7c-8d2e-1f0a9b8c7d6e"),
        ("long hex", "deadbeef" * 4),
        ("random text", "see 8fKq2LxZ91mVbT40wRcY7sPd"),
        ("named", "export VIDEO_API_KEY=hunter2hunter2"),
        ("named", "api_key: swordfish"),
        ("cookie", "set-cookie: [session=swordfish; Path=/]"),
    ],
)
def test_shapes(kind: str, text: str) -> None:
    assert kind in {finding.kind for finding in check_text(text)}


@pytest.mark.parametrize(
    "text",
    [
        "a red fox crosses a frozen lake at dawn, slow dolly-in; the key: brass",
        "model: stability-ai/stable-video-diffusion",
        "id: 3f2b8c1d-9e4a-4b7c-8d2e-1f0a9b8c7d6e",
        f"version: {'3f0457e4619daac5' * 4}",
        "https://api.example/v1/tasks/3f2b8c1d-9e4a-4b7c-8d2e-1f0a9b8c7d6e",
        "token: masked-3",
        "max_tokens: 4096",
        "created_at: '2026-01-01T00:00:12.000Z'",
        "x-runtime-version: 2024-11-06",
        "seedance-1-lite-20251015-fast-image-to-video",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert check_text(text) == []


def _decoded(text: str) -> str:
    """The bodies that the file holds in base64."""
    bodies = [exchange["request"]["body"] for exchange in yaml.safe_load(text)["interactions"]]
    return "".join(body.decode("latin-1") for body in bodies if isinstance(body, bytes))
