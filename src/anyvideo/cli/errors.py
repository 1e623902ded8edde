"""How a command ends badly: which exit code, and the same facts as words or as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from anyvideo.cli.console import as_options, emit, notes
from anyvideo.cli.documents import error_document
from anyvideo.cli.held import between_attempts, held_words, next_model
from anyvideo.cli.timeline import why
from anyvideo.types.errors import (
    AllModelsFailed,
    AnyVideoError,
    BatchFailed,
    BudgetExceeded,
    InvalidRequest,
    JobCanceled,
    JobError,
    MediaError,
    NoModelFits,
    OutcomeUnknown,
    ProviderError,
    StillRunning,
    UsageError,
    VideoRefused,
)
from anyvideo.types.states import JobStatus

if TYPE_CHECKING:
    from anyvideo.types.job import Attempt, Job


class ExitCode(IntEnum):
    """What a script can tell from the exit status."""

    DONE = 0
    WRONG_USE = 2
    NOTHING_FITS = 3
    FAILED = 4
    OVER_BUDGET = 5
    HELD = 6
    STILL_RUNNING = 7
    INTERRUPTED = 130


MEANINGS: dict[ExitCode, str] = {
    ExitCode.DONE: "done",
    ExitCode.WRONG_USE: "wrong usage, request or settings; nothing was sent",
    ExitCode.NOTHING_FITS: "no model of the route can do the request, or none that can is ready",
    ExitCode.FAILED: "every model that was tried failed, too few clips succeeded, or the job was canceled;"
    " a batch whose failed clips all ended with 3, 5, 6 or 7 has that code instead",
    ExitCode.OVER_BUDGET: "the next attempt would pass the budget",
    ExitCode.HELD: "the provider may have taken the job and nobody can tell yet; the money is held",
    ExitCode.STILL_RUNNING: "the timeout passed and the job goes on; or the clip is paid and kept and could"
    " not be written where it is wanted: `anyvideo resume` delivers it",
    ExitCode.INTERRUPTED: "interrupted; the job, if there is one, can be resumed or canceled",
}


class Interrupted(JobError):
    """Ctrl-C. The job goes on at the provider, unless the message says that it was canceled."""


class NotSaved(JobError):
    """The clip is paid and kept, and cannot be written where it is wanted."""

    @property
    def field(self) -> str | None:
        return "output"


EXIT_CODES: tuple[tuple[type[AnyVideoError], ExitCode], ...] = (
    (NoModelFits, ExitCode.NOTHING_FITS),
    (BudgetExceeded, ExitCode.OVER_BUDGET),
    (UsageError, ExitCode.WRONG_USE),
    (MediaError, ExitCode.WRONG_USE),
    (OutcomeUnknown, ExitCode.HELD),
    (StillRunning, ExitCode.STILL_RUNNING),
    (NotSaved, ExitCode.STILL_RUNNING),
    (Interrupted, ExitCode.INTERRUPTED),
    (JobCanceled, ExitCode.FAILED),
    (BatchFailed, ExitCode.FAILED),
    (AllModelsFailed, ExitCode.FAILED),
    (ProviderError, ExitCode.FAILED),
    (AnyVideoError, ExitCode.FAILED),
)
"""The first class that fits decides."""


_SHARED = frozenset({ExitCode.NOTHING_FITS, ExitCode.OVER_BUDGET, ExitCode.HELD, ExitCode.STILL_RUNNING})
"""What a batch says where all its failed clips say it."""


def exit_code(error: AnyVideoError) -> ExitCode:
    """The exit status for an error; for a batch that of its failed clips, where they all have the same."""
    if isinstance(error, BatchFailed) and error.result is not None:
        failures = (clip.error for clip in error.result.clips if clip.error is not None)
        codes = {exit_code(one) if isinstance(one, AnyVideoError) else ExitCode.FAILED for one in failures}
        return codes.pop() if len(codes) == 1 and codes <= _SHARED else ExitCode.FAILED
    return next(code for cls, code in EXIT_CODES if isinstance(error, cls))


def interrupted(job_id: str | None) -> Interrupted:
    """Ctrl-C as an error that says how to go on."""
    if not job_id:
        return Interrupted("interrupted before a job was recorded: nothing was bought", job_id="")
    return Interrupted(
        f"interrupted; job {job_id} is kept", job_id=job_id, hint=ways_on(job_id, cancelable=True)
    )


def forgotten(error: AnyVideoError, job: Job) -> AnyVideoError:
    """An error that says how to go on, of a job in a memory store: that is gone at the command's end."""
    if not isinstance(error, (Interrupted, StillRunning, OutcomeUnknown, VideoRefused)) or error.hint is None:
        return error
    known = [f"{one.provider} knows it as {one.ref.job_id}" for one in job.attempts if one.ref is not None]
    error.hint = f"a memory: store keeps neither job nor clip; {', '.join(known) or 'see the vendor'}"
    if isinstance(error, Interrupted):
        words = error.message.replace("is kept", "is forgotten")
        return Interrupted(words, job_id=job.id, hint=error.hint)
    return error


def stopped(job: Job) -> Interrupted:
    """Ctrl-C and a cancel, as an error that says what it came to."""
    cost = "" if job.cost is None else f" and cost {job.cost}"
    if job.status is JobStatus.CANCELED:
        return Interrupted(f"interrupted; job {job.id} is canceled{cost}", job_id=job.id)
    hint = None if job.status is JobStatus.FAILED else next_steps(job)
    ended = f"ended before the cancel: it {job.status}" if job.finished else f"is {job.status}, not canceled"
    return Interrupted(f"interrupted; job {job.id} {ended}{cost}", job_id=job.id, hint=hint)


def next_steps(job: Job) -> str:
    """The commands that go on with a job, whatever it has come to."""
    resume = f"anyvideo resume {job.id}"
    if job.status is JobStatus.UNKNOWN:
        from anyvideo.jobs.outcome import decision

        looks = "looks again and takes the cancel back" if job.cancel_requested else "looks again"
        return f"{resume} {looks}; {decision(job.id)} decides"
    from anyvideo.jobs.outcome import settlement, unfetched

    way_out = "" if unfetched(job) is None else f"; {settlement(job.id)} gives the clip up"
    if between_attempts(job):
        return what_follows(job)
    if job.cancel_requested and not job.finished:
        return f"anyvideo cancel {job.id} waits for the cancel; {resume} takes it back{way_out}"
    return ways_on(job.id, cancelable=not job.finished) + way_out


def what_follows(job: Job) -> str:
    """What a job whose latest attempt has ended comes to, once it is driven again."""
    following = next_model(job)
    if following is None:
        return f"no model follows: anyvideo resume {job.id}, or anyvideo recover, ends the job"
    ceiling = following.quote.ceiling
    most = "at no known price" if ceiling is None else f"for at most {ceiling:f} USD"
    return (
        f"anyvideo resume {job.id}, and anyvideo recover, will buy {following.model} {most};"
        f" anyvideo cancel {job.id} ends the job without"
    )


def ways_on(job_id: str, *, cancelable: bool = False) -> str:
    """The commands that take a job up again."""
    resume = f"anyvideo resume {job_id}"
    return f"{resume}, or anyvideo cancel {job_id}" if cancelable else resume


def failed(
    error: AnyVideoError, *, as_json: bool, job: Job | None = None, code: ExitCode | None = None
) -> typer.Exit:
    """Show the error; raise what it returns to end the command with the error's code, or with `code`."""
    if as_json:
        emit(error_document(error, job=job))
    else:
        show_error(error, job=job)
    return typer.Exit(exit_code(error) if code is None else code)


def show_error(error: AnyVideoError, *, job: Job | None = None) -> None:
    """The error in words on stderr: one sentence, then one line for each attempt."""
    console = notes()
    where = f" in {error.field}" if error.field and error.field not in error.message else ""
    console.print(Text.assemble((f"error{where}: ", "bold red"), as_options(str(error))))
    for attempt in () if job is None else job.attempts:
        console.print(f"  {attempt_line(attempt)}")
    for line in _not_tried(error, job):
        console.print(f"  {line}")
    if job is not None and job.finished:
        for line in held_words(job.id, job.attempts):
            console.print(f"  held: {line}")
        if job.cost is not None:
            console.print(f"  cost {job.cost}")
    job_id = job.id if job is not None else getattr(error, "job_id", "")
    if job_id and job_id not in str(error):
        console.print(f"  job {job_id}")


def _not_tried(error: AnyVideoError, job: Job | None) -> Iterator[str]:
    """The models that no attempt was made with, and why."""
    if isinstance(error, NoModelFits):
        plan, standing = error.plan, "ready"
    else:
        plan, standing = (job.plan if job and isinstance(error, AllModelsFailed) else None), "not tried"
    if plan is None:
        return
    tried = {attempt.model for attempt in job.attempts} if job else set()
    for candidate in plan.candidates:
        if candidate.model not in tried:
            yield f"{candidate.model}: {candidate.missing or standing}"
    for rejection in plan.rejections:
        yield f"{rejection.model}: turned down: {as_options(rejection.reason)}"


def attempt_line(attempt: Attempt) -> str:
    """`model: state: why; cost`."""
    reason = f": {why(attempt.failure)}" if attempt.failure else ""
    cost = f"cost {attempt.cost}" if attempt.cost else f"charged: {attempt.charged}"
    return f"{attempt.model}: {attempt.state}{reason}; {cost}"


def usage_error(error: Exception) -> InvalidRequest:
    """What the option parser found, as one of ours."""
    parameter = getattr(error, "param", None)
    name = getattr(parameter, "name", None) or getattr(error, "option_name", None)
    text = str(getattr(error, "format_message", error.__str__)())
    return InvalidRequest(text, field=str(name).lstrip("-") if name else None, hint="see --help")
