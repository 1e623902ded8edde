"""The application: main options, commands, and the last guard around them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from anyvideo.cli import (
    batch,
    cassette,
    costs,
    demo,
    generate,
    jobs,
    models,
    plan,
    recover,
    scaffold,
    simulate,
    smoke,
)
from anyvideo.cli import options as opt
from anyvideo.cli.console import forgiving_streams
from anyvideo.cli.errors import failed, usage_error
from anyvideo.cli.session import Session
from anyvideo.types.errors import AnyVideoError

_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]


class Front(TyperGroup):
    """Turns what a command raises into words or JSON and an exit code, also for wrong options."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        words = list(sys.argv[1:] if args is None else args)
        as_json = "--json" in words[: words.index("--")] if "--" in words else "--json" in words
        forgiving_streams()

        call = super().main
        try:
            try:
                alone = standalone_mode and not as_json
                code = call(words, prog_name, complete_var, alone, windows_expand_args, **extra)
            except AnyVideoError as error:
                raise failed(error, as_json=as_json) from None
            except _USAGE_ERROR as error:
                if not as_json:
                    raise
                raise failed(usage_error(error), as_json=True) from None
        except typer.Exit as end:
            code = end.exit_code
        if standalone_mode:
            sys.exit(code or 0)
        return code


app = typer.Typer(
    name="anyvideo",
    cls=Front,
    help="A video from a prompt or an image, from whichever model works today, at a known price.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"anyvideo {version('anyvideo')}")
        raise typer.Exit


@app.callback()
def main(
    ctx: typer.Context,
    store: opt.Store = None,
    profile: opt.Profile = None,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Keep the main options for the commands."""
    ctx.obj = Session(store=store, profile=profile)


app.command("generate")(generate.generate)
app.command("plan")(plan.plan)
app.command("batch")(batch.batch)
app.add_typer(models.models_app, name="models")
app.command("providers")(models.providers)
app.add_typer(jobs.jobs_app, name="jobs")
app.command("resume")(jobs.resume)
app.command("cancel")(jobs.cancel)
app.command("recover")(recover.recover)
app.command("costs")(costs.costs)
app.command("budgets")(costs.budgets)
app.command("simulate")(simulate.simulate)
app.command("demo")(demo.demo)
app.add_typer(cassette.cassette_app, name="cassette")
app.command("new-provider")(scaffold.new_provider)
app.command("smoke")(smoke.smoke)
