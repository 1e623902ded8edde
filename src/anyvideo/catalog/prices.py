"""Prices become quotes and costs. Pure: the day comes in as an argument."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeVar

from anyvideo.catalog.spec import ModelSpec, Price, PriceUnit
from anyvideo.types.job import UsageValue
from anyvideo.types.money import MICROS_PER_DOLLAR, Cost, CostBasis, Quote, cost_micros, hold_micros
from anyvideo.types.plan import Fit

T = TypeVar("T")

FRESH = timedelta(days=90)
"""A price that was checked longer ago is shown as stale."""

MOST_MICROS = 10_000 * MICROS_PER_DOLLAR
"""No clip costs more: a vendor's measure that comes to more is not believed."""

_MOST_UNITS = 10_000_000
"""More seconds, frames, pixels in a row or credits than any clip has."""


def quote(spec: ModelSpec, fit: Fit, *, today: date, vendor_deadline: bool) -> Quote:
    """What the fit should cost and what it can cost at the most.

    Both are None where no price is known, never 0. A price per compute second has a ceiling only where
    the vendor stops the job at a deadline.
    """
    rows = _matching(spec, _axes(fit))
    usage = {} if spec.compute is None else {"compute_seconds": spec.compute.expected}
    expected = _amount(rows, fit, usage)
    if rows is None or expected is None:
        return Quote(expected_micros=None, ceiling_micros=None)
    most = {} if spec.compute is None else {"compute_seconds": spec.compute.ceiling}
    ceiling = _amount(rows, fit, most) if vendor_deadline or not _per_compute(rows) else None
    return Quote(
        expected_micros=hold_micros(expected),
        ceiling_micros=None if ceiling is None else hold_micros(ceiling),
        stale=any(today - row.checked > FRESH for row in rows),
    )


def computed_cost(spec: ModelSpec, fit: Fit, usage: Mapping[str, UsageValue]) -> Cost | None:
    """Usage times price, for a clip that was made; None where that cannot be known.

    Usage keys: `compute_seconds`, `output_seconds`, `videos`, `credits`, `frames`, `width`, `height`,
    `resolution`, `audio`. What the vendor does not report is taken as ordered, except compute seconds,
    which no order fixes; so is a measure below 0 or beyond all sense.
    """
    amount = _amount(_matching(spec, {**_axes(fit), **_reported_axes(usage)}), fit, usage)
    micros = None if amount is None else cost_micros(amount)
    if micros is None or not 0 <= micros <= MOST_MICROS:
        return None
    return Cost(micros=micros, basis=CostBasis.COMPUTED)


def vendor_deadline_seconds(spec: ModelSpec) -> float | None:
    """How long the vendor may work on one clip, where each second costs; None where it does not."""
    return spec.compute.ceiling if spec.compute is not None and _per_compute(spec.prices) else None


def _per_compute(rows: tuple[Price, ...]) -> bool:
    return any(row.per is PriceUnit.COMPUTE_SECOND for row in rows)


def _axes(fit: Fit) -> dict[str, UsageValue | None]:
    return {
        "resolution": fit.resolution,
        "aspect_ratio": fit.aspect_ratio,
        "audio": fit.audio,
        "task": str(fit.task),
        "duration": fit.duration,
    }


def _reported_axes(usage: Mapping[str, UsageValue]) -> dict[str, UsageValue | None]:
    return {axis: usage[axis] for axis in ("resolution", "audio") if axis in usage}


def _matching(spec: ModelSpec, axes: Mapping[str, UsageValue | None]) -> tuple[Price, ...] | None:
    """The rows that add up; None where one of the units has no row for this, as the sum would be too low."""
    rows = tuple(
        price for price in spec.prices if all(axes[axis] == value for axis, value in price.when.items())
    )
    if not rows or {row.per for row in rows} != {price.per for price in spec.prices}:
        return None
    return rows


def _amount(rows: tuple[Price, ...] | None, fit: Fit, usage: Mapping[str, UsageValue]) -> Decimal | None:
    """Dollars for all rows together; None where a quantity is not known."""
    if rows is None:
        return None
    total = Decimal(0)
    for row in rows:
        quantity = _quantity(row, fit, usage)
        if quantity is None:
            return None
        total += row.amount * quantity
    return total


def _quantity(row: Price, fit: Fit, usage: Mapping[str, UsageValue]) -> Decimal | None:
    """How many units of this row the clip takes."""
    if row.per is PriceUnit.VIDEO:
        return _first(_number(usage, "videos"), Decimal(1))
    if row.per is PriceUnit.COMPUTE_SECOND:
        return _number(usage, "compute_seconds")
    if row.per is PriceUnit.MEGAPIXEL:
        return _megapixels(fit, usage)
    seconds = _seconds(fit, usage)
    if row.per is PriceUnit.CREDIT:
        return _first(_number(usage, "credits"), seconds * _first(row.credits, Decimal(1)))
    return seconds


def _seconds(fit: Fit, usage: Mapping[str, UsageValue]) -> Decimal:
    return _first(_number(usage, "output_seconds"), _exact(fit.duration))


def _megapixels(fit: Fit, usage: Mapping[str, UsageValue]) -> Decimal | None:
    """Millions of pixels in all frames."""
    ordered = (None, None) if fit.size is None else (_exact(fit.size[0]), _exact(fit.size[1]))
    counted = None if fit.fps is None else _seconds(fit, usage) * _exact(fit.fps)
    width = _first(_number(usage, "width"), ordered[0])
    height = _first(_number(usage, "height"), ordered[1])
    frames = _first(_number(usage, "frames"), counted)
    if width is None or height is None or frames is None:
        return None
    return width * height * frames / 1_000_000


def _first(value: Decimal | None, otherwise: T) -> Decimal | T:
    return otherwise if value is None else value


def _number(usage: Mapping[str, UsageValue], key: str) -> Decimal | None:
    value = usage.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _exact(value) if 0 <= value <= _MOST_UNITS else None


def _exact(value: float) -> Decimal:
    """The decimal that a reader sees: 0.1 is one tenth."""
    return Decimal(str(value))
