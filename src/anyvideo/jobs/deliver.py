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
from anyvideo.jobs.follow import trouble
from anyvideo.jobs.observe import delivered_cost, ended, moved, observe, without_secrets
from anyvideo.jobs.points import point
from anyvideo.jobs.turn import Turn
from anyvideo.jobs.verdict import failure_of
from anyvideo.media.download import download
from anyvideo.media.probe import probe
from anyvideo.net.scopes import free_call
from anyvideo.types.errors import DownloadFailed, MediaError
from anyvideo.types.events import EventKind
from anyvideo.types.job import Artifact, Failure, Output, UsageValue
from anyvideo.types.states import AttemptState

S = AttemptState


async def deliver(turn: Turn, backend: Backend, spec: ModelSpec) -> datetime | None:
    """Fetch, check and settle. Returns when to try again; None: done, or the result is lost for good."""
    attempt = turn.attempt
    now = turn.clock.now()
    if attempt.due_at is not None and now < attempt.due_at and attempt.trouble:
        return attempt.due_at
    if attempt.state is S.OUTPUT_READY:
        await turn.save(moved(attempt, S.DOWNLOADING, now))
        turn.say(EventKind.DOWNLOADING)
    point("file.part")
    target = turn.store.folder / "videos" / f"{turn.job.id}.{attempt.number}.mp4"
    try:
        artifact = await _fetched(turn.attempt.outputs[0], target, backend)
    except (DownloadFailed, MediaError) as error:
        return await _not_fetched(turn, backend, spec, error)
    point("file.renamed")
    await _settle(turn, spec, artifact)
    return None


async def _fetched(output: Output, target: Path, backend: Backend) -> Artifact:
    await anyio.Path(target.parent).mkdir(parents=True, exist_ok=True, mode=0o700)
    if output.path is not None:
        await anyio.to_thread.run_sync(_copy, output.path, target)
    else:
        assert output.url is not None, "an output is an address or a file"
        await download(output.url, target, client=backend.context.outputs)
    info = await anyio.to_thread.run_sync(probe, target)
    return Artifact(path=target, info=info, label=backend.plugin.label)


async def _settle(turn: Turn, spec: ModelSpec, artifact: Artifact) -> None:
    now = turn.clock.now()
    stored = moved(turn.attempt, S.STORED, now, write="W5")
    settled = replace(
        moved(stored, S.SETTLED, now, write="W6"),
        cost=delivered_cost(replace(stored, usage={**_measured(artifact), **stored.usage}), spec),
        hold_micros=0,
        outputs=without_secrets(stored.outputs),
    )
    await turn.save(settled, artifact=artifact)
    turn.say(EventKind.ATTEMPT_ENDED, cost=settled.cost)
    turn.say(EventKind.JOB_ENDED, message=turn.job.status.value, cost=turn.job.cost)


def _measured(artifact: Artifact) -> dict[str, UsageValue]:
    """What a price per megapixel needs, measured where the vendor does not report it."""
    info = artifact.info
    return {"width": info.width, "height": info.height, "frames": round(info.duration * info.fps)}


async def _not_fetched(
    turn: Turn, backend: Backend, spec: ModelSpec, error: DownloadFailed | MediaError
) -> datetime | None:
    """It is paid for: tried again, at a fresh address where there is one, until the vendor has removed it."""
    await _refresh(turn, backend, spec)
    if turn.attempt.state is not S.DOWNLOADING:
        return None
    return await trouble(turn, _failure(error))


async def _refresh(turn: Turn, backend: Backend, spec: ModelSpec) -> None:
    """Ask again where the result lies: some vendors sign a fresh address at every fetch."""
    ref = turn.attempt.ref
    if ref is None:
        return
    try:
        async with free_call():
            update = await backend.provider.fetch(ref)
    except Exception as error:
        failure = failure_of(error, explain=backend.provider.explain, stage="result")
        turn.say(EventKind.TROUBLE, failure=failure, message=failure.message)
        return
    if not update.gone:
        await turn.save(observe(turn.attempt, update, spec, turn.clock.now()))
        return
    lost = Failure(
        kind="ResultGone", message="the vendor has removed the result", stage="result", charged="yes"
    )
    attempt = ended(turn.attempt, S.EXPIRED, lost, spec, turn.clock.now())
    await turn.save(replace(attempt, cost=delivered_cost(turn.attempt, spec)))
    turn.say(EventKind.ATTEMPT_ENDED, failure=lost, cost=turn.attempt.cost)


def _failure(error: DownloadFailed | MediaError) -> Failure:
    if isinstance(error, DownloadFailed):
        return replace(Failure.of(error), stage="download", charged="yes")
    return Failure(
        kind="DownloadFailed", message=error.message, stage="download", charged="yes", transient=True
    )


def _copy(source: Path, target: Path) -> None:
    part = target.with_suffix(".part")
    shutil.copyfile(source, part)
    part.replace(target)
