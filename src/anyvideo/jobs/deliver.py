"""Bringing a paid clip home: download, check, settle. Its address is asked for again when it has expired."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import anyio
import anyio.to_thread

from anyvideo.catalog.spec import ModelSpec
from anyvideo.jobs.backends import Backend
from anyvideo.jobs.files import kept
from anyvideo.jobs.follow import trouble
from anyvideo.jobs.look import look, went_wrong
from anyvideo.jobs.observe import delivered_cost, moved, observe, without_secrets
from anyvideo.jobs.outcome import delivered
from anyvideo.jobs.points import point
from anyvideo.jobs.turn import Turn
from anyvideo.media.download import download
from anyvideo.media.names import place, slug
from anyvideo.media.probe import probe
from anyvideo.media.verify import mismatches
from anyvideo.plugins import Plugins
from anyvideo.types.errors import DownloadFailed, MediaError, StoreError
from anyvideo.types.events import EventKind
from anyvideo.types.job import Artifact, Attempt, Failure, Job, Output, UsageValue
from anyvideo.types.plan import Fit
from anyvideo.types.states import TERMINAL, AttemptState, JobStatus

S = AttemptState
_ROUNDING = 0.25


async def deliver(turn: Turn, backend: Backend, spec: ModelSpec, plugins: Plugins) -> datetime | None:
    """Fetch, measure, let the application check, and settle. Returns when to
    try again; None: done, or the result is lost for good.

    Raises StoreError where the store's folder cannot be written: the job stays as it is.
    """
    attempt = turn.attempt
    now = turn.clock.now()
    if attempt.due_at is not None and now < attempt.due_at and attempt.trouble:
        return attempt.due_at
    if attempt.state is S.OUTPUT_READY:
        await turn.save(moved(attempt, S.DOWNLOADING, now))
        turn.say(EventKind.DOWNLOADING)
    point("file.part")
    target = kept(turn.store.folder, turn.job.id, attempt)
    try:
        artifact = await _fetched(turn.attempt.outputs[0], target, backend, turn.attempt.fit)
    except (DownloadFailed, MediaError) as error:
        return await _not_fetched(turn, backend, spec, error)
    except OSError as error:
        raise _unwritable(target, turn.job.id, error) from error
    point("file.renamed")
    settled = _settled(turn, spec, artifact)
    refused = await _refusal(turn, settled, artifact, plugins)
    if refused is None:
        artifact = await _placed(turn, artifact)
    await _settle(turn, settled, artifact, refused)
    return None


async def _fetched(output: Output, target: Path, backend: Backend, fit: Fit) -> Artifact:
    """The clip on disk. What has its name is whole already: the process that fetched it died afterwards.

    The name holds the attempt's own random tag, so nothing else can have it.
    """
    if not await anyio.Path(target).exists():
        await brought_home(output, target, backend)
    try:
        info = await anyio.to_thread.run_sync(probe, target)
    except MediaError:
        await anyio.Path(target).unlink()
        raise
    return Artifact(path=target, info=info, label=backend.plugin.label, mismatches=mismatches(fit, info))


async def brought_home(output: Output, target: Path, backend: Backend) -> None:
    """A vendor's result under `target`. Raises DownloadFailed, and OSError where it cannot be written."""
    await anyio.Path(target.parent).mkdir(parents=True, exist_ok=True, mode=0o700)
    if output.path is not None:
        await anyio.to_thread.run_sync(_copy, output.path, target)
    else:
        assert output.url is not None, "an output is an address or a file"
        await download(output.url, target, client=backend.context.outputs)


def _settled(turn: Turn, spec: ModelSpec, artifact: Artifact) -> Attempt:
    now = turn.clock.now()
    stored = moved(turn.attempt, S.STORED, now, write="W5")
    usage = {**_measured(stored.fit, artifact), **stored.usage}
    return replace(
        moved(stored, S.SETTLED, now, write="W6"),
        cost=delivered_cost(replace(stored, usage=usage), spec),
        hold_micros=0,
        outputs=without_secrets(stored.outputs),
    )


async def _refusal(turn: Turn, settled: Attempt, artifact: Artifact, plugins: Plugins) -> Failure | None:
    """What the application's own checks have against the clip, before anybody gets it."""
    attempts = (*turn.job.attempts[:-1], settled)
    job = replace(turn.job, attempts=attempts, artifact=artifact, status=JobStatus.SUCCEEDED)
    try:
        await plugins.check_video(delivered(job))
    except MediaError as error:
        hint = f"it is paid for; the file is kept: {artifact.path}"
        return Failure(kind="VideoRefused", message=error.message, stage="result", charged="yes", hint=hint)
    return None


def words_of(job: Job) -> dict[str, str]:
    """What an output template may say of a job whose latest attempt delivered."""
    attempt = job.attempts[-1]
    return {
        "job_id": job.id,
        "batch_id": job.metadata.get("batch", "single"),
        "index": job.metadata.get("clip", "0"),
        "prompt": slug(job.request.prompt) or "clip",
        "attempt": str(attempt.number),
        "provider": attempt.provider,
        "model": attempt.model,
        "day": f"{job.created_at:%Y-%m-%d}",
    }


async def _placed(turn: Turn, artifact: Artifact) -> Artifact:
    """The file under the name that the caller's template gives it; where that fails, where it lies now."""
    template, folder = turn.job.options.output, turn.job.options.output_folder
    if template is None or folder is None:
        return artifact
    try:
        path = await anyio.to_thread.run_sync(place, artifact.path, folder, template, words_of(turn.job))
    except (OSError, MediaError) as error:
        turn.say(EventKind.TROUBLE, message=f"the file stays at {artifact.path}: {error}")
        return artifact
    return replace(artifact, path=path)


async def _settle(turn: Turn, settled: Attempt, artifact: Artifact, refused: Failure | None) -> None:
    ending = {} if refused is None else {"status": JobStatus.FAILED, "failure": refused}
    await turn.save(settled, artifact=artifact, **ending)
    for mismatch in artifact.mismatches:
        turn.say(EventKind.MISMATCH, message=str(mismatch))
    turn.say(EventKind.ATTEMPT_ENDED, cost=settled.cost)
    turn.say(EventKind.JOB_ENDED, message=turn.job.status.value, cost=turn.job.cost)


def _measured(fit: Fit, artifact: Artifact) -> dict[str, UsageValue]:
    """What a price per megapixel or per second needs, measured where the vendor does not report it.

    A length within a quarter of a second of the ordered one is the ordered one: encoders round to frames,
    vendors bill whole seconds.
    """
    info = artifact.info
    usage: dict[str, UsageValue] = {"width": info.width, "height": info.height, "frames": info.frames}
    if abs(info.duration - fit.duration) > _ROUNDING:
        usage["output_seconds"] = round(info.duration, 3)
    return usage


async def _not_fetched(
    turn: Turn, backend: Backend, spec: ModelSpec, error: DownloadFailed | MediaError
) -> datetime | None:
    """It is paid for: tried again, at a fresh address where there is one, until the vendor has removed it."""
    await _refresh(turn, backend, spec)
    if turn.attempt.state is not S.DOWNLOADING:
        return None
    return await trouble(turn, _failure(error))


async def _refresh(turn: Turn, backend: Backend, spec: ModelSpec) -> None:
    """Ask again where the result lies: some vendors sign a fresh address at every fetch, and some have it no
    more.
    """
    ref = turn.attempt.ref
    if ref is None:
        return
    try:
        update = await look(backend, ref)
    except Exception as error:
        failure = went_wrong(backend, error, stage="result")
        turn.say(EventKind.TROUBLE, failure=failure, message=failure.message)
        return
    await turn.save(observe(turn.attempt, update, spec, turn.clock.now()))
    attempt = turn.attempt
    if attempt.state in TERMINAL:
        turn.say(EventKind.ATTEMPT_ENDED, failure=attempt.failure, cost=attempt.cost)


def _failure(error: DownloadFailed | MediaError) -> Failure:
    if isinstance(error, DownloadFailed):
        return replace(Failure.of(error), stage="download", charged="yes")
    return Failure(
        kind="DownloadFailed", message=error.message, stage="download", charged="yes", transient=True
    )


def _unwritable(target: Path, job_id: str, error: OSError) -> StoreError:
    return StoreError(
        f"the clip of job {job_id} is paid for and cannot be kept in {target.parent}:"
        f" {error.strerror or error}",
        field="store",
        hint=f"make that folder writable, then go on with: anyvideo resume {job_id}",
    )


def _copy(source: Path, target: Path) -> None:
    part = target.with_suffix(".part")
    try:
        whole = source.open("rb")
    except OSError as error:
        raise DownloadFailed(f"the result cannot be read from {source}: {error.strerror}") from error
    with whole, part.open("wb") as copy:
        shutil.copyfileobj(whole, copy)
    part.replace(target)
