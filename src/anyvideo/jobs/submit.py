"""Buying: the order is prepared for free, then sent once: W2 before the first byte, W3 before all else."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import anyio

from anyvideo.catalog.prices import vendor_deadline_seconds
from anyvideo.catalog.spec import ModelSpec
from anyvideo.jobs.backends import Backend
from anyvideo.jobs.look import went_wrong
from anyvideo.jobs.observe import canceled_failure, ended, moved, observe
from anyvideo.jobs.picture import PICTURE_TRIES, NotHandedOver, handed_over, without_picture
from anyvideo.jobs.sane import key_of, sane_failure, sane_submission
from anyvideo.jobs.schedule import MAX_SENDS, backoff, resend_wait
from anyvideo.jobs.turn import Turn
from anyvideo.jobs.verdict import Fate, Verdict, judge
from anyvideo.net.scopes import free_call, submit_call
from anyvideo.net.wire import CallRecord, LastCheck
from anyvideo.provider import Describes, Order, Submission
from anyvideo.routing.after import AFTER
from anyvideo.types.errors import NotAccepted, ProviderError, StaleWrite, StoreError
from anyvideo.types.events import EventKind
from anyvideo.types.job import Attempt, Failure, Job
from anyvideo.types.states import AttemptState

S = AttemptState


class TakenUnwritten(Exception):
    """The vendor took the job, and W3 failed: the handle must not be lost with it."""

    def __init__(self, job: Job, submission: Submission) -> None:
        super().__init__(job.id)
        self.job = job
        self.submission = submission


async def submit(turn: Turn, backend: Backend, spec: ModelSpec) -> datetime | None:
    """Drive a held attempt through its one POST. Returns when to come back; None: at once."""
    now = turn.clock.now()
    if turn.job.cancel_requested and await turn.begin_cancel():
        await _end(turn, S.CANCELED, replace(canceled_failure(turn.attempt), charged="no"), spec)
        return None
    if turn.attempt.due_at is not None and now < turn.attempt.due_at:
        return turn.attempt.due_at
    try:
        async with free_call():
            order = await _order(turn, backend, spec)
    except Exception as error:
        return await _not_prepared(turn, backend, spec, error)
    due: datetime | None = None
    with anyio.CancelScope(shield=True):
        due = await _send(turn, backend, order)
    return due  # noqa: RET504 - a scope may swallow, so mypy wants the name


async def _order(turn: Turn, backend: Backend, spec: ModelSpec) -> Order:
    attempt = turn.attempt
    if spec.version == "latest" and isinstance(backend.provider, Describes):
        spec = spec.pinned(await backend.provider.latest_version(spec.slug))
    media = {}
    if attempt.fit.image is not None:
        media["image"] = await handed_over(
            attempt.fit.image, backend, transfer=turn.job.options.image_transfer
        )
    deadline = vendor_deadline_seconds(spec) if backend.plugin.vendor_deadline else None
    return Order(
        fit=attempt.fit,
        spec=spec,
        tag=attempt.tag,
        deadline=deadline,
        callback_url=backend.callback_url(attempt.tag),
        media=media,
    )


async def _not_prepared(turn: Turn, backend: Backend, spec: ModelSpec, error: Exception) -> datetime | None:
    """A free call before the submit failed: nothing was bought, so it is tried again a few times."""
    problem = error.problem if isinstance(error, NotHandedOver) else error
    picture = problem is not error
    failure = replace(went_wrong(backend, problem, stage="prepare"), charged="no")
    if failure.kind == "ServiceError":
        failure = replace(failure, kind="NotAccepted")
    attempt = replace(turn.attempt, trouble=turn.attempt.trouble + 1)
    most = PICTURE_TRIES if picture else MAX_SENDS
    if AFTER[failure.kind].again == "retry_after" and attempt.trouble < most:
        due = turn.clock.now() + timedelta(seconds=backoff(attempt.trouble))
        await turn.save(replace(attempt, due_at=due))
        turn.say(EventKind.TROUBLE, failure=failure, message=failure.message)
        return due
    bare = None
    if picture:
        bare = without_picture(turn.job, attempt, backend, spec, why=failure.message, now=turn.clock.now())
    if bare is not None:
        await turn.save(bare)
        turn.say(EventKind.IMAGE_DROPPED, failure=failure, message=failure.message)
        return turn.clock.now()
    await _end(turn, S.REJECTED, failure, spec)
    return None


async def _send(turn: Turn, backend: Backend, order: Order) -> datetime | None:
    async def before_send(body_hash: str | None) -> LastCheck:
        now = turn.clock.now()
        if now >= turn.lease.until - turn.send_deadline:
            raise StaleWrite("the lease is about to end: nothing was sent")
        attempt, too_late = turn.attempt, turn.clock.monotonic() + turn.send_deadline.total_seconds()
        told = replace(attempt, body_hash=body_hash, tagged=order.callback_url is not None)
        sending = replace(told, sent_at=now, sends=attempt.sends + 1, due_at=None)
        await turn.save(moved(sending, S.SENDING, now, write="W2"))
        return lambda: _check_in_time(turn, too_late)

    async with submit_call(before_send) as record:
        try:
            if backend.plugin.recovery.kind == "in_process":
                await before_send(None)
            submission = sane_submission(await backend.provider.submit(order), key_of(backend))
        except StaleWrite:
            raise
        except Exception as error:
            if isinstance(record.stopped, StaleWrite):
                raise record.stopped from error
            return await _not_submitted(turn, backend, order.spec, record, error)
    await _accepted(turn, order.spec, submission)
    return turn.attempt.due_at if turn.attempt.state in (S.ACCEPTED, S.RUNNING) else None


def _check_in_time(turn: Turn, too_late: float) -> None:
    """Whoever was stopped for a while must not send any more: another process may have taken over."""
    if turn.clock.monotonic() >= too_late or turn.clock.now() >= turn.lease.until:
        raise NotAccepted("it took too long to get ready for sending: nothing was sent", stage="submit")


async def _accepted(turn: Turn, spec: ModelSpec, submission: Submission) -> None:
    """W3. Who was stopped before it until an equal lost purchase had taken the job for its own now looks for
    that one's instead.
    """
    now = turn.clock.now()
    sent = turn.attempt if turn.attempt.state is S.SENDING else moved(turn.attempt, S.SENDING, now)
    handled = replace(sent, ref=submission.ref, accepted_at=now, trouble=0, due_at=turn.next_poll(spec))
    accepted = moved(handled, S.ACCEPTED, now, write="W3")
    try:
        own = await claim(turn, accepted)
    except StoreError as error:
        raise TakenUnwritten(turn.job, submission) from error
    if not own:
        given = f"an equal lost purchase was given the vendor's job {submission.ref.job_id} meanwhile"
        await hold_as_unknown(turn, Failure(kind="ServiceError", message=given))
        return
    turn.say(EventKind.ATTEMPT_ACCEPTED)
    observed = observe(accepted, submission.update, spec, now)
    if observed != accepted:
        await turn.save(observed)


async def claim(turn: Turn, accepted: Attempt) -> bool:
    """Write the job that the vendor itself answered with. False where another attempt has found it in a list.

    One job is never two purchases', unless both were answered with it: who makes one clip of equal orders
    gives it to both.
    """
    if await turn.adopt(accepted):
        return True
    assert accepted.account is not None, "a submit has an account"
    assert accepted.ref is not None, "an answer has a handle"
    owner = await turn.store.owner(accepted.account, accepted.ref.job_id)
    if owner is None or any(write.name == S.UNKNOWN.value for write in owner.writes):
        return False
    await turn.save(accepted)
    return True


async def _not_submitted(
    turn: Turn, backend: Backend, spec: ModelSpec, record: CallRecord, error: Exception
) -> datetime | None:
    if backend.plugin.recovery.kind == "in_process":
        await _end(turn, S.REJECTED, sane_failure(_nothing_bought(error), key_of(backend)), spec)
        return None
    verdict = judge(record, error, refusals=backend.plugin.refusals, explain=backend.provider.explain)
    verdict = replace(verdict, failure=sane_failure(verdict.failure, key_of(backend)))
    if verdict.fate is Fate.AMBIGUOUS:
        await hold_as_unknown(turn, verdict.failure)
        return None
    return await _refused(turn, spec, verdict)


async def hold_as_unknown(turn: Turn, failure: Failure) -> None:
    """Nobody can tell whether the vendor took it: the hold is kept, nothing is sent again."""
    attempt = replace(turn.attempt, failure=replace(failure, charged="unknown", stage="submit"))
    await turn.save(moved(attempt, S.UNKNOWN, turn.clock.now()))
    turn.say(EventKind.OUTCOME_UNKNOWN, failure=attempt.failure, message=failure.message)


async def _refused(turn: Turn, spec: ModelSpec, verdict: Verdict) -> datetime | None:
    """Provably nothing was taken: sent again after a while where that helps, else the attempt ends."""
    now, failure, attempt = turn.clock.now(), verdict.failure, turn.attempt
    if attempt.state is S.HELD:
        attempt = replace(attempt, sends=attempt.sends + 1)
    wait = timedelta(seconds=resend_wait(attempt.sends, failure.retry_after))
    patient = attempt.patience is None or now + wait < attempt.created_at + timedelta(
        seconds=attempt.patience
    )
    if AFTER[failure.kind].again == "retry_after" and attempt.sends < MAX_SENDS and patient:
        await turn.save(replace(moved(attempt, S.HELD, now), due_at=now + wait))
        turn.say(EventKind.TROUBLE, failure=failure, message=failure.message)
        return now + wait
    await turn.save(attempt)
    await _end(turn, S.REJECTED, replace(failure, charged="no"), spec)
    return None


async def _end(turn: Turn, state: AttemptState, failure: Failure, spec: ModelSpec) -> None:
    attempt = ended(
        turn.attempt, state, replace(failure, stage=failure.stage or "submit"), spec, turn.clock.now()
    )
    await turn.save(attempt)
    turn.say(EventKind.ATTEMPT_ENDED, failure=attempt.failure, cost=attempt.cost)


def _nothing_bought(error: Exception) -> Failure:
    if isinstance(error, ProviderError):
        return replace(Failure.of(error), charged="no")
    return Failure(
        kind="GenerationFailed",
        message=str(error) or type(error).__name__,
        stage="submit",
        charged="no",
    )
