"""Following an accepted job: one poll, or one step of a cancel that never destroys a paid clip."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from anyvideo.catalog.spec import ModelSpec
from anyvideo.jobs.backends import Backend
from anyvideo.jobs.look import look, went_wrong
from anyvideo.jobs.observe import observe
from anyvideo.jobs.sane import sane_failure
from anyvideo.jobs.schedule import backoff, patience_over
from anyvideo.jobs.turn import Turn
from anyvideo.net.scopes import free_call
from anyvideo.types.events import EventKind
from anyvideo.types.job import Canceling, Failure, Ref, Update
from anyvideo.types.states import TERMINAL, AttemptState

MAX_POLL_WAIT = 60.0


async def follow(turn: Turn, backend: Backend, spec: ModelSpec, *, watched: float) -> datetime | None:
    """Ask once how the job stands, and cancel it when that is wanted. Returns when to come back.

    `watched` is for how many monotonic seconds this process has followed: a wall clock may jump.
    """
    cancel = await _wanted_cancel(turn, watched)
    attempt = turn.attempt
    hurried = cancel is not None or attempt.gone_since is not None
    if attempt.due_at is not None and turn.clock.now() < attempt.due_at and not hurried:
        return attempt.due_at
    ref = attempt.ref
    assert ref is not None, "an accepted attempt has its handle"
    try:
        update = await look(backend, ref)
    except Exception as error:
        return await trouble(turn, went_wrong(backend, error, stage="poll"))
    await _observe(turn, update, spec)
    attempt = turn.attempt
    if attempt.state in TERMINAL or attempt.state is AttemptState.OUTPUT_READY:
        return None
    if attempt.gone_since is not None:
        return turn.clock.now() + timedelta(seconds=1 if attempt.cancel_sent else 5)
    if cancel is not None and not attempt.cancel_sent:
        return await _cancel(turn, backend, ref, cancel)
    return attempt.due_at


async def trouble(turn: Turn, failure: Failure) -> datetime:
    """A free call failed: it is tried again after a growing, jittered wait."""
    failure = sane_failure(failure)
    attempt = replace(turn.attempt, trouble=turn.attempt.trouble + 1)
    wait = min(failure.retry_after or backoff(attempt.trouble), MAX_POLL_WAIT)
    due = turn.clock.now() + timedelta(seconds=wait)
    await turn.save(replace(attempt, due_at=due))
    turn.say(EventKind.TROUBLE, failure=failure, message=failure.message)
    return due


async def _wanted_cancel(turn: Turn, watched: float) -> Canceling | None:
    """Who wants it canceled. The caller may take it back until the cancel is begun."""
    attempt = turn.attempt
    if attempt.canceling == "patience":
        return "patience"
    if turn.job.cancel_requested:
        return "caller"
    if not patience_over(attempt, turn.clock.now(), watched):
        return None
    await turn.save(replace(attempt, canceling="patience"))
    return "patience"


async def _observe(turn: Turn, update: Update, spec: ModelSpec) -> None:
    before, now = turn.attempt, turn.clock.now()
    counted = replace(before, polls=before.polls + 1, trouble=0, due_at=turn.next_poll(spec))
    after = observe(counted, update, spec, now)
    await turn.save(after)
    if not update.known_word:
        turn.say(EventKind.UNKNOWN_WORD, message=f"the vendor says {update.native!r}")
    if after.state in TERMINAL:
        turn.say(EventKind.ATTEMPT_ENDED, failure=after.failure, cost=after.cost)
    elif (after.state, after.native, after.progress) != (before.state, before.native, before.progress):
        turn.say(EventKind.PROGRESS)


async def _cancel(turn: Turn, backend: Backend, ref: Ref, wanted_by: Canceling) -> datetime | None:
    """Unfinished a moment ago: tell the vendor to stop. The polls that follow confirm it and say its cost."""
    if backend.plugin.cancels == "none":
        turn.say(EventKind.TROUBLE, message="this vendor cannot cancel: the job goes on")
        return turn.attempt.due_at
    if wanted_by == "caller" and not await turn.begin_cancel():
        return turn.attempt.due_at
    try:
        async with free_call():
            await backend.provider.cancel(ref)
    except Exception as error:
        return await trouble(turn, went_wrong(backend, error, stage="cancel"))
    await turn.save(replace(turn.attempt, cancel_sent=True, due_at=None))
    return None
