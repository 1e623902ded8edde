"""`anyvideo plan`: what `generate` would do, at what price, and why the rest was turned down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from anyvideo.cli import options as opt
from anyvideo.cli.console import as_options, emit, results, table
from anyvideo.cli.documents import amount, error_document, plan_document
from anyvideo.cli.errors import ExitCode, show_error
from anyvideo.cli.output import Target
from anyvideo.cli.session import session_of
from anyvideo.types.errors import NoModelFits
from anyvideo.types.money import parse_cap

if TYPE_CHECKING:
    from anyvideo.types.money import Quote
    from anyvideo.types.plan import Candidate, Plan


def plan(
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
    output: opt.Output = None,
    as_json: opt.AsJson = False,
) -> None:
    """Show models, prices and reasons; spends nothing."""
    wish = opt.given(locals(), opt.WISH)
    opt.check_seconds(timeout=timeout, attempt_timeout=attempt_timeout, poll_interval=poll_interval)
    cap = None if max_cost is None else parse_cap(max_cost, "max_cost")
    if output is not None:
        Target.of(output)
    with session_of(ctx).client() as client:
        try:
            found = client.plan(prompt, **wish)
        except NoModelFits as error:
            if error.plan is None:
                raise
            found = error.plan
    if found.candidates:
        emit(plan_document(found)) if as_json else _show(found, cap)
        return
    nothing = NoModelFits("no model of the route can do this", plan=found, hint="the reasons are listed")
    if as_json:
        emit(plan_document(found) | error_document(nothing))
    else:
        show_error(nothing)
    raise typer.Exit(ExitCode.NOTHING_FITS)


def _show(found: Plan, cap: int | None) -> None:
    console = results()
    rows = table("#", "model", "expected", "at most", "ready", "changes", whole=("#", "model", "ready"))
    for number, candidate in enumerate(found.candidates, 1):
        rows.add_row(
            str(number),
            candidate.model,
            _money(candidate.quote, ceiling=False),
            _money(candidate.quote, ceiling=True),
            "yes" if candidate.ready else "no",
            str(len(candidate.fit.adjustments) or ""),
        )
    console.print(rows)
    for candidate in found.candidates:
        for remark in _remarks(candidate, cap):
            console.print(f"{candidate.model}: {remark}", soft_wrap=True)
    if found.rejections:
        console.print("\nturned down:")
        for rejection in found.rejections:
            console.print(f"  {rejection.model}: {as_options(rejection.reason)}", soft_wrap=True)


def _remarks(candidate: Candidate, cap: int | None) -> Iterator[str]:
    yield from map(str, candidate.fit.adjustments)
    if candidate.missing:
        yield f"not ready: {candidate.missing}"
    if _over(candidate, cap):
        yield "may cost more than --max-cost and would be skipped"
    if candidate.quote.ceiling_micros is None:
        yield "its price is not known: no cap and no budget can bound what it costs"
    if candidate.quote.stale:
        yield "* its price was checked more than 90 days ago"


def _over(candidate: Candidate, cap: int | None) -> bool:
    ceiling = candidate.quote.ceiling_micros
    return cap is not None and ceiling is not None and ceiling > cap


def _money(quote: Quote, *, ceiling: bool) -> str:
    text = amount(quote.ceiling if ceiling else quote.expected)
    return "unknown" if text is None else f"{text} {quote.currency}{'*' if quote.stale else ''}"
