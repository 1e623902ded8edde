"""One `[[model]]` becomes a spec."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import TypeVar

from anyvideo.catalog.shape import read_shape
from anyvideo.catalog.spec import (
    ComputeTime,
    Length,
    ModelSpec,
    ModelStatus,
    Price,
    PriceUnit,
    Rate,
)
from anyvideo.catalog.table import Table
from anyvideo.types.request import Task

T = TypeVar("T")

WORDS = ("prompt", "negative_prompt", "image", "seed", "audio", "steps", "motion")
"""Our words that `[model.inputs]` may translate."""

AXES = ("resolution", "aspect_ratio", "audio", "task", "duration")
"""What a price may depend on."""

SELECTORS = frozenset({"cheapest", "stand-in"})
"""Words of a route that are no family's name."""

_FAMILY = re.compile(r"[a-z0-9][a-z0-9._-]*")


def read_model(t: Table, *, id_: str, vendor: str, base: ModelSpec | None = None) -> ModelSpec:
    """The spec in a table; what the table leaves out comes from `base`. Raises CatalogError."""

    def get(key: str, read: Callable[[str], T], kept: Callable[[ModelSpec], T], *default: T) -> T:
        if t.has(key):
            return read(key)
        if base is not None:
            return kept(base)
        return default[0] if default else read(key)

    inputs = get("inputs", t.words, lambda b: dict(b.inputs))
    checked = get("checked", t.day, lambda b: b.checked)
    source = get("source", t.text, lambda b: b.source)
    median, p99 = get("time", lambda key: _time(t.table(key)), lambda b: (b.median_seconds, b.p99_seconds))
    spec = ModelSpec(
        id=id_,
        vendor=vendor,
        family=get("family", t.text, lambda b: b.family, None),
        slug=get("slug", t.text, lambda b: b.slug, id_.partition("/")[2]),
        version=get("version", t.text, lambda b: b.version, None),
        version_variable=get("version_variable", t.text, lambda b: b.version_variable, None),
        official=get("official", t.flag, lambda b: b.official, False),
        tasks=get("tasks", lambda key: _tasks(t, key), lambda b: b.tasks),
        status=get("status", lambda key: _status(t, key), lambda b: b.status),
        retires=get("retires", t.day, lambda b: b.retires, None),
        replacement=get("replacement", t.text, lambda b: b.replacement, None),
        checked=checked,
        source=source,
        inputs=inputs,
        required=get("required", lambda key: frozenset(t.texts(key)), lambda b: b.required, frozenset()),
        constants=get("constants", t.scalars, lambda b: dict(b.constants), {}),
        length=get("length", lambda key: _length(t.table(key)), lambda b: b.length),
        shape=get("shape", lambda key: read_shape(t.table(key)), lambda b: b.shape),
        prompt_limit=get("prompt_limit", t.whole, lambda b: b.prompt_limit, None),
        audio=get("audio", t.flag, lambda b: b.audio, "audio" in inputs),
        prices=get("price", lambda key: _prices(t, key, checked, source), lambda b: b.prices, ()),
        compute=get("compute", lambda key: _compute(t.table(key)), lambda b: b.compute, None),
        median_seconds=median,
        p99_seconds=p99,
        notes=get("notes", t.text, lambda b: b.notes, None),
    )
    t.done()
    _check(t, spec)
    return spec


def _tasks(t: Table, key: str) -> tuple[Task, ...]:
    return tuple(Task(word) for word in t.choices(key, tuple(Task)))


def _status(t: Table, key: str) -> ModelStatus:
    return ModelStatus(t.choice(key, tuple(ModelStatus)))


def _time(t: Table) -> tuple[float, float]:
    median, p99 = t.number("median"), t.number("p99")
    if p99 < median:
        t.fail("p99", f"must be at least the median of {median:g}, not {p99:g}")
    t.done()
    return median, p99


def _compute(t: Table) -> ComputeTime:
    spec = ComputeTime(expected=t.number("expected"), ceiling=t.number("ceiling"), source=t.text("source"))
    if spec.ceiling < spec.expected:
        t.fail("ceiling", f"must be at least the expected {spec.expected:g}, not {spec.ceiling:g}")
    t.done()
    return spec


def _prices(t: Table, key: str, checked: date, source: str) -> tuple[Price, ...]:
    return tuple(_price(row, checked, source) for row in t.tables(key))


def _price(t: Table, checked: date, source: str) -> Price:
    unit = PriceUnit(t.choice("per", tuple(PriceUnit)))
    if (unit is PriceUnit.CREDIT) != t.has("credits"):
        t.fail("credits", "belongs to prices per credit, and only to them")
    when = t.scalars("when") if t.has("when") else {}
    for axis in when:
        if axis not in AXES:
            t.fail(f"when.{axis}", "is not known", f"a price may depend on {', '.join(AXES)}")
    price = Price(
        per=unit,
        amount=t.amount("amount"),
        when=when,
        checked=t.day("checked") if t.has("checked") else checked,
        source=t.text("source") if t.has("source") else source,
        credits=t.amount("credits") if t.has("credits") else None,
    )
    t.done()
    return price


def _length(t: Table) -> Length:
    kinds = [kind for kind in ("seconds", "minimum", "choices", "frames") if t.has(kind)]
    if len(kinds) != 1:
        t.fail("seconds", "must be the only one of seconds, minimum and maximum, choices, frames")
    given = t.text("input") if t.has("input") else None
    if "frames" in kinds and given is not None:
        t.fail("frames", "is fixed and not sent", "use choices for a model that is told")
    length = Length(
        input=given,
        form=_form(t) if t.has("form") else None,
        seconds=t.numbers("seconds") if "seconds" in kinds else (),
        minimum=t.number("minimum") if "minimum" in kinds else None,
        maximum=t.number("maximum") if "minimum" in kinds else None,
        step=t.number("step") if t.has("step") else 1.0,
        default=t.number("default"),
        frames=_frames(t, kinds[0]),
        rate=_rate(t) if t.has("fps") else None,
    )
    t.done()
    _check_length(t, length)
    return length


def _form(t: Table) -> str:
    form = t.text("form")
    if form.count("{}") != 1:
        t.fail("form", f"must hold one '{{}}' for the seconds, not {form!r}")
    return form


def _frames(t: Table, kind: str) -> Mapping[str, int]:
    if kind == "choices":
        return t.counts("choices")
    if kind == "frames":
        count = t.whole("frames")
        return {str(count): count}
    return {}


def _rate(t: Table) -> Rate:
    if not t.is_table("fps"):
        fps = t.number("fps", least=1)
        return Rate(input=None, minimum=fps, maximum=fps, default=fps)
    row = t.table("fps")
    rate = Rate(
        input=row.text("input") if row.has("input") else None,
        minimum=row.number("min", least=1),
        maximum=row.number("max", least=1),
        default=row.number("default", least=1),
    )
    if not rate.minimum <= rate.default <= rate.maximum:
        row.fail("default", f"must lie between min and max, not {rate.default:g}")
    row.done()
    return rate


def _check_length(t: Table, length: Length) -> None:
    if length.frames and length.rate is None:
        t.fail("fps", "is missing: frames are not seconds without it")
    if length.seconds and length.default not in length.seconds:
        t.fail("default", f"must be one of the seconds, not {length.default:g}")
    if length.minimum is not None and length.maximum is not None:
        if length.maximum < length.minimum:
            t.fail("maximum", f"must be at least the minimum of {length.minimum:g}")
        if not length.minimum <= length.default <= length.maximum:
            t.fail("default", f"must lie between minimum and maximum, not {length.default:g}")


def _check(t: Table, spec: ModelSpec) -> None:
    for word in spec.inputs:
        if word not in WORDS:
            t.fail(f"inputs.{word}", "is not known", f"our words are {', '.join(WORDS)}")
    for word in spec.required:
        if word not in spec.inputs:
            t.fail("required", f"names {word!r}, which is not in inputs")
    for task, word in ((Task.TEXT_TO_VIDEO, "prompt"), (Task.IMAGE_TO_VIDEO, "image")):
        if task in spec.tasks and word not in spec.inputs:
            t.fail("tasks", f"has {task}, but inputs has no {word}")
    if Task.TEXT_TO_VIDEO in spec.tasks and "image" in spec.required:
        t.fail("required", f"names 'image', but tasks has {Task.TEXT_TO_VIDEO}")
    if spec.family is not None and (spec.family in SELECTORS or not _FAMILY.fullmatch(spec.family)):
        t.fail("family", f"cannot be {spec.family!r}")
    if any(price.per is PriceUnit.COMPUTE_SECOND for price in spec.prices) and spec.compute is None:
        t.fail("compute", "is missing: a price per compute second needs the time that a clip takes")
