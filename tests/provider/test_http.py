"""`HTTPProvider`: pure functions, tested by equality. How it sends is proven by the conformance suite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

import anyvideo.provider as door
from anyvideo.provider import (
    BadRequest,
    GenerationFailed,
    HTTPProvider,
    HTTPRequest,
    InputModerated,
    JobStatus,
    NoCredit,
    Order,
    ProviderError,
    RateLimited,
    Ref,
    Reply,
    ServiceError,
    Update,
)


class Kite(HTTPProvider):
    name = "kite"
    base_url = "https://api.kite.example/v1"
    statuses: ClassVar[Mapping[str, JobStatus]] = {
        "new": JobStatus.QUEUED,
        "ready": JobStatus.SUCCEEDED,
        "lost": JobStatus.FAILED,
    }
    errors: ClassVar[Mapping[str, type[ProviderError]]] = {"no_wind": NoCredit}

    def submit_request(self, order: Order) -> HTTPRequest:
        return HTTPRequest(method="POST", path="/clips", json=order.inputs)

    def fetch_request(self, ref: Ref) -> HTTPRequest:
        return HTTPRequest(method="GET", path=f"/clips/{ref.job_id}")

    def parse(self, fields: Mapping[str, Any]) -> Update:
        return self.reading(fields.get("state"))


@pytest.fixture
def kite() -> Kite:
    return Kite(context=None)  # type: ignore[arg-type]


def refused(status: int, body: Any, **headers: str) -> Reply:
    return Reply(method="POST", url="https://api.kite.example", status=status, headers=headers, body=body)


@pytest.mark.parametrize("word", ["in a tree", "", None, 7, ["ready"]])
def test_a_word_that_the_table_lacks_counts_as_running(kite: Kite, word: object) -> None:
    update = kite.reading(word, addresses=["https://kite.example/1.mp4"])
    assert (update.status, update.known_word, update.outputs) == (JobStatus.RUNNING, False, ())


def test_a_success_has_its_addresses(kite: Kite) -> None:
    update = kite.reading("ready", addresses=["https://kite.example/1.mp4"], progress=1.7)
    assert (update.status, update.native, update.failure) == (JobStatus.SUCCEEDED, "ready", None)
    assert [output.url for output in update.outputs] == ["https://kite.example/1.mp4"]
    assert update.progress == 1.0


def test_a_success_without_a_file_stays_one(kite: Kite) -> None:
    """The engine looks again: the file may come a moment later."""
    update = kite.reading("ready")
    assert (update.status, update.outputs, update.failure) == (JobStatus.SUCCEEDED, (), None)


def test_a_failure_keeps_its_type_and_has_one_without_a_reason_too(kite: Kite) -> None:
    said = kite.reading("lost", error=InputModerated("no kites here", code="K1", charged="no"))
    silent = kite.reading("lost")
    assert said.failure is not None
    assert silent.failure is not None
    assert (said.failure.kind, said.failure.code, said.failure.charged) == ("InputModerated", "K1", "no")
    assert (silent.failure.kind, silent.failure.charged) == ("GenerationFailed", "unknown")


def test_an_error_counts_only_for_a_job_that_failed(kite: Kite) -> None:
    assert kite.reading("new", error=GenerationFailed("stale")).failure is None


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"error": {"code": "K2", "message": "torn"}}, "K2", "torn"),
        ({"error": "torn"}, None, "torn"),
        ({"detail": "torn", "code": "K2"}, "K2", "torn"),
        ({"message": "torn"}, None, "torn"),
        ({"error": {"code": 2}}, None, None),
        ([{"message": "torn"}], None, None),
        ("<html>", None, None),
        (None, None, None),
    ],
)
def test_code_and_message_are_found_in_the_usual_places(
    kite: Kite, body: Any, code: str | None, message: str | None
) -> None:
    assert kite.complaint(refused(400, body)) == (code, message)


def test_a_code_beats_the_status_and_the_status_decides_the_rest(kite: Kite) -> None:
    assert type(kite.explain(refused(400, {"error": {"code": "no_wind"}}))) is NoCredit
    assert type(kite.explain(refused(400, {"error": {"code": "K3"}}))) is BadRequest
    assert type(kite.explain(refused(502, "<html>"))) is ServiceError
    limited = kite.explain(refused(429, {}, **{"retry-after": "3"}))
    assert (type(limited), limited.retry_after) == (RateLimited, 3.0)


def test_functions_that_are_missing_are_named_when_it_is_opened() -> None:
    class Half(HTTPProvider):
        name = "half"

    with pytest.raises(TypeError, match="fetch_request"):
        Half(context=None)  # type: ignore[abstract,arg-type]


def test_the_door_is_sorted_and_complete() -> None:
    assert door.__all__ == sorted(door.__all__)
    assert not [name for name in door.__all__ if not hasattr(door, name)]
