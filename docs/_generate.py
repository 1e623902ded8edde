"""Write the generated parts of the pages here and of those at the root; with `--check`, name the stale ones.

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import _client
import _project
import _settings
from _markdown import fenced, table

from anyvideo.catalog.spec import ModelSpec
from anyvideo.plugins import Plugins
from anyvideo.provider import ProviderPlugin
from anyvideo.types.states import TERMINAL, TRANSITIONS, JobStatus

HERE = Path(__file__).parent
ROOT = HERE.parent
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(HERE.glob("*.md")))
PART = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> int:
    """Rewrite every page that is stale; with `--check`, leave them and answer 1."""
    stale = [page for page in PAGES if current(page) != page.read_text("utf-8")]
    for page in stale:
        print(f"{page.relative_to(ROOT)} is stale")
        if "--check" not in sys.argv[1:]:
            page.write_text(current(page), "utf-8")
    return int(bool(stale) and "--check" in sys.argv[1:])


def current(page: Path) -> str:
    """The page as it should be."""

    def part(found: re.Match[str]) -> str:
        return f"{found[1]}\n{PARTS[found[2]]().rstrip()}\n\n{found[3]}"

    return PART.sub(part, page.read_text("utf-8"))


def plugins() -> Sequence[ProviderPlugin]:
    """The installed plugins by name."""
    return sorted(Plugins.discover().all, key=lambda plugin: plugin.name)


def diagram() -> str:
    """The attempt's states as a drawing."""
    arrows = [
        f"    {before} --> {after}"
        for before, following in TRANSITIONS.items()
        for after in sorted(following)
    ]
    ends = [f"    {state} --> [*]" for state in TRANSITIONS if state in TERMINAL]
    return fenced("\n".join(["stateDiagram-v2", "    [*] --> created", *arrows, *ends]), "mermaid")


def transitions() -> str:
    """The attempt's states as a table."""
    rows = [
        (f"`{before}`", ", ".join(f"`{after}`" for after in sorted(following)) or "never left")
        for before, following in TRANSITIONS.items()
    ]
    return table(("state", "may become"), rows)


def vendor_words() -> str:
    """Every provider's status words."""
    found = plugins()
    rows = [
        (f"`{status}`", *(", ".join(_words(plugin, status)) or "-" for plugin in found))
        for status in JobStatus
    ]
    return table(("ours", *(plugin.name for plugin in found)), rows)


def _words(plugin: ProviderPlugin, status: JobStatus) -> list[str]:
    return [f"`{word}`" for word, ours in plugin.statuses.items() if ours is status]


def refusals() -> str:
    """What each vendor documents as an answer for which nothing was started."""
    rows = [
        (plugin.name, refusal.status, f"`{refusal.body}`" if refusal.body else "any", refusal.source)
        for plugin in plugins()
        for refusal in plugin.refusals
    ]
    return table(("provider", "status", "body", "source"), rows)


def canceling() -> str:
    """What a cancel does at each provider, and how a lost submit is found again."""
    rows = [
        (plugin.name, plugin.cancels.replace("_", " "), plugin.recovery.kind.replace("_", " "), _life(plugin))
        for plugin in plugins()
    ]
    return table(("provider", "cancel", "a lost submit is found by", "results live"), rows)


def _life(plugin: ProviderPlugin) -> str:
    seconds = plugin.recovery.result_ttl
    return "not said" if seconds is None else f"{seconds / 3600:g} h"


def models() -> str:
    """Every declared model."""
    rows = [
        (
            f"`{spec.id}`",
            spec.family or "-",
            ", ".join(str(task) for task in spec.tasks),
            _prices(spec),
            spec.status,
            spec.checked,
        )
        for plugin in plugins()
        for spec in plugin.catalog.models
    ]
    return table(("model", "family", "tasks", "price in dollars", "status", "checked"), rows)


def _prices(spec: ModelSpec) -> str:
    return "<br>".join(
        f"{price.amount} / {str(price.per).replace('_', ' ')}{_when(price.when)}" for price in spec.prices
    )


def _when(axes: Mapping[str, object]) -> str:
    said = [f"{name} {str(value).lower()}" for name, value in axes.items()]
    return f" ({', '.join(said)})" if said else ""


def error_tree() -> str:
    """The tree in the docstring of the errors."""
    from anyvideo.types import errors

    assert errors.__doc__ is not None
    _, _, tree = errors.__doc__.partition("\n\n")
    return fenced(tree, "text")


def exit_codes() -> str:
    """Every exit code of the command line."""
    from anyvideo.cli.errors import EXIT_CODES, MEANINGS

    rows = [
        (
            f"`{int(code)}`",
            meaning,
            ", ".join(f"`{cls.__name__}`" for cls, leads in EXIT_CODES if leads is code) or "-",
        )
        for code, meaning in MEANINGS.items()
    ]
    return table(("code", "meaning", "errors"), rows)


def afterwards() -> str:
    """Which error leads where."""
    from anyvideo.routing.after import AFTER

    again = {
        "never": "no",
        "retry_after": "yes, after a wait, bounded",
        "once_if_transient": "once, if transient",
    }
    then = {"next": "next", "other_vendor": "next of another vendor", "stop": "none, the job ends"}
    money = {"released": "released", "vendor": "as the vendor bills", "held": "held", "none": "unchanged"}
    rows = [
        (
            f"`{kind}`",
            again[after.again],
            then[after.then],
            money[after.money],
            "a day" if after.remember else "-",
        )
        for kind, after in AFTER.items()
    ]
    return table(("error", "same model again", "next candidate", "hold", "remembered"), rows)


def commands() -> str:
    """Every command with its options."""
    from typer.main import get_command

    from anyvideo.cli import app

    root: Any = get_command(app)
    parts = [_command("anyvideo", root), *(_command(f"anyvideo {name}", one) for name, one in _below(root))]
    return "\n\n".join(parts)


def command_list() -> str:
    """Every command in one line."""
    from typer.main import get_command

    from anyvideo.cli import app

    return table(
        ("command", "does"),
        [(f"`anyvideo {name}`", command.help) for name, command in _below(get_command(app))],
    )


def _below(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in getattr(group, "commands", {}).items():
        if getattr(command, "invoke_without_command", True):
            yield f"{prefix}{name}", command
        yield from _below(command, f"{prefix}{name} ")


def _command(name: str, command: Any) -> str:
    return f"### {name}\n\n{command.help}\n\n{_options(command)}"


def _options(command: Any) -> str:
    rows = [(_spelled(parameter), parameter.help, _default(parameter)) for parameter in command.params]
    return table(("option", "what it does", "default"), rows)


def _spelled(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar}`"
    names = [f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts)]
    return ", ".join(names) + ("" if parameter.is_flag else f" `{parameter.metavar}`")


def _default(parameter: Any) -> str:
    value = parameter.default
    if (value in (None, False, [], ()) and not isinstance(value, int | float | str)) or value is False:
        return "-"
    return f"`{value}`"


PARTS: Mapping[str, Callable[[], str]] = {
    "after": afterwards,
    "canceling": canceling,
    "command-list": command_list,
    "commands": commands,
    "diagram": diagram,
    "error-tree": error_tree,
    "events": _client.events,
    "exit-codes": exit_codes,
    "index": partial(_project.index, ""),
    "index-from-above": partial(_project.index, "docs/"),
    "methods": _client.methods,
    "models": models,
    "options": _client.options,
    "profiles": _settings.profiles,
    "refusals": refusals,
    "sessions": _project.sessions,
    "settings": _settings.keys,
    "transitions": transitions,
    "variables": lambda: _settings.variables(plugins()),
    "vendor-words": vendor_words,
}

if __name__ == "__main__":
    sys.exit(main())
