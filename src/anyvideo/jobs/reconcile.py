"""A submit whose answer was lost: was it taken? Only what a vendor lists can tell; the rest stays held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from anyvideo.catalog.spec import ModelSpec
from anyvideo.jobs.backends import Backend
from anyvideo.jobs.look import went_wrong
from anyvideo.jobs.observe import ended, moved, observe
from anyvideo.jobs.owner import is_dead
from anyvideo.jobs.sane import key_of, sane_ref, sane_update
from anyvideo.jobs.schedule import backoff
from anyvideo.jobs.store.base import Rival
from anyvideo.jobs.takeover import on_the_callers_word
from anyvideo.jobs.turn import Turn
from anyvideo.net.scopes import free_call
from anyvideo.net.storage import is_signed_for
from anyvideo.net.wire import CallRecord
from anyvideo.provider import Finds, Found
from anyvideo.settings import Windows
from anyvideo.types.events import EventKind
from anyvideo.types.job import Attempt, Failure
from anyvideo.types.states import AttemptState

S = AttemptState


ABSURD = timedelta(days=1)
"""A vendor's clock is never this far away, whatever its answers say."""

FURTHEST = timedelta(minutes=15)
"""A vendor's clock further away than this is not trusted: nothing is released on its word."""

NAMED = 3
"""So many of a vendor's jobs are named to whoever has to decide."""

REACH = timedelta(hours=6)
"""How much earlier than recorded a submit may have been sent: the wall clock may have been wrong then."""


def can_tell(backend: Backend) -> bool:
    """Whether this vendor lets a lost submit be found again."""
    return backend.plugin.recovery.kind in ("listing", "tag") and isinstance(backend.provider, Finds)


async def reconcile(
    turn: Turn, backend: Backend, spec: ModelSpec, windows: Windows, *, watched: float, sent_here: bool
) -> datetime | None:
    """Look once. Adopt the job that is ours, or release the hold when it provably does not exist.

    The last look, after the quiet window, goes `REACH` further back, and whatever it shows that may be ours
    and belongs to no attempt keeps the money held: until somebody has it, or a person decides.

    `watched` is for how many monotonic seconds this process has looked: a wall clock may jump. Only a process
    that itself sent it (`sent_here`) can know that it has not. Returns when to look again; None: decided, or
    nothing can be found out.
    """
    attempt, now = turn.attempt, turn.clock.now()
    provider = backend.provider
    if attempt.sent_at is None or not can_tell(backend) or not isinstance(provider, Finds):
        return None
    if attempt.due_at is not None and now < attempt.due_at:
        return attempt.due_at
    # A lease that has just run out may be that of somebody who is held up, and still gets the answer.
    rivals = await turn.store.rivals(attempt, now=now - timedelta(seconds=windows.quiet))
    if any(_being_sent(rival, attempt) for rival in rivals):
        return await _look_again(turn, now + timedelta(seconds=windows.look))
    left = round(windows.quiet + backend.plugin.recovery.list_lag - watched, 3)
    recent = attempt.sent_at - max(timedelta(seconds=windows.skew), FURTHEST)
    earliest = min(recent, attempt.sent_at - REACH, now - timedelta(seconds=watched) - REACH)
    try:
        async with free_call() as record:
            listed = await provider.find(recent if left > 0 else earliest)
        key = key_of(backend)
        found = [
            replace(one, ref=sane_ref(one.ref, key), update=sane_update(one.update, key)) for one in listed
        ]
    except Exception as error:
        return await _trouble(turn, backend, error)
    ahead = vendor_ahead(record, asked=now, answered=turn.clock.now())
    believed = timedelta(0) if ahead is None or abs(ahead) == ABSURD else ahead
    free = await _unowned(turn, matches(attempt, spec, found, windows, ahead=believed))
    own = [job for job in free if not _is_a_rivals(job, attempt, spec, rivals)]
    for job in own:
        if await adopt(turn, job, spec):
            return None
    if left > 0:
        return await _look_again(turn, now + timedelta(seconds=min(windows.look, left)))
    jumped = abs((now - attempt.sent_at).total_seconds() - watched) > windows.quiet
    steady = sent_here and ahead is not None and not jumped
    doubts = await _unowned(turn, doubtful(attempt, spec, found, since=recent if steady else earliest))
    if doubts:
        ids = ", ".join(job.ref.job_id for job in doubts[:NAMED])
        turn.say(EventKind.TROUBLE, message=f"{attempt.provider} lists what may be this purchase: {ids}")
    elif abs(ahead or timedelta(0)) <= FURTHEST and not on_the_callers_word(attempt):
        await release(turn, turn.attempt)
    return None


def vendor_ahead(record: CallRecord, *, asked: datetime, answered: datetime) -> timedelta | None:
    """How far the vendor's clock is ahead of ours at the least, as its last answer's Date says; None where it
    says none. A list takes a while: a Date between question and answer is right.
    """
    said = record.reply.headers.get("date") if record.reply is not None else None
    try:
        date = parsedate_to_datetime(said or "").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    nearest = min(max(date, asked), max(asked, answered))
    return min(max(date - nearest, -ABSURD), ABSURD)


def matches(
    attempt: Attempt,
    spec: ModelSpec,
    found: Sequence[Found],
    windows: Windows,
    *,
    ahead: timedelta = timedelta(0),
) -> list[Found]:
    """The listed jobs that may be this attempt's: those that echo the address of its very picture first, then
    the oldest. A tag decides where the list echoes one.

    `ahead` is how far the vendor's clock, which stamped the list, is ahead of ours.
    """
    tagged = [job for job in found if job.tag is not None and job.tag == attempt.tag]
    if attempt.tagged or tagged or attempt.sent_at is None:
        return tagged
    skew = timedelta(seconds=windows.skew)
    sent_at = attempt.sent_at + ahead
    first, last = sent_at - skew, sent_at + timedelta(seconds=windows.quiet) + skew
    like = [
        job
        for job in found
        if job.tag is None
        and first <= job.created_at <= last
        and job.ref.model in _words(spec)
        and _same_inputs(attempt, spec, job)
    ]
    return sorted(like, key=lambda job: (not _echoes_picture(job, spec, attempt), job.created_at))


def doubtful(attempt: Attempt, spec: ModelSpec, found: Sequence[Found], *, since: datetime) -> list[Found]:
    """The jobs listed since then that nobody can tell from the attempt's: equal ones, and those of its model
    whose inputs the vendor no longer tells. Where the attempt was sent with a tag, an equal one without is
    not its own, once the list is seen to echo tags.
    """
    echoed = attempt.tagged and any(job.tag is not None for job in found)

    def may_be(job: Found) -> bool:
        if job.created_at < since:
            return False
        if job.tag is not None:
            return job.tag == attempt.tag
        if job.ref.model not in ("", *_words(spec)):
            return False
        return not _told(job) or (not echoed and _same_inputs(attempt, spec, job))

    return [job for job in found if may_be(job)]


def _words(spec: ModelSpec) -> tuple[str, str]:
    """What a vendor calls the model."""
    return spec.slug, spec.name


def _told(job: Found) -> bool:
    """Whether the list still says what was ordered."""
    return any(value is not None for value in job.inputs.values())


def _same_inputs(attempt: Attempt, spec: ModelSpec, job: Found) -> bool:
    """Pictures need not be equal, because vendors echo them as addresses of their own; but no vendor echoes
    one where none was sent.
    """
    if not _told(job) or (attempt.fit.image is None and _echoed(job, spec) is not None):
        return False
    picture = spec.inputs.get("image", "")
    words = {picture, picture.partition(".")[0]}
    return _plain(job.inputs, words) == _plain(attempt.fit.inputs, words)


def _plain(inputs: Mapping[str, object], pictures: set[str]) -> dict[str, object]:
    return {name: value for name, value in inputs.items() if value is not None and name not in pictures}


def _echoed(job: Found, spec: ModelSpec) -> object:
    """What the list says of the picture."""
    picture = spec.inputs.get("image")
    return None if picture is None else job.inputs.get(picture)


def _echoes_picture(job: Found, spec: ModelSpec, attempt: Attempt) -> bool:
    """Whether the list says the address that was sent for the attempt's picture, or a signed one of the same
    object; never for content, whose address the vendor makes.
    """
    image, echoed = attempt.fit.image, _echoed(job, spec)
    if image is None or not isinstance(echoed, str):
        return False
    own = image.storage_address
    return echoed == image.url or (own is not None and is_signed_for(echoed, own))


def _being_sent(rival: Rival, attempt: Attempt) -> bool:
    """Whether a job of the list may belong to somebody who is still waiting for the answer."""
    living = rival.driver is not None and not is_dead(rival.driver)
    return living and rival.attempt.state is S.SENDING and rival.attempt.fit.inputs == attempt.fit.inputs


def _is_a_rivals(job: Found, attempt: Attempt, spec: ModelSpec, rivals: Sequence[Rival]) -> bool:
    """Whether the vendor echoes the address that a rival sent for its picture, and not ours."""
    theirs = any(_echoes_picture(job, spec, rival.attempt) for rival in rivals)
    return theirs and not _echoes_picture(job, spec, attempt)


async def _unowned(turn: Turn, candidates: Sequence[Found]) -> list[Found]:
    """Those that no attempt has: equal candidates are shared out one to one."""
    account = turn.attempt.account
    if account is None or not candidates:
        return []
    taken = await turn.store.owned(account, [job.ref.job_id for job in candidates])
    return [job for job in candidates if job.ref.job_id not in taken]


async def adopt(turn: Turn, job: Found, spec: ModelSpec) -> bool:
    """Make a vendor's job this attempt's own. False when another attempt has it."""
    if not await turn.adopt(as_accepted(turn.attempt, job, spec, turn.clock.now())):
        return False
    turn.say(EventKind.ATTEMPT_ACCEPTED, message="found again at the vendor")
    return True


def as_accepted(attempt: Attempt, job: Found, spec: ModelSpec, now: datetime) -> Attempt:
    """The attempt with a vendor's job, as it stands there."""
    claimed = replace(attempt, ref=job.ref, accepted_at=now, failure=None, trouble=0, due_at=None)
    return observe(moved(claimed, S.ACCEPTED, now, write="W3"), job.update, spec, now)


async def release(turn: Turn, unknown: Attempt) -> None:
    """It was never taken: the hold is released and the next candidate may follow."""
    before = unknown.failure
    proven = Failure(
        kind="NotAccepted",
        message=f"never taken: {before.message if before else 'the answer was lost'}",
        stage="submit",
        charged="no",
    )
    attempt = ended(unknown, S.REJECTED, proven, None, turn.clock.now())
    await turn.save(attempt)
    turn.say(EventKind.ATTEMPT_ENDED, failure=proven, cost=attempt.cost)


async def _trouble(turn: Turn, backend: Backend, error: Exception) -> datetime:
    """The list could not be read, or not to its end: that proves nothing."""
    failure, trouble = went_wrong(backend, error, stage="poll"), turn.attempt.trouble + 1
    turn.say(EventKind.TROUBLE, failure=failure, message=failure.message)
    wait = max(1.0, backoff(trouble))
    return await _look_again(turn, turn.clock.now() + timedelta(seconds=wait), trouble=trouble)


async def _look_again(turn: Turn, due: datetime, *, trouble: int = 0) -> datetime:
    await turn.save(replace(turn.attempt, due_at=due, trouble=trouble))
    return due
