"""A batch as data: its clips, the keys of their tries, what may be repeated, its estimate. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from anyvideo.jobs.fingerprint import request_fingerprint
from anyvideo.jobs.wish import BuyOptions, PlanOptions, Wish
from anyvideo.media.inputs import ImageSource
from anyvideo.routing.after import AFTER
from anyvideo.types.budget import Budget
from anyvideo.types.errors import BudgetExceeded, IdempotencyConflict, InvalidRequest
from anyvideo.types.events import Event, EventKind
from anyvideo.types.job import Failure, Job
from anyvideo.types.money import dollars
from anyvideo.types.plan import Candidate, Plan
from anyvideo.types.request import Image
from anyvideo.types.states import AttemptState, JobStatus

USUAL_CONCURRENCY = 5
USUAL_TRIES = 3
USUAL_MINIMUM = 3
WAITS = (2.0, 4.0, 8.0)
"""Seconds before a clip's second, third and any later try."""

_SOME = Image(url="https://picture.invalid")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OWN = ("index", "prompt", "negative_prompt", "duration", "image")
_SET_HERE = ("job_id", "idempotency_key")
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
        return cls(**own, options={**given.pop("options", {}), **given})

    def wish(self) -> dict[str, Any]:
        """What `plan` takes for it, beside the prompt."""
        own = {"negative_prompt": self.negative_prompt, "duration": self.duration, "image": self.image}
        return {**self.options, **{name: value for name, value in own.items() if value is not None}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A clip that is ready to be bought: checked, planned, with the jobs of earlier runs, oldest first."""

    index: int
    wish: Wish
    options: Mapping[str, Any]
    plan: Plan
    jobs: tuple[Job, ...] = ()

    @property
    def latest(self) -> Job | None:
        """Its latest try."""
        return self.jobs[-1] if self.jobs else None

    @property
    def first(self) -> Candidate | None:
        """The candidate that would be asked first."""
        return next(iter(self.plan.ready), None)

    @property
    def to_buy(self) -> bool:
        """Whether a run begins with a new try of it."""
        return self.latest is None or begins_anew(self.latest)


@dataclass(slots=True, kw_only=True)
class Gauge:
    """How far a batch is, as one fraction from 0 to 1 that never falls, read from its jobs' events."""

    batch_id: str
    total: int
    owners: dict[str, int] = field(default_factory=dict)
    shares: dict[int, float] = field(default_factory=dict)

    @property
    def fraction(self) -> float:
        """Every clip counts alike."""
        return sum(self.shares.values()) / self.total

    def owner(self, event: Event) -> int | None:
        """The clip that an event is about."""
        return self.owners.get(event.job_id)

    def heard(self, event: Event) -> bool:
        """Take an event in; says whether the fraction has grown."""
        index = self.owner(event)
        return index is not None and self._grown(index, _share(event))

    def ended(self, index: int) -> bool:
        """A clip is done, delivered or not."""
        return self._grown(index, 1.0)

    def _grown(self, index: int, share: float) -> bool:
        before = self.shares.get(index, 0.0)
        self.shares[index] = max(before, share)
        return share > before


def _share(event: Event) -> float:
    match event.kind:
        case EventKind.JOB_RECORDED:
            return 0.02
        case EventKind.ATTEMPT_ACCEPTED:
            return 0.05
        case EventKind.PROGRESS:
            return 0.05 + 0.85 * (event.progress or 0.0)
        case EventKind.DOWNLOADING:
            return 0.95
        case _:
            return 0.0


def read_clips(requests: Sequence[Clip | Mapping[str, Any]]) -> list[Clip]:
    """The clips with an index each. Raises InvalidRequest for none, and for an index that is taken."""
    if isinstance(requests, str | bytes | Mapping):
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
    unknown = sorted(name for name in options if name not in taken or name in _SET_HERE)
    if unknown:
        raise InvalidRequest(f"a batch takes no {unknown[0]}", field=unknown[0])
    return options


def check_batch_id(batch_id: str) -> str:
    """Raises InvalidRequest for one that cannot stand in keys and file names."""
    if not _ID.fullmatch(batch_id):
        raise InvalidRequest(
            f"batch_id is not usable: {batch_id!r}",
            field="batch_id",
            hint="at most 64 letters, digits, '.', '_' and '-'",
        )
    return batch_id


def derived_id(wishes: Iterable[tuple[int, Wish]]) -> str:
    """The id of a batch that was given none: the same clips have the same one."""
    asked = [[index, request_fingerprint(wish.request, wish.models)] for index, wish in wishes]
    return f"batch_{hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:12]}"


def try_key(batch_id: str, index: int, number: int) -> str:
    """The idempotency key of a clip's try; the first is number 1."""
    return f"{batch_id}/{index}" + ("" if number == 1 else f"/{number}")


def try_id(batch_id: str, index: int, number: int) -> str:
    """The job id of a clip's try."""
    return f"{batch_id}-{index}" + ("" if number == 1 else f"-try{number}")


def tries_of(batch_id: str, index: int, keyed: Mapping[str, Job], wish: Wish) -> tuple[Job, ...]:
    """The recorded tries of a clip. Raises IdempotencyConflict when they asked for something else."""
    jobs: list[Job] = []
    while (job := keyed.get(try_key(batch_id, index, len(jobs) + 1))) is not None:
        jobs.append(job)
    if jobs and not _asked_alike(jobs[0], wish):
        raise IdempotencyConflict(
            f"clip {index} of batch {batch_id} asked for something else before",
            field="batch_id",
            hint="give the changed batch another id",
        )
    return tuple(jobs)


def _asked_alike(job: Job, wish: Wish) -> bool:
    """Whether a recorded job is one for this wish. Its picture may have become content, or been dropped."""
    known, asked = job.request, wish.request
    comparable = known.image and asked.image and (known.image.url is None) == (asked.image.url is None)
    if not comparable:
        known, asked = replace(known, image=_SOME), replace(asked, image=_SOME)
    return request_fingerprint(known, job.options.models) == request_fingerprint(asked, wish.models)


def check_minimum(minimum: int | None, total: int) -> int:
    """How many clips must succeed. Raises InvalidRequest for more than there are."""
    if minimum is None:
        return min(USUAL_MINIMUM, total)
    if isinstance(minimum, bool) or not 0 <= minimum <= total:
        raise InvalidRequest(
            f"min_successes must be from 0 to the {total} clips of the batch, not {minimum}",
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


def begins_anew(job: Job) -> bool:
    """Whether a later run of the batch tries the clip of this job again: it ended, and not for good."""
    if job.status is JobStatus.CANCELED:
        return True
    failure = _last_failure(job)
    return job.status is JobStatus.FAILED and (failure is None or AFTER[failure.kind].then != "stop")


def to_repeat(job: Job) -> tuple[str, ...]:
    """The models of a failed job that may be asked once more: what failed there can pass.

    None at all after an attempt whose outcome is unknown, and after a failure that ends a job.
    """
    failure = _last_failure(job)
    unknown = any(attempt.state is AttemptState.UNKNOWN or attempt.hold_micros for attempt in job.attempts)
    if job.status is not JobStatus.FAILED or unknown or failure is None or AFTER[failure.kind].then == "stop":
        return ()
    latest = {attempt.model: attempt.failure for attempt in job.attempts}
    return tuple(model for model, why in latest.items() if why is not None and _may_pass(why))


def wait_before(number: int) -> float:
    """Seconds before the `number`-th try of a clip in this run, from 2."""
    return WAITS[min(number - 2, len(WAITS) - 1)]


def _may_pass(failure: Failure) -> bool:
    return failure.kind in _MAY_PASS or (failure.kind == "GenerationFailed" and failure.transient)


def _last_failure(job: Job) -> Failure | None:
    return job.attempt.failure if job.attempt else None
