"""A batch as data: its clips, the keys of their tries, what may be repeated, its estimate. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from anyvideo.jobs.asked import Told, asked_by
from anyvideo.jobs.outcome import decision
from anyvideo.jobs.wish import BuyOptions, PlanOptions, Wish, check_shapes
from anyvideo.media.inputs import ImageSource
from anyvideo.routing.after import AFTER
from anyvideo.types.budget import Budget
from anyvideo.types.errors import (
    BudgetExceeded,
    IdempotencyConflict,
    InvalidRequest,
    OutcomeUnknown,
)
from anyvideo.types.job import Attempt, Failure, Job
from anyvideo.types.money import dollars
from anyvideo.types.plan import Candidate, Plan
from anyvideo.types.states import AttemptState, JobStatus

USUAL_CONCURRENCY = 5
USUAL_TRIES = 3
USUAL_MINIMUM = 3
WAITS = (2.0, 4.0, 8.0)
"""Seconds before a clip's second, third and any later try."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OWN = ("index", "prompt", "negative_prompt", "duration", "image")
_SET_HERE = ("job_id", "idempotency_key")
_OF_THE_BATCH = ("concurrency", "min_successes", "budget", "batch_id", "tries", "not_before")
_MAY_PASS = frozenset({"RateLimited", "OverCapacity", "NotAccepted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One wish of a batch. `index` None: its place, from 0; `options` is anything else that `plan` takes."""

    prompt: str | None = None
    negative_prompt: str | None = None
    duration: float | None = None
    image: ImageSource | None = None
    index: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, request: Clip | Mapping[str, Any]) -> Clip:
        """A clip from a mapping of its fields and options. Raises InvalidRequest."""
        if isinstance(request, Clip):
            return request
        if not isinstance(request, Mapping):
            raise InvalidRequest(
                f"a clip cannot be made of {type(request).__name__}",
                field="requests",
                hint='give Clip values, or mappings like {"prompt": "a fox"}',
            )
        given = dict(request)
        own = {name: given.pop(name) for name in _OWN if name in given}
        return cls(**own, options={**_mapping("options", given.pop("options", None) or {}), **given})

    def wish(self) -> dict[str, Any]:
        """What `plan` takes for it, beside the prompt."""
        own = {"negative_prompt": self.negative_prompt, "duration": self.duration, "image": self.image}
        given = {name: value for name, value in own.items() if value is not None}
        return {**_mapping("options", self.options), **given}


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A clip that is ready to be bought: checked, planned, with the jobs of earlier runs, oldest first.

    With `unread`, the error of a picture that is gone, it only takes over what is recorded.
    """

    index: int
    wish: Wish
    options: Mapping[str, Any]
    plan: Plan
    jobs: tuple[Job, ...] = ()
    unread: InvalidRequest | None = None

    @property
    def first(self) -> Candidate | None:
        """The candidate that would be asked first."""
        return next(iter(self.plan.ready), None)

    @property
    def to_buy(self) -> bool:
        """Whether a run begins with a new try of it."""
        return self.unread is None and begins_anew(self.jobs)


def read_clips(requests: object) -> list[Clip]:
    """The clips with an index each. Raises InvalidRequest for none, and for an index that is taken."""
    if isinstance(requests, str | bytes | Mapping) or not isinstance(requests, Iterable):
        raise InvalidRequest("requests must be a sequence of clips", field="requests")
    clips: dict[int, Clip] = {}
    for place, request in enumerate(requests):
        clip = Clip.of(request)
        index = place if clip.index is None else clip.index
        if type(index) is not int or index < 0:
            raise InvalidRequest(f"index must be a whole number of 0 or more, not {index!r}", field="index")
        if index in clips:
            raise InvalidRequest(f"two clips have the index {index}", field="index")
        clips[index] = clip
    if not clips:
        raise InvalidRequest("a batch needs at least one clip", field="requests")
    return [replace(clip, index=index) for index, clip in clips.items()]


def options_of(clip: Clip, common: BuyOptions) -> dict[str, Any]:
    """What a clip is bought with; its own options beat the common ones. Raises InvalidRequest."""
    taken = {**PlanOptions.__annotations__, **BuyOptions.__annotations__}
    options = {**common, **clip.wish()}
    unknown = sorted(str(name) for name in options if name not in taken or name in _SET_HERE)
    if unknown:
        known = sorted((taken.keys() | {*_OWN, *_OF_THE_BATCH}) - {*_SET_HERE})
        near = difflib.get_close_matches(unknown[0], known, n=1)
        hint = f"did you mean {near[0]}?" if near else None
        raise InvalidRequest(f"a batch takes no {unknown[0]}", field=unknown[0], hint=hint)
    check_shapes(options)
    return options


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    """Raises InvalidRequest for anything but a mapping by text."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise InvalidRequest(f"{name} must be a mapping by names, not {value!r}", field=name)
    return value


def check_batch_id(batch_id: object) -> str:
    """Raises InvalidRequest for one that cannot stand in keys and file names."""
    if not isinstance(batch_id, str) or not _ID.fullmatch(batch_id):
        raise InvalidRequest(
            f"batch_id is not usable: {batch_id!r}",
            field="batch_id",
            hint="at most 64 letters, digits, '.', '_' and '-'",
        )
    return batch_id


def try_key(batch_id: str, index: int, number: int) -> str:
    """The idempotency key of a clip's try; the first is number 1."""
    return f"{batch_id}/{index}" + ("" if number == 1 else f"/{number}")


def try_id(batch_id: str, index: int, number: int) -> str:
    """The job id of a clip's try."""
    return f"{batch_id}-{index}" + ("" if number == 1 else f"-try{number}")


def tries_of(batch_id: str, index: int, keyed: Mapping[str, Job], told: Told) -> tuple[Job, ...]:
    """The recorded tries of a clip. Raises IdempotencyConflict when they asked for something else, and
    InvalidRequest when they did and a picture cannot be read.
    """
    jobs: list[Job] = []
    while (job := keyed.get(try_key(batch_id, index, len(jobs) + 1))) is not None:
        jobs.append(job)
    if jobs and not told.asked.is_like(asked_by(jobs[0])):
        raise told.unread or IdempotencyConflict(
            f"clip {index} of batch {batch_id} asked for something else before",
            field="batch_id",
            hint="give the changed batch another id",
        )
    return tuple(jobs)


def check_minimum(minimum: int | None, total: int) -> int:
    """How many clips must succeed. Raises InvalidRequest for more than there are."""
    if minimum is None:
        return min(USUAL_MINIMUM, total)
    if type(minimum) is not int or not 0 <= minimum <= total:
        raise InvalidRequest(
            f"min_successes must be from 0 to the {total} clips of the batch, not {minimum!r}",
            field="min_successes",
        )
    return minimum


def check_estimate(pieces: Iterable[Piece], budget: Budget, used_micros: int) -> None:
    """Raises BudgetExceeded when what is still to buy will probably pass the budget."""
    firsts = [piece.first for piece in pieces if piece.to_buy and piece.first is not None]
    expected = sum(first.quote.expected_micros or first.quote.ceiling_micros or 0 for first in firsts)
    if used_micros + expected > budget.limit_micros:
        so_far = f" after {dollars(used_micros)} USD so far" if used_micros else ""
        raise BudgetExceeded(
            f"the {len(firsts)} clips to buy will probably cost {dollars(expected)} USD{so_far},"
            f" the batch's budget is {dollars(budget.limit_micros)} USD; nothing was sent",
            field="budget",
            hint="raise the budget, or ask for fewer, shorter or smaller clips",
        )


def held_error(jobs: Iterable[Job]) -> OutcomeUnknown | None:
    """The error of a clip that an ended try may still be paid for; None where every outcome is known."""
    held = ((job, attempt) for job in jobs if job.finished for attempt in _unresolved(job))
    for job, attempt in held:
        return OutcomeUnknown(
            f"{attempt.model} may have taken job {job.id} and nobody can tell yet;"
            " its money is held, and the clip is not bought again",
            job_id=job.id,
            hint=f"decide with: {decision(job.id)}; then run the batch again",
        )
    return None


def begins_anew(jobs: Sequence[Job]) -> bool:
    """Whether a run tries the clip of these jobs again: the latest ended, and not for good.

    Never while the outcome of an attempt is unknown: the clip may be paid for already. Never after a check of
    the application refused the clip: it is paid for. Once after a person has booked a lost clip.
    """
    if not jobs:
        return True
    job = jobs[-1]
    if any(_unresolved(one) for one in jobs):
        return False
    if job.status is JobStatus.CANCELED or booked(job):
        return True
    if job.artifact is not None:
        return False
    failure = _last_failure(job)
    return job.status is JobStatus.FAILED and (failure is None or AFTER[failure.kind].then != "stop")


def booked(job: Job) -> bool:
    """Whether a person has decided that the latest attempt is lost: all that is left is the job's end."""
    failure = _last_failure(job)
    return failure is not None and failure.stage == "resolve"


def to_repeat(job: Job) -> tuple[str, ...]:
    """The models of a failed job that may be asked once more: what failed there can pass.

    None at all after an attempt whose outcome is unknown, and after a failure that ends a job.
    """
    failure = _last_failure(job)
    if job.status is not JobStatus.FAILED or failure is None or AFTER[failure.kind].then == "stop":
        return ()
    if _unresolved(job):
        return ()
    latest = {attempt.model: attempt.failure for attempt in job.attempts}
    return tuple(model for model, why in latest.items() if why is not None and _may_pass(why))


def wait_before(number: int) -> float:
    """Seconds before the `number`-th try of a clip in this run, from 2."""
    return WAITS[min(number - 2, len(WAITS) - 1)]


def _unresolved(job: Job) -> list[Attempt]:
    """The attempts whose outcome is unknown, or that still hold money after the job ended."""
    return [
        attempt
        for attempt in job.attempts
        if attempt.state is AttemptState.UNKNOWN or (job.finished and attempt.hold_micros)
    ]


def _may_pass(failure: Failure) -> bool:
    return failure.kind in _MAY_PASS or (failure.kind == "GenerationFailed" and failure.transient)


def _last_failure(job: Job) -> Failure | None:
    return job.attempt.failure if job.attempt else None
