"""`anyvideo generate`: one prompt in, one clip out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from anyvideo.cli import options as opt
from anyvideo.cli.follow import followed
from anyvideo.cli.output import Target, deliver, saved
from anyvideo.cli.progress import Watch
from anyvideo.cli.session import session_of

if TYPE_CHECKING:
    from anyvideo.types.video import Video


def generate(
    ctx: typer.Context,
    prompt: opt.Prompt = None,
    image: opt.ImageOption = None,
    image_transfer: opt.ImageTransfer = None,
    image_fallback: opt.ImageFallback = None,
    models: opt.Models = None,
    duration: opt.Duration = None,
    aspect_ratio: opt.AspectRatio = None,
    resolution: opt.Resolution = None,
    fps: opt.Fps = None,
    seed: opt.Seed = None,
    negative_prompt: opt.NegativePrompt = None,
    audio: opt.Audio = None,
    steps: opt.Steps = None,
    motion: opt.Motion = None,
    max_cost: opt.MaxCost = None,
    timeout: opt.Timeout = None,
    attempt_timeout: opt.AttemptTimeout = None,
    poll_interval: opt.PollInterval = None,
    strict: opt.Strict = False,
    allow_unpriced: opt.AllowUnpriced = False,
    on_unknown: opt.OnUnknownOption = None,
    max_duplicate_cost: opt.MaxDuplicateCost = None,
    budgets: opt.BudgetOption = None,
    idempotency_key: opt.IdempotencyKey = None,
    cache: opt.Cache = False,
    job_id: opt.OwnJobId = None,
    metadata: opt.Metadata = None,
    output: opt.Output = None,
    as_json: opt.AsJson = False,
) -> None:
    """Buy one clip, wait for it and save it."""
    wish = opt.given(locals(), opt.WISH + opt.DRIVE)
    wish |= {"metadata": opt.read_metadata(metadata), "budgets": opt.read_budgets(budgets)}
    session = session_of(ctx)
    settings = session.settings()
    target = Target.of(output, settings.output, template=settings.template)
    wish |= {} if target.recorded is None else {"output": target.recorded}
    watch, lasting = Watch(), session.lasting(settings)
    with session.client(watch, settings=replace(settings, output=target.folder, template=None)) as client:

        def bought() -> tuple[Video, Path]:
            job = client.submit(prompt, **wish)
            if not watch.recorded:
                watch.reused(job)
            video = client.wait(job, timeout=timeout)
            return video, saved(video, target, job=client.job(video.job_id), lasting=lasting)

        video, path = followed(client, watch, bought, as_json=as_json, lasting=lasting)
    deliver(video, path, as_json=as_json)
