"""What became of a submit. Pure: judged by what the wire saw, never by the class of an exception."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from anyvideo.net.wire import CallRecord, NoReply, RefusedByVendor, Reply
from anyvideo.provider import Refusal
from anyvideo.types.errors import AnyVideoError, NotAccepted, ProviderError, Stage
from anyvideo.types.job import Failure

UNDECIDED_4XX = frozenset({408, 409, 429})


class Fate(Enum):
    """Whether the vendor took the submit."""

    NEVER_LEFT = "never left"
    REFUSED = "refused"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The fate of a submit that brought no submission, and the error behind it."""

    fate: Fate
    failure: Failure


def judge(
    record: CallRecord,
    error: Exception,
    *,
    refusals: Sequence[Refusal],
    explain: Callable[[Reply], ProviderError],
) -> Verdict:
    """Never left, refused, or ambiguous: everything that is not proven is ambiguous."""
    reply = record.reply
    if reply is not None:
        failure = Failure.of(explain(reply)) if reply.status >= 400 else _puzzling(error)
        if is_refusal(reply, refusals):
            return Verdict(fate=Fate.REFUSED, failure=_plainly_refused(failure))
        return Verdict(fate=Fate.AMBIGUOUS, failure=failure)
    if not record.left or isinstance(error, NotAccepted):
        return Verdict(fate=Fate.NEVER_LEFT, failure=_never_left(record, error))
    return Verdict(fate=Fate.AMBIGUOUS, failure=_lost(record))


def failure_of(error: Exception, *, explain: Callable[[Reply], ProviderError], stage: Stage) -> Failure:
    """What went wrong in a free call, as data."""
    if isinstance(error, RefusedByVendor):
        return replace(Failure.of(explain(error.reply)), stage=stage)
    if isinstance(error, ProviderError):
        return replace(Failure.of(error), stage=stage)
    hint = error.hint if isinstance(error, AnyVideoError) else None
    kind = "BadRequest" if isinstance(error, AnyVideoError) else "ServiceError"
    message = error.problem if isinstance(error, NoReply) else getattr(error, "message", None)
    return Failure(kind=kind, message=message or type(error).__name__, stage=stage, charged="no", hint=hint)


def is_refusal(reply: Reply, refusals: Sequence[Refusal]) -> bool:
    """Whether the answer proves that nothing was started."""
    if 400 <= reply.status < 500 and reply.status not in UNDECIDED_4XX:
        return True
    text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
    return any(
        refusal.status == reply.status and (refusal.body is None or re.search(refusal.body, text))
        for refusal in refusals
    )


def _plainly_refused(failure: Failure) -> Failure:
    """An unnamed error that provably started nothing is about the request, or about the vendor's load."""
    if failure.kind != "ServiceError":
        return failure
    return replace(failure, kind="OverCapacity" if (failure.status or 0) >= 500 else "BadRequest")


def _never_left(record: CallRecord, error: Exception) -> Failure:
    if isinstance(error, ProviderError):
        return Failure.of(error)
    if isinstance(error, AnyVideoError):
        return Failure(
            kind="BadRequest", message=error.message, stage="submit", charged="no", hint=error.hint
        )
    reason = record.problem or type(error).__name__
    return Failure(
        kind="NotAccepted",
        message=f"the request never left this machine: {reason}",
        stage="submit",
        charged="no",
    )


def _lost(record: CallRecord) -> Failure:
    reason = record.problem or "no answer"
    return Failure(
        kind="ServiceError", message=f"the answer was lost: {reason}", stage="submit", charged="unknown"
    )


def _puzzling(error: Exception) -> Failure:
    return Failure(
        kind="ServiceError",
        message=f"the answer could not be read: {type(error).__name__}",
        stage="submit",
        charged="unknown",
    )
