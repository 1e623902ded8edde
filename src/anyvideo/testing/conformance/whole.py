"""Every declared model through the engine: planned, bought, followed, delivered, settled."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from anyvideo.catalog.prices import quote
from anyvideo.catalog.spec import ModelSpec
from anyvideo.client import AsyncClient
from anyvideo.plugins import Plugins
from anyvideo.settings import load_settings
from anyvideo.testing.conformance.bench import JOB_SECONDS, Bench, in_a_loop
from anyvideo.testing.conformance.rules import calmly, require
from anyvideo.types.job import Attempt
from anyvideo.types.money import CostBasis
from anyvideo.types.plan import Fit
from anyvideo.types.video import Video

_GUESSED = (CostBasis.ESTIMATED, CostBasis.UNKNOWN)


class Whole:
    """The way of a job."""

    def test_every_model_is_bought_and_settled(self, bench: Bench, tmp_path: Path) -> None:
        """One clip of each model and task; what it cost is what the vendor bills."""
        environ = {} if bench.server is None else bench.server.env
        settings = load_settings(environ=environ, folder=tmp_path)

        async def work() -> None:
            async with AsyncClient(
                store="memory:", settings=settings, plugins=Plugins.of(bench.plugin), clock=bench.clock
            ) as client:
                for spec, fit in bench.samples.fits(bench.plugin):
                    with calmly("life-cycle", expected=f"{spec.id} makes its smallest clip, {fit.task}"):
                        video = await _generated(client, bench, spec, fit)
                    _check_cost(bench, spec, fit, video)

        with bench.real_clips():
            in_a_loop(work)


async def _generated(client: AsyncClient, bench: Bench, spec: ModelSpec, fit: Fit) -> Video:
    image = None if fit.image is None else fit.image.url or fit.image.data
    return await client.generate(
        bench.samples.prompt if "prompt" in spec.inputs else None,
        image=image,
        models=[spec.id],
        duration=fit.duration,
        resolution=fit.resolution,
        allow_unpriced=True,
        timeout=30 * JOB_SECONDS,
    )


def _check_cost(bench: Bench, spec: ModelSpec, fit: Fit, video: Video) -> None:
    attempt = video.attempts[-1]
    cost, unpriced = attempt.cost, spec.name in bench.samples.unpriced
    require(
        cost is not None and (unpriced or cost.basis not in _GUESSED),
        "costs",
        expected=f"{spec.id}: a cost that is reported or computed",
        got=cost,
    )
    assert cost is not None
    ceiling = quote(
        spec, fit, today=spec.checked, vendor_deadline=bench.plugin.vendor_deadline
    ).ceiling_micros
    require(
        ceiling is None or cost.micros <= ceiling,
        "costs",
        expected=f"{spec.id}: a cost within what was held, {ceiling} micro-dollars",
        got=cost,
    )
    if bench.server is not None and not unpriced:
        billed = _billed(bench, attempt)
        require(
            cost.amount == billed,
            "costs",
            expected=f"{spec.id}: ${billed}, the vendor's bill",
            got=f"${cost.amount}",
        )


def _billed(bench: Bench, attempt: Attempt) -> Decimal | None:
    assert attempt.ref is not None
    return bench.billed(attempt.ref)
