"""What refusals mean: on the simulated vendor, and for answers that nobody has seen yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest

from anyvideo.net.wire import Reply
from anyvideo.provider import Failure, VideoProvider
from anyvideo.testing.conformance.bench import Bench
from anyvideo.testing.conformance.opened import Opened, explained
from anyvideo.testing.conformance.rules import calmly, require

WAIT: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """How a refusal is to be understood: its kinds, and what the engine may conclude about the submit."""

    kinds: frozenset[str]
    fates: frozenset[str]


def _means(*kinds: str, fates: tuple[str, ...] = ("refused",)) -> Meaning:
    return Meaning(kinds=frozenset(kinds), fates=frozenset(fates))


REFUSED: Final[Mapping[str, Meaning]] = {
    "unauthorized": _means("AuthenticationFailed"),
    "no_credit": _means("NoCredit"),
    "invalid_request": _means("BadRequest"),
    "model_down": _means("ModelUnavailable"),
    "rate_limited": _means("RateLimited", "OverCapacity", fates=("refused", "ambiguous")),
    "error_500_before_accept": _means("ServiceError", "OverCapacity", fates=("ambiguous",)),
    "error_500_after_accept": _means("ServiceError", "OverCapacity", fates=("ambiguous",)),
}

BY_STATUS: Final[Mapping[int, frozenset[str]]] = {
    400: frozenset({"BadRequest"}),
    401: frozenset({"AuthenticationFailed"}),
    402: frozenset({"NoCredit"}),
    403: frozenset({"Forbidden", "AuthenticationFailed", "NoCredit", "InputModerated"}),
    404: frozenset({"ModelUnavailable", "ResultGone", "BadRequest"}),
    422: frozenset({"BadRequest"}),
    429: frozenset({"RateLimited", "OverCapacity", "NoCredit"}),
    500: frozenset({"ServiceError", "OverCapacity"}),
    502: frozenset({"ServiceError", "OverCapacity"}),
    503: frozenset({"ServiceError", "OverCapacity"}),
    504: frozenset({"ServiceError", "OverCapacity"}),
}
"""What a status alone may mean, where the body says nothing."""

BODIES: Final[tuple[Any, ...]] = (
    None,
    "",
    "<html><title>502 Bad Gateway</title></html>",
    [],
    {},
    [{"detail": "in a list"}],
    {"error": None},
    {"error": {"code": 17, "message": {"deep": True}}},
    {"detail": [{"loc": ["body", 0], "msg": "nested"}]},
    {"message": 3.5, "code": None, "title": [], "status": "failed"},
    {"issues": "none", "errors": {"a": ["b"]}, "retry_after": "soon"},
)


class Answers:
    """Errors have their types."""

    @pytest.mark.parametrize("fault", tuple(REFUSED))
    def test_a_refusal_has_its_type(self, wire: Bench, fault: str) -> None:
        """The engine decides by type, fate, wait and charge what comes next."""
        meaning = REFUSED[fault]
        kinds = wire.samples.kinds_of(fault, meaning.kinds)
        params: dict[str, Any] = {"retry_after": WAIT} if fault == "rate_limited" else {}
        wire.vendor.fault(wire.plugin.name, fault, times=1, **params)

        async def work(opened: Opened) -> None:
            sale = await opened.sell(await opened.any_order())
            require(
                sale.submission is None, "errors", expected=f"submit raises after {fault}", got="a submission"
            )
            with calmly("explain", expected=f"explain copes with the answer to {fault}"):
                verdict = opened.verdict(sale)
            failure = verdict.failure
            require(
                failure.kind in kinds,
                "errors",
                expected=f"{fault} is {' or '.join(sorted(kinds))}",
                got=f"{failure.kind} ({failure.message})",
            )
            require(
                verdict.fate.value in meaning.fates,
                "refusals",
                expected=f"{fault} is {' or '.join(sorted(meaning.fates))}",
                got=f"{verdict.fate.value}, status {failure.status}",
            )
            if fault == "rate_limited":
                require(
                    failure.retry_after == WAIT,
                    "errors",
                    expected=f"retry_after={WAIT}, as the vendor asks",
                    got=f"retry_after={failure.retry_after}",
                )
            if fault.startswith("error_500"):
                _check_unknown_charge(failure)

        wire.run(work)

    def test_a_status_alone_has_its_meaning(self, bench: Bench) -> None:
        """A proxy in between answers without the vendor's body."""

        async def work(opened: Opened) -> None:
            for status, kinds in BY_STATUS.items():
                for method in ("POST", "GET"):
                    failure = _explained(opened.provider, _reply(status, None, method=method))
                    require(
                        failure.kind in kinds,
                        "errors",
                        expected=f"{status} after a {method}, no body, is {' or '.join(sorted(kinds))}",
                        got=failure.kind,
                    )
            for status in (418, 451, 507, 599):
                _explained(opened.provider, _reply(status, None))

        bench.run(work)

    def test_explain_copes_with_any_body(self, bench: Bench) -> None:
        """It is asked when things have gone wrong already."""

        async def work(opened: Opened) -> None:
            for status in (*BY_STATUS, 409, 425):
                for body in BODIES:
                    reply = _reply(status, body)
                    first, second = _explained(opened.provider, reply), _explained(opened.provider, reply)
                    require(
                        first == second,
                        "explain",
                        expected="the same answer is the same error",
                        got=f"{first} and {second}",
                    )
                    if status >= 500:
                        _check_unknown_charge(first)

        bench.run(work)

    def test_the_wait_is_read(self, bench: Bench) -> None:
        """`Retry-After` is the vendor's word on when to come back."""

        async def work(opened: Opened) -> None:
            reply = _reply(429, {}, headers={"retry-after": "9"})
            failure = _explained(opened.provider, reply)
            require(
                failure.retry_after == 9,
                "errors",
                expected="retry_after=9.0 from the header of a 429",
                got=f"retry_after={failure.retry_after}",
            )

        bench.run(work)


def _explained(provider: VideoProvider, reply: Reply) -> Failure:
    """The error as data."""
    with calmly("explain", expected=f"explain answers for {reply.status} and the body {reply.body!r}"):
        error = explained(provider, reply)
    failure = Failure.of(error)
    require(failure.message.strip(), "explain", expected="an error says something", got="no message")
    return failure


def _reply(
    status: int, body: Any, *, method: str = "POST", headers: Mapping[str, str] | None = None
) -> Reply:
    return Reply(
        method=method,
        url="https://vendor.example/v1/jobs",
        status=status,
        headers=headers or {},
        body=body,
        readable=not isinstance(body, str),
    )


def _check_unknown_charge(failure: Failure) -> None:
    require(
        failure.charged != "no" or failure.kind == "OverCapacity",
        "explain",
        expected=f"charged is not 'no' after a {failure.status}: the job may have been taken",
        got=f"{failure.kind}, charged={failure.charged!r}",
    )
