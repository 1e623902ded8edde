"""What every vendor's statuses have in common, and fields that are not what they should be."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from anyvideo.provider import (
    AuthenticationFailed,
    BadRequest,
    Forbidden,
    InputModerated,
    ModelUnavailable,
    NoCredit,
    NoReply,
    ProviderError,
    RateLimited,
    RefusedByVendor,
    Reply,
    ResultGone,
    ServiceError,
    addresses_in,
    explain_status,
    job_id_in,
    json_object,
    number_in,
    text_in,
    time_in,
)


def reply(
    status: int, body: Any = None, *, method: str = "POST", readable: bool = True, **headers: str
) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(
        method=method,
        url="https://api.example.com/v1",
        status=status,
        headers=named,
        body=body,
        readable=readable,
    )


@pytest.mark.parametrize(
    ("status", "method", "meaning", "charged"),
    [
        (400, "POST", BadRequest, "no"),
        (401, "POST", AuthenticationFailed, "no"),
        (402, "POST", NoCredit, "no"),
        (403, "POST", Forbidden, "no"),
        (404, "POST", ModelUnavailable, "no"),
        (404, "GET", ResultGone, "yes"),
        (404, "DELETE", ResultGone, "yes"),
        (405, "POST", BadRequest, "no"),
        (408, "POST", ServiceError, "unknown"),
        (409, "POST", ServiceError, "unknown"),
        (410, "GET", ResultGone, "yes"),
        (413, "POST", BadRequest, "no"),
        (415, "POST", BadRequest, "no"),
        (418, "POST", ServiceError, "unknown"),
        (422, "POST", BadRequest, "no"),
        (429, "POST", RateLimited, "no"),
        (500, "POST", ServiceError, "unknown"),
        (502, "POST", ServiceError, "unknown"),
        (503, "POST", ServiceError, "unknown"),
        (504, "GET", ServiceError, "unknown"),
        (302, "POST", ServiceError, "unknown"),
    ],
)
def test_statuses(status: int, method: str, meaning: type[ProviderError], charged: str) -> None:
    error = explain_status(reply(status, method=method))
    assert type(error) is meaning
    assert error.status == status
    assert error.charged == charged
    assert error.transient == (status in {408, 429, 500, 502, 503, 504})


def test_a_plugin_that_knows_better_is_believed() -> None:
    error = explain_status(
        reply(400, retry_after="9"), "not that", meaning=InputModerated, code="E1", wait=3.0
    )
    assert type(error) is InputModerated
    assert (error.message, error.code, error.retry_after) == ("not that", "E1", 9.0)
    assert explain_status(reply(429), wait=3.0).retry_after == 3.0
    assert explain_status(reply(429, {"retry_after": 4})).retry_after == 4.0
    assert len(explain_status(reply(400), "x" * 10_000).message) == 500


@pytest.mark.parametrize("body", [None, "text", [], 5, [{"id": "a"}]])
def test_an_answer_that_is_no_object_leaves_it_open(body: Any) -> None:
    with pytest.raises(ServiceError) as error:
        json_object(reply(200, body))
    assert error.value.charged == "unknown"
    assert error.value.transient


def test_an_answer_that_was_cut_off_leaves_it_open() -> None:
    with pytest.raises(ServiceError):
        json_object(reply(200, {"id": "a"}, readable=False))


@pytest.mark.parametrize("value", [None, "", "../../etc", "a/b", "a?b", "a b", 5, ["a"], "a" * 201, "a\n"])
def test_an_id_that_could_change_the_path_is_none(value: Any) -> None:
    with pytest.raises(ServiceError):
        job_id_in({"id": value})


def test_fields_that_are_not_what_they_should_be_count_as_not_said() -> None:
    fields = {"text": "word", "blank": " ", "number": 2, "yes": True, "minus": -1, "list": [], "big": 10**400}
    assert text_in(fields, "text") == "word"
    assert [text_in(fields, name) for name in ("blank", "number", "list", "none")] == [None] * 4
    assert text_in(["text"], "text") is None
    assert number_in(fields, "number") == 2.0
    assert [number_in(fields, name) for name in ("yes", "minus", "text", "none", "big")] == [None] * 5
    assert number_in(None, "number") is None


def test_times_are_utc() -> None:
    fields = {
        "z": "2026-11-21T12:00:00.123Z",
        "offset": "2026-11-21T13:00:00+01:00",
        "bare": "2026-11-21T12:00:00",
    }
    z, offset, bare = (time_in(fields, name) for name in fields)
    assert z is not None
    assert z.isoformat() == "2026-11-21T12:00:00.123000+00:00"
    assert offset == bare
    assert time_in({"t": "yesterday"}, "t") is None
    assert time_in({"t": 5}, "t") is None


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_that_no_calendar_has_in_utc_is_none(text: str) -> None:
    assert time_in({"t": text}, "t") is None


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ("https://a/1", ("https://a/1",)),
        (["https://a/1", "https://a/2"], ("https://a/1", "https://a/2")),
        ({"video": "https://a/1", "seconds": 5}, ("https://a/1",)),
        ([{"url": "https://a/1"}, None, 3], ("https://a/1",)),
        ("file:///etc/passwd", ()),
        (None, ()),
    ],
)
def test_addresses_are_found_in_any_shape(output: Any, found: tuple[str, ...]) -> None:
    assert addresses_in(output) == found


def test_what_the_wire_raises_survives_another_process() -> None:
    refused = pickle.loads(pickle.dumps(RefusedByVendor(reply(404, {"detail": "no"}))))
    assert refused.reply.body == {"detail": "no"}
    lost = pickle.loads(pickle.dumps(NoReply(left=True, problem="gone")))
    assert (lost.left, lost.problem) == (True, "gone")
