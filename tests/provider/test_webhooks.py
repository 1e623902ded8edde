"""Deliveries: what the common scheme lets in, what it keeps out, and with which words."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from anyvideo import ConfigurationError
from anyvideo.provider import BadDelivery, Delivery, standard_webhook
from anyvideo.testing import standard_delivery

KEY = bytes(range(24))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
POSTED = standard_delivery({"id": "clip-7", "status": "ready"}, SECRET, NOW)


def check(delivery: Delivery = POSTED, *, secrets: tuple[str, ...] = (SECRET,), window: float = 300.0) -> str:
    return standard_webhook(delivery, secrets=[SecretStr(one) for one in secrets], now=NOW, window=window)


def by_the_book(key: bytes, message: bytes) -> str:
    """HMAC-SHA256 as RFC 2104 writes it down."""
    block = key.ljust(64, b"\0")
    inner = sha256(bytes(byte ^ 0x36 for byte in block) + message).digest()
    return base64.b64encode(sha256(bytes(byte ^ 0x5C for byte in block) + inner).digest()).decode()


def posted(mark: str, stamp: str, body: bytes, *, version: str = "v1") -> Delivery:
    signature = by_the_book(KEY, f"{mark}.{stamp}.".encode() + body)
    headers = {
        "webhook-id": mark,
        "webhook-timestamp": stamp,
        "webhook-signature": f"{version},{signature}",
    }
    return Delivery(headers=headers, body=body)


def test_what_the_scheme_signs_is_let_in_and_named() -> None:
    assert check(posted("msg_1", str(int(NOW.timestamp())), b"{}")) == "msg_1"


def test_the_samples_sign_by_the_book() -> None:
    headers = POSTED.headers
    again = posted(headers["webhook-id"], headers["webhook-timestamp"], POSTED.body)
    assert headers["webhook-signature"] == again.headers["webhook-signature"]


def test_one_of_several_signatures_and_secrets_is_enough() -> None:
    other = "whsec_" + base64.b64encode(KEY[::-1]).decode()
    several = f"v1a,abc v1,{'A' * 43}= {POSTED.headers['webhook-signature']}"
    delivery = replace(POSTED, headers={**POSTED.headers, "webhook-signature": several})
    assert check(delivery, secrets=(other, SECRET)) == POSTED.headers["webhook-id"]
    assert check(secrets=(SECRET.removeprefix("whsec_"),))


@pytest.mark.parametrize(
    ("mark", "stamp", "version"),
    [
        ("msg_1.1795262400", "1795262400", "v1"),  # a dot: the same bytes cut elsewhere
        ("msg 1", "1795262400", "v1"),
        ("m" * 257, "1795262400", "v1"),
        ("msg_1", " 1795262400", "v1"),
        ("msg_1", "+1795262400", "v1"),
        ("msg_1", "1795262400.0", "v1"),
        ("msg_1", "1_795_262_400", "v1"),
        ("msg_1", "1795262400", "v2"),
        ("msg_1", "1795262400", "V1"),
    ],
)
def test_a_right_signature_over_something_odd_is_refused(mark: str, stamp: str, version: str) -> None:
    assert int(NOW.timestamp()) == 1_795_262_400
    with pytest.raises(BadDelivery):
        check(posted(mark, stamp, b"{}", version=version), window=10**12)


def test_a_signature_without_its_version_is_refused() -> None:
    bare = POSTED.headers["webhook-signature"].removeprefix("v1,")
    for signature in (bare, f",{bare}", f"v1{bare}", f"v1, {bare}"):
        with pytest.raises(BadDelivery):
            check(replace(POSTED, headers={**POSTED.headers, "webhook-signature": signature}))


def test_a_crowd_of_signatures_is_refused() -> None:
    crowd = " ".join([POSTED.headers["webhook-signature"], *["v1,AAAA"] * 10])
    with pytest.raises(BadDelivery, match="too many"):
        check(replace(POSTED, headers={**POSTED.headers, "webhook-signature": crowd}))


def test_a_body_beyond_a_mebibyte_is_refused() -> None:
    stamp = str(int(NOW.timestamp()))
    assert check(posted("msg_1", stamp, bytes(2**20)))
    with pytest.raises(BadDelivery, match="too large"):
        check(posted("msg_1", stamp, bytes(2**20 + 1)))


@pytest.mark.parametrize("offset", [-300, 300, -301, 301])
def test_the_window_is_open_on_both_sides(offset: int) -> None:
    delivery = standard_delivery({"id": "clip-7"}, SECRET, NOW + timedelta(seconds=offset))
    if abs(offset) <= 300:
        assert check(delivery)
        return
    with pytest.raises(BadDelivery, match="more than 300 s from now"):
        check(delivery)


@pytest.mark.parametrize("window", [float("nan"), -1.0])
def test_a_window_that_is_none_lets_nothing_in(window: float) -> None:
    with pytest.raises(BadDelivery):
        check(window=window)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_short", "whsec_%%%%", "whsec_schlüssel", "whsec_AAAA"]
)
def test_a_secret_that_is_none_is_a_setting_to_mend(secret: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check(secrets=(secret,))
    assert caught.value.field == "secrets"
    assert len(secret) <= len("whsec_") or secret not in f"{caught.value!r} {caught.value.__context__!r}"


def test_what_is_shown_of_a_delivery_is_neither_body_nor_headers() -> None:
    assert "clip-7" not in repr(POSTED)
    assert POSTED.headers["webhook-signature"] not in repr(POSTED)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000, b'{"a": 1} {}'])
def test_a_body_that_is_no_object_is_a_bad_delivery(body: bytes) -> None:
    with pytest.raises(BadDelivery, match="no JSON object"):
        Delivery(headers={}, body=body).json_object()


@given(
    name=st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]),
    value=st.one_of(st.text(max_size=80), st.from_regex(r"v1,[A-Za-z0-9+/=]{0,60}", fullmatch=True)),
)
def test_any_other_header_is_refused_with_the_one_error(name: str, value: str) -> None:
    changed = replace(POSTED, headers={**POSTED.headers, name: value})
    if value == POSTED.headers[name]:
        return
    with pytest.raises(BadDelivery) as caught:
        check(changed)
    assert SECRET not in str(caught.value)
    assert POSTED.headers["webhook-signature"] not in str(caught.value)


@given(body=st.binary(max_size=200))
def test_any_other_body_is_refused(body: bytes) -> None:
    if body != POSTED.body:
        with pytest.raises(BadDelivery):
            check(replace(POSTED, body=body))
