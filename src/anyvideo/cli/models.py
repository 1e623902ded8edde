"""`anyvideo models` and `anyvideo providers`: what is installed and what it can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from anyvideo.cli.console import emit, notes, results, table
from anyvideo.cli.documents import provider_document, spec_document
from anyvideo.cli.options import AsJson, ModelId
from anyvideo.cli.session import session_of

if TYPE_CHECKING:
    from decimal import Decimal

    from anyvideo.catalog.spec import Length, ModelSpec
    from anyvideo.client import ProviderInfo

models_app = typer.Typer(rich_markup_mode=None)


@models_app.callback(invoke_without_command=True)
def models(
    ctx: typer.Context,
    as_json: AsJson = False,
) -> None:
    """List all models with their declared facts."""
    if ctx.invoked_subcommand is not None:
        return
    with session_of(ctx).client() as client:
        specs = client.models()
    if as_json:
        emit([spec_document(spec) for spec in specs])
        return
    rows = table("model", "family", "takes", "seconds", "price", "status", whole=("model",))
    for spec in specs:
        rows.add_row(
            spec.id, spec.family or "", _takes(spec), _lengths(spec.length), _price(spec), _status(spec)
        )
    results().print(rows)


@models_app.command("forget")
def forget(
    ctx: typer.Context,
    model: ModelId = None,
    as_json: AsJson = False,
) -> None:
    """Ask models again that were found unavailable."""
    with session_of(ctx).client() as client:
        count = client.forget_models(model)
    if as_json:
        emit({"forgotten": count})
    else:
        results().print(f"forgot {count} {'fact' if count == 1 else 'facts'} about unavailable models")


def providers(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the provider plugins and what they lack."""
    with session_of(ctx).client() as client:
        found = client.providers()
    if as_json:
        emit([provider_document(info) for info in found])
        return
    if not found:
        notes().print('no provider plugin is installed: pip install "anyvideo[all]"')
    rows = table("provider", "plugin", "models", "ready", "what is missing", whole=("provider", "ready"))
    for info in found:
        rows.add_row(
            info.name, f"{info.distribution} {info.version}", str(info.models), _ready(info), _missing(info)
        )
    results().print(rows)


def _ready(info: ProviderInfo) -> str:
    return "broken" if info.problem else "yes" if info.ready else "no"


def _missing(info: ProviderInfo) -> str:
    return info.problem or info.missing or ""


def _takes(spec: ModelSpec) -> str:
    return "\n".join(str(task).removesuffix("_to_video") for task in spec.tasks)


def _lengths(length: Length) -> str:
    rate = length.rate
    if length.frames and rate is not None:
        shortest = min(length.frames.values()) / rate.maximum
        return _span(shortest, max(length.frames.values()) / rate.minimum)
    if length.seconds:
        return ", ".join(f"{seconds:g}" for seconds in length.seconds)
    return _span(length.minimum or length.default, length.maximum or length.default)


def _span(least: float, most: float) -> str:
    return f"{least:.3g}" if least == most else f"{least:.3g}-{most:.3g}"


def _price(spec: ModelSpec) -> str:
    """The cheapest and the dearest row for each unit."""
    amounts: dict[str, list[Decimal]] = {}
    for price in spec.prices:
        amounts.setdefault(str(price.per).replace("_", " "), []).append(price.amount)
    lines = [
        "-".join(f"{dollars:f}" for dollars in sorted({min(found), max(found)})) + f" / {unit}"
        for unit, found in amounts.items()
    ]
    return "\n".join(lines) or "unknown"


def _status(spec: ModelSpec) -> str:
    return str(spec.status) + (f"\nuntil {spec.retires}" if spec.retires else "")
