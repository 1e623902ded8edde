"""Scopes: every call of a provider runs in one, and the transport asks which."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from contextvars import ContextVar

from anyvideo.net.wire import BeforeSend, CallRecord, NoReply, RefusedByVendor, Reply, Scope

_call: ContextVar[CallRecord | None] = ContextVar("anyvideo_call", default=None)


def current_call() -> CallRecord | None:
    """The record of the call that runs here; None outside every scope and after its end."""
    record = _call.get()
    return None if record is None or record.closed else record


@asynccontextmanager
async def free_call() -> AsyncIterator[CallRecord]:
    """A scope for what costs nothing: upload, fetch, cancel, list. Never for a create."""
    async with _scope(CallRecord(scope=Scope.FREE)) as record:
        yield record


@asynccontextmanager
async def submit_call(before_send: BeforeSend) -> AsyncIterator[CallRecord]:
    """A scope in which one POST may leave, on a new connection, after `before_send(body_hash)` returned."""
    async with _scope(CallRecord(scope=Scope.SUBMIT, before_send=before_send)) as record:
        yield record


@asynccontextmanager
async def _scope(record: CallRecord) -> AsyncIterator[CallRecord]:
    token = _call.set(record)
    try:
        yield record
    finally:
        record.closed = True
        _call.reset(token)


async def exchange(call: Awaitable[object]) -> Reply:
    """Await an SDK's call and return the 2xx that the wire saw, whatever the SDK made of it.

    Raises RefusedByVendor for any other answer, NoReply when none came, and what `before_send` or the guard
    raised when that kept the call from being sent. Cancellation passes through.
    """
    record = current_call()
    seen = 0 if record is None else len(record.replies)
    try:
        await call
    except Exception as error:  # noqa: BLE001 - the wire is the witness, not the SDK's exception
        return _outcome(record, seen, error)
    return _outcome(record, seen, None)


def _outcome(record: CallRecord | None, seen: int, error: Exception | None) -> Reply:
    if record is not None and len(record.replies) > seen:
        reply = record.replies[-1]
        if reply.ok:
            return reply
        raise RefusedByVendor(reply) from error
    if record is not None and record.stopped is not None and not record.left:
        raise record.stopped
    left = record is not None and record.left
    name = "no request" if error is None else type(error).__name__
    problem = record.problem if record is not None and record.problem else f"{name} before sending"
    raise NoReply(left=left, problem=problem) from error
